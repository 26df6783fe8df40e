"""PostgreSQL: a database copied from a template, or a schema in a shared database."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.errors import ConfigError, DatabaseError, RefusedError
from agentdeck.system.databases import arriving, check_place, database_name, filled
from agentdeck.system.databases.pgroles import OwnRoles
from agentdeck.system.databases.pgserver import PostgresServer, find_program

if TYPE_CHECKING:
    import psycopg

    from agentdeck.core.config.config import DatabaseConfig

_MAINTENANCE = "postgres"
"""The database that is always there, for making and dropping others."""
_TEMPLATE_PATIENCE = 5.0
"""Seconds to wait for others to leave the template: PostgreSQL copies only one that nobody is connected to."""
_IN_USE, _NO_SUCH = "55006", "3D000"
"""SQLSTATE object_in_use and invalid_catalog_name (PostgreSQL manual, appendix A)."""


class PostgresDatabase:
    """A database made under a passing name that only this plan knows, marked with a comment, then renamed: so whatever
    bears the agent's name is whole, and what bears it without the mark is someone else's."""

    def __init__(self, config: DatabaseConfig, key: Callable[[], bytes] = bytes) -> None:
        """`key` gives what the passwords of the agents' own roles follow from."""
        self._config = config
        self._server = PostgresServer(config.url)
        self._roles = OwnRoles(self._server, key)

    def plan(self, deck_id: str, agent: str, worktree: Path) -> dict[str, Any]:
        plan = {
            "engine": "postgres",
            "mode": "database",
            "server": self._server.where,
            "name": database_name(deck_id, agent),
            "half": f"agentdeck_half_{secrets.token_hex(8)}",
            "mark": f"agentdeck {deck_id} {agent}",
        }
        with self._server.connection(_MAINTENANCE) as connection:
            _is_ours(connection, plan)
        return plan

    def create(self, plan: dict[str, Any]) -> None:
        self._check(plan)
        with self._server.connection(_MAINTENANCE, alone=plan["name"]) as connection:
            if not _is_ours(connection, plan):
                self._make_half(connection, plan, self._config.template or "template1")
                _execute(connection, "alter database {} rename to {}", plan["half"], plan["name"])
        self._roles.give(plan, plan["name"])

    def _make_half(
        self, connection: psycopg.Connection[Any], plan: dict[str, Any], template: str, *, like: str = ""
    ) -> None:
        """Copy `template` under the passing name; with `like`, in the encoding and collation of that database."""
        import psycopg

        options = _locale(connection, like) if like else ()
        _execute(connection, "drop database if exists {} with (force)", plan["half"])
        deadline = time.monotonic() + _TEMPLATE_PATIENCE
        while True:
            try:
                _execute(connection, "create database {} template {}", plan["half"], template, more=options)
                break
            except psycopg.Error as error:
                if error.sqlstate not in (_IN_USE, _NO_SUCH):
                    raise
                if error.sqlstate == _NO_SUCH or time.monotonic() > deadline:
                    raise self._no_copy(connection, template, error) from error
            time.sleep(0.2)
        _comment(connection, "database", plan["half"], plan["mark"])

    def _no_copy(self, connection: psycopg.Connection[Any], template: str, error: psycopg.Error) -> DatabaseError:
        users = connection.execute(
            "select distinct coalesce(nullif(application_name, ''), backend_type) || ' (pid ' || pid || ')'"
            " from pg_stat_activity where datname = %s",
            (template,),
        ).fetchall()
        return DatabaseError(
            f"PostgreSQL at {self._server.where} can't copy the template “{template}”.",
            detail="\n".join([str(error), *(f"connected: {user}" for (user,) in users)]),
            hint="Close the connections to the template: PostgreSQL can't copy a database in use."
            if error.sqlstate == _IN_USE
            else "Check database.template in agentdeck.toml.",
        )

    def exists(self, plan: dict[str, Any]) -> bool:
        self._check(plan)
        with self._server.connection(_MAINTENANCE, alone=plan["name"]) as connection:
            is_there = _mark(connection, plan["name"]) == plan["mark"] or _mark(connection, plan["half"]) is not None
            return is_there or self._roles.is_there(connection, plan)

    def check_dump(self) -> None:
        find_program("pg_dump")

    def dump(self, plan: dict[str, Any], stem: Path) -> Path | None:
        self._check(plan)
        with self._server.connection(_MAINTENANCE, alone=plan["name"]) as connection:
            if not _is_ours(connection, plan):
                return None
        with arriving(stem.with_name(f"{stem.name}.dump")) as half:
            self._server.client("pg_dump", plan["name"], "--format=custom", "--file", half)
        return stem.with_name(f"{stem.name}.dump")

    def restore(self, plan: dict[str, Any], dump: Path) -> None:
        self._check(plan)
        with self._server.connection(_MAINTENANCE, alone=plan["name"]) as connection:
            there = _is_ours(connection, plan)
            like = plan["name"] if there else self._config.template or "template1"
            self._make_half(connection, plan, "template0", like=like)
            self._server.client("pg_restore", plan["half"], "--no-owner", "--exit-on-error", dump)
            if there:
                _execute(connection, "drop database {} with (force)", plan["name"])
            _execute(connection, "alter database {} rename to {}", plan["half"], plan["name"])
        self._roles.give(plan, plan["name"])

    def drop(self, plan: dict[str, Any]) -> None:
        self._check(plan)
        with self._server.connection(_MAINTENANCE, alone=plan["name"]) as connection:
            _execute(connection, "drop database if exists {} with (force)", plan["half"])
            if _is_ours(connection, plan):
                _execute(connection, "drop database if exists {} with (force)", plan["name"])
        self._roles.drop(plan, _MAINTENANCE)

    def variables(self, plan: dict[str, Any]) -> dict[str, str]:
        self._check(plan)
        found = self._server.parameters
        parts = {name: found.get(name, "") for name in ("host", "port", "user")}
        url = self._server.url(plan["name"], login=self._roles.login(plan))
        parts["user"] = plan.get("role") or parts["user"]
        return filled(self._config, {**parts, "url": url, "name": plan["name"]})

    def _check(self, plan: dict[str, Any]) -> None:
        check_place(plan, engine="postgres", mode="database", server=self._server.where)


