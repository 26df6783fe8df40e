"""PostgreSQL: a database copied from a template, or a schema in a shared database."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from agentdeck.core.config import DatabaseConfig
from agentdeck.errors import DatabaseError, MissingToolError, RefusedError
from agentdeck.system.databases import database_name, expand, filled
from agentdeck.system.process import run

if TYPE_CHECKING:
    import psycopg

_CONNECT_SECONDS = 5
_TEMPLATE_PATIENCE = 5.0
"""Seconds to wait for others to leave the template: PostgreSQL copies only one that nobody is connected to."""
_IN_USE, _EXISTS = "55006", "42P04"
"""SQLSTATE object_in_use and duplicate_database (PostgreSQL manual, appendix A)."""


class PostgresDatabase:
    def __init__(self, config: DatabaseConfig) -> None:
        self._config = config
        self._url = config.url or "postgresql://"

    def plan(self, deck_id: str, agent: str, worktree: Path) -> dict[str, Any]:
        mark = f"agentdeck {deck_id} {agent}"
        return {"engine": "postgres", "mode": self._config.mode, "name": database_name(deck_id, agent), "mark": mark}

    def create(self, plan: dict[str, Any]) -> None:
        if self._is_schema(plan):
            with self._connection() as connection:
                self._execute(connection, "create schema if not exists {}", plan["name"])
                self._check_or_mark(connection, plan, "schema")
            return
        with self._connection(maintenance=True) as connection:
            if not self._has(connection, plan):
                self._copy_template(connection, plan["name"])
            self._check_or_mark(connection, plan, "database")

    def _copy_template(self, connection: psycopg.Connection[Any], name: str) -> None:
        import psycopg

        template = self._config.template or "template1"
        deadline = time.monotonic() + _TEMPLATE_PATIENCE
        while True:
            try:
                self._execute(connection, "create database {} template {}", name, template)
                return
            except psycopg.Error as error:
                if error.sqlstate == _EXISTS:
                    return
                if error.sqlstate != _IN_USE or time.monotonic() > deadline:
                    hint = "Close the connections to the template: PostgreSQL copies only one that nobody uses."
                    raise DatabaseError(
                        f"PostgreSQL can't copy the template “{template}”.",
                        detail=str(error),
                        hint=hint if error.sqlstate == _IN_USE else "Check database.template in agentdeck.toml.",
                    ) from error
            time.sleep(0.2)

    def _check_or_mark(self, connection: psycopg.Connection[Any], plan: dict[str, Any], kind: str) -> None:
        """Write our mark on what was just made; a name that is there with another mark is someone else's."""
        mark = self._mark(connection, plan)
        if mark == plan["mark"]:
            return
        if mark is not None:
            raise RefusedError(f"The {kind} {plan['name']} is there already and is not this agent's.", detail=mark)
        from psycopg import sql

        comment = sql.SQL("comment on {} {} is {}").format(
            sql.SQL(kind), sql.Identifier(plan["name"]), sql.Literal(plan["mark"])
        )
        connection.execute(comment)

    def exists(self, plan: dict[str, Any]) -> bool:
        with self._connection(maintenance=not self._is_schema(plan)) as connection:
            return self._has(connection, plan)

    def dump(self, plan: dict[str, Any], stem: Path) -> Path | None:
        target = stem.with_name(f"{stem.name}.dump")
        half = stem.with_name(f".{stem.name}.half")
        only = ["--schema", plan["name"]] if self._is_schema(plan) else []
        self._client("pg_dump", plan, "--format=custom", "--file", str(half), *only)
        half.replace(target)
        return target

    def restore(self, plan: dict[str, Any], dump: Path) -> None:
        only = ["--schema", plan["name"]] if self._is_schema(plan) else []
        words = ["--clean", "--if-exists", "--no-owner", "--exit-on-error", *only, str(dump)]
        self._client("pg_restore", plan, *words)
        if self._is_schema(plan):
            with self._connection() as connection:
                self._check_or_mark(connection, plan, "schema")

    def drop(self, plan: dict[str, Any]) -> None:
        schema = self._is_schema(plan)
        with self._connection(maintenance=not schema) as connection:
            if not self._has(connection, plan):
                return
            mark = self._mark(connection, plan)
            # No mark: made a moment before we were killed, for only our name has the hash in it.
            if mark is not None and mark != plan["mark"]:
                raise RefusedError(f"{plan['name']} is not this agent's and was not dropped.", detail=str(mark))
            line = "drop schema if exists {} cascade" if schema else "drop database if exists {} with (force)"
            self._execute(connection, line, plan["name"])

    def variables(self, plan: dict[str, Any]) -> dict[str, str]:
        url = self._agent_url(plan)
        schema = plan["name"] if self._is_schema(plan) else ""
        name = urlsplit(url).path.lstrip("/") if schema else plan["name"]
        return filled(self._config, {"url": url, "name": name, "schema": schema})

    def _is_schema(self, plan: dict[str, Any]) -> bool:
        return bool(plan["mode"] == "schema")

    def _agent_url(self, plan: dict[str, Any]) -> str:
        parts = urlsplit(expand(self._url))
        query = dict(parse_qsl(parts.query))
        path = parts.path
        if self._is_schema(plan):
            query["options"] = f"{query.get('options', '')} -csearch_path={plan['name']}".strip()
        else:
            path = f"/{plan['name']}"
        netloc = parts.netloc or _netloc_of_environment()
        encoded = urlencode(query, quote_via=quote)
        return urlunsplit(("postgresql", netloc, path, encoded, ""))

    @contextlib.contextmanager
    def _connection(self, *, maintenance: bool = False) -> Iterator[psycopg.Connection[Any]]:
        """A connection to the configured database, or to one that is always there for making and dropping others."""
        import psycopg
        from psycopg import conninfo

        wanted = conninfo.conninfo_to_dict(expand(self._url), connect_timeout=_CONNECT_SECONDS)
        if maintenance:
            wanted["dbname"] = "postgres"
        try:
            connection = psycopg.connect(conninfo.make_conninfo("", **wanted), autocommit=True)
        except psycopg.Error as error:
            raise DatabaseError(
                "PostgreSQL can't be reached.",
                detail=str(error),
                hint="Start it, or set database.url in agentdeck.toml (or PGHOST and the others).",
            ) from error
        with connection:
            try:
                yield connection
            except psycopg.Error as error:
                raise DatabaseError("PostgreSQL refused a statement.", detail=str(error)) from error

    def _execute(self, connection: psycopg.Connection[Any], line: str, *names: str) -> None:
        from psycopg import sql

        statement = sql.SQL(line).format(*(sql.Identifier(name) for name in names))
        connection.execute(statement)

    def _has(self, connection: psycopg.Connection[Any], plan: dict[str, Any]) -> bool:
        if self._is_schema(plan):
            line = "select 1 from pg_namespace where nspname = %s"
        else:
            line = "select 1 from pg_database where datname = %s"
        return connection.execute(line, (plan["name"],)).fetchone() is not None

    def _mark(self, connection: psycopg.Connection[Any], plan: dict[str, Any]) -> str | None:
        if self._is_schema(plan):
            line = "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = %s"
        else:
            line = "select shobj_description(oid, 'pg_database') from pg_database where datname = %s"
        found = connection.execute(line, (plan["name"],)).fetchone()
        return None if found is None or found[0] is None else str(found[0])

    def _client(self, program: str, plan: dict[str, Any], *words: str) -> None:
        """Run pg_dump or pg_restore; a password goes by the environment, where `ps` does not show it."""
        path = find_program(program)
        parts = urlsplit(self._agent_url(plan))
        env = {"PGPASSWORD": unquote(parts.password)} if parts.password else {}
        user, _, host = parts.netloc.rpartition("@")
        netloc = f"{user.partition(':')[0]}@{host}" if user else host
        url = urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))
        result = run([path, "--dbname", url, "--no-password", *words], env=env)
        if not result:
            raise DatabaseError(f"{program} failed on {plan['name']}.", detail=result.complaint)


def find_program(name: str) -> str:
    """A PostgreSQL client program: from PATH, or where Debian and Homebrew put it."""
    if found := shutil.which(name):
        return found
    places = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/opt/homebrew/opt").glob("postgresql*/bin")]
    for place in sorted(places, reverse=True):
        if os.access(place / name, os.X_OK):
            return str(place / name)
    raise MissingToolError(
        f"{name} is not installed, so the database can't be dumped before it goes.",
        hint="Install PostgreSQL's client programs, or set database.keep_dump = false in agentdeck.toml.",
    )


def _netloc_of_environment() -> str:
    user, host, port = (os.environ.get(name, "") for name in ("PGUSER", "PGHOST", "PGPORT"))
    if host.startswith("/"):
        host = quote(host, safe="")
    return f"{user + '@' if user else ''}{host}{':' + port if port else ''}"
