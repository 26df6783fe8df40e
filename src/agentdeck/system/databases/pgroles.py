"""A PostgreSQL role of an agent's own: it owns its database or schema, and has no right to anything else."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agentdeck.errors import DatabaseError, RefusedError
from agentdeck.system.databases.pgserver import PostgresServer

if TYPE_CHECKING:
    import psycopg

_GIVE = """
do $body$
declare each record; owner text := {role}; wanted text := {schema};
begin
    for each in select nspname from pg_namespace
        where nspname !~ '^pg_' and nspname <> 'information_schema' and (wanted = '' or nspname = wanted)
    loop
        begin
            execute format('alter schema %I owner to %I', each.nspname, owner);
        exception when insufficient_privilege then null;  -- “public”, which is of whoever owns the database
        end;
    end loop;
    for each in select c.oid::regclass as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and (wanted = '' or n.nspname = wanted)
        and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not exists (select from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i', 'e'))
    loop execute format('alter table %s owner to %I', each.name, owner); end loop;
    for each in select p.oid::regprocedure as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and (wanted = '' or n.nspname = wanted)
        and not exists (select from pg_depend d
            where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
    loop execute format('alter routine %s owner to %I', each.name, owner); end loop;
    for each in select t.oid::regtype as name from pg_type t join pg_namespace n on n.oid = t.typnamespace
        where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and (wanted = '' or n.nspname = wanted)
        and t.typtype in ('e', 'd') and not exists (select from pg_depend d
            where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
    loop execute format('alter type %s owner to %I', each.name, owner); end loop;
end $body$
"""
_NO_RIGHT = "42501"


class OwnRoles:
    """Those that a plan names as its `role`. The password follows from `key` and is written down nowhere."""

    def __init__(self, server: PostgresServer, key: Callable[[], bytes]) -> None:
        self._server, self._key = server, key

    def login(self, plan: dict[str, Any]) -> tuple[str, str] | None:
        """Its name and password; None for a plan without one."""
        role = plan.get("role")
        if not role:
            return None
        told = f"postgres {plan['server']} {role}".encode()
        return role, hmac.new(self._key(), told, hashlib.sha256).hexdigest()

    def give(self, plan: dict[str, Any], database: str, schema: str = "") -> None:
        """Make the role and let it own all of `database`, or of one `schema` in it. Repeated, it changes nothing."""
        from psycopg import sql

        login = self.login(plan)
        if login is None:
            return
        role = sql.Identifier(login[0])
        with self._server.connection(database, alone=login[0]) as connection:
            try:
                self._make(connection, plan, login)
                if not schema:
                    name = sql.Identifier(database)
                    connection.execute(sql.SQL("revoke all on database {} from public").format(name))
                    connection.execute(sql.SQL("alter database {} owner to {}").format(name, role))
                words = sql.SQL(_GIVE).format(role=sql.Literal(login[0]), schema=sql.Literal(schema))
                connection.execute(words)
            except Exception as error:
                if getattr(error, "sqlstate", "") != _NO_RIGHT:
                    raise
                raise DatabaseError(
                    f"PostgreSQL at {self._server.where} lets this login make no role for the agent.",
                    detail=str(error),
                    hint="Grant it that with “ALTER ROLE … CREATEROLE”, or set database.own_role = false.",
                ) from error

    def _make(self, connection: psycopg.Connection[Any], plan: dict[str, Any], login: tuple[str, str]) -> None:
        from psycopg import sql

        role, mark = sql.Identifier(login[0]), self._mark(connection, login[0])
        if mark is not None and mark != plan["mark"]:
            raise RefusedError(
                f"The role {login[0]} already exists and is not this agent's.",
                hint="Nothing was changed. If nobody needs it, rename or drop it yourself.",
            )
        verb = sql.SQL("create" if mark is None else "alter")  # with no right but to log in
        words = sql.SQL("{} role {} with login password {}").format(verb, role, sql.Literal(login[1]))
        with connection.transaction():
            connection.execute(words)
            connection.execute(sql.SQL("comment on role {} is {}").format(role, sql.Literal(plan["mark"])))
        if not self._is_superuser(connection):
            connection.execute(sql.SQL("grant {} to current_user").format(role))

    def is_there(self, connection: psycopg.Connection[Any], plan: dict[str, Any]) -> bool:
        return bool(plan.get("role")) and self._mark(connection, plan["role"]) == plan["mark"]

    def drop(self, plan: dict[str, Any], database: str) -> None:
        """Take it away, with what it owns in `database`."""
        from psycopg import sql

        if not plan.get("role"):
            return
        with self._server.connection(database, alone=plan["role"]) as connection:
            if self.is_there(connection, plan):
                for line in ("drop owned by {} cascade", "drop role {}"):
                    connection.execute(sql.SQL(line).format(sql.Identifier(plan["role"])))

    def _mark(self, connection: psycopg.Connection[Any], role: str) -> str | None:
        line = "select shobj_description(oid, 'pg_authid') from pg_roles where rolname = %s"
        found = connection.execute(line, (role,)).fetchone()
        return None if found is None else str(found[0] or "")

    def _is_superuser(self, connection: psycopg.Connection[Any]) -> bool:
        found = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
        return bool(found and found[0])