class PostgresSchema:
    """A schema, the only one on its agent's search path: in a table of the same name elsewhere nobody reads or writes
    by mistake. It starts empty."""

    def __init__(self, config: DatabaseConfig, key: Callable[[], bytes] = bytes) -> None:
        if config.template:
            raise ConfigError(
                "database.template can't be used with database.mode = “schema”.",
                hint="PostgreSQL copies whole databases only: use mode “database”, or fill the schema in hooks.setup.",
            )
        self._config = config
        self._server = PostgresServer(config.url)
        self._roles = OwnRoles(self._server, key)

    @property
    def _place(self) -> str:
        return f"{self._server.where}/{self._server.database}"

    def plan(self, deck_id: str, agent: str, worktree: Path) -> dict[str, Any]:
        plan = {
            "engine": "postgres",
            "mode": "schema",
            "server": self._place,
            "name": database_name(deck_id, agent),
            "mark": f"agentdeck {deck_id} {agent}",
        }
        with self._server.connection(self._server.database) as connection:
            _is_ours(connection, plan)
        return plan

    def create(self, plan: dict[str, Any]) -> None:
        self._check(plan)
        with self._server.connection(self._server.database, alone=plan["name"]) as connection:
            if not _is_ours(connection, plan):
                with connection.transaction():
                    _execute(connection, "create schema {}", plan["name"])
                    _comment(connection, "schema", plan["name"], plan["mark"])
        self._roles.give(plan, self._server.database, plan["name"])

    def exists(self, plan: dict[str, Any]) -> bool:
        self._check(plan)
        with self._server.connection(self._server.database, alone=plan["name"]) as connection:
            is_there = _mark(connection, plan["name"], schema=True) == plan["mark"]
            return is_there or self._roles.is_there(connection, plan)

    def check_dump(self) -> None:
        find_program("pg_dump")

    def dump(self, plan: dict[str, Any], stem: Path) -> Path | None:
        if not self.exists(plan):
            return None
        with arriving(stem.with_name(f"{stem.name}.dump")) as half:
            words = ("--format=custom", "--schema", plan["name"], "--file", half)
            self._server.client("pg_dump", self._server.database, *words)
        return stem.with_name(f"{stem.name}.dump")

    def restore(self, plan: dict[str, Any], dump: Path) -> None:
        self.drop(plan)
        self._server.client(
            "pg_restore", self._server.database, "--no-owner", "--exit-on-error", "--single-transaction", dump
        )
        self._roles.give(plan, self._server.database, plan["name"])

    def drop(self, plan: dict[str, Any]) -> None:
        self._check(plan)
        with self._server.connection(self._server.database, alone=plan["name"]) as connection:
            if _is_ours(connection, plan):
                _execute(connection, "drop schema if exists {} cascade", plan["name"])
        self._roles.drop(plan, self._server.database)

    def variables(self, plan: dict[str, Any]) -> dict[str, str]:
        self._check(plan)
        found = self._server.parameters
        parts = {name: found.get(name, "") for name in ("host", "port", "user")}
        url = self._server.url(self._server.database, f"-csearch_path={plan['name']}", login=self._roles.login(plan))
        parts["user"] = plan.get("role") or parts["user"]
        return filled(self._config, {**parts, "url": url, "name": self._server.database, "schema": plan["name"]})

    def _check(self, plan: dict[str, Any]) -> None:
        check_place(plan, engine="postgres", mode="schema", server=self._place)


def _is_ours(connection: psycopg.Connection[Any], plan: dict[str, Any]) -> bool:
    """Whether it is there; raise RefusedError where one of that name is, without our mark."""
    mark = _mark(connection, plan["name"], schema=plan["mode"] == "schema")
    if mark is not None and mark != plan["mark"]:
        raise RefusedError(
            f"The {plan['mode']} {plan['name']} already exists and is not this agent's.",
            detail=f"Its comment is “{mark}”, not “{plan['mark']}”.",
            hint="Nothing was changed. If nobody needs it, rename or drop it yourself.",
        )
    return mark is not None


def _mark(connection: psycopg.Connection[Any], name: str, *, schema: bool = False) -> str | None:
    """The comment on `name`, empty where it has none; None where there is no such thing."""
    if schema:
        line = "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = %s"
    else:
        line = "select shobj_description(oid, 'pg_database') from pg_database where datname = %s"
    found = connection.execute(line, (name,)).fetchone()
    return None if found is None else str(found[0] or "")


def _comment(connection: psycopg.Connection[Any], kind: str, name: str, mark: str) -> None:
    from psycopg import sql

    words = sql.SQL(kind), sql.Identifier(name), sql.Literal(mark)
    connection.execute(sql.SQL("comment on {} {} is {}").format(*words))


def _locale(connection: psycopg.Connection[Any], name: str) -> tuple[tuple[str, str], ...]:
    line = "select pg_encoding_to_char(encoding), datcollate, datctype from pg_database where datname = %s"
    found = connection.execute(line, (name,)).fetchone()
    return () if found is None else tuple(zip(("encoding", "lc_collate", "lc_ctype"), found, strict=True))


def _execute(connection: psycopg.Connection[Any], line: str, *names: str, more: Iterable[tuple[str, str]] = ()) -> None:
    """Run `line` with `names` in its braces and `more` options, each a keyword and a value, at its end."""
    from psycopg import sql

    words: list[sql.Composable] = [sql.SQL(line).format(*(sql.Identifier(name) for name in names))]
    for keyword, value in more:
        words += [sql.SQL(keyword), sql.Literal(value)]
    connection.execute(sql.SQL(" ").join(words))
