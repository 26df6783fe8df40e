"""The PostgreSQL server that the configuration names: connections, URLs and its client programs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from agentdeck.errors import ConfigError, DatabaseError, MissingToolError
from agentdeck.system.databases import expand
from agentdeck.system.machine.process import run

if TYPE_CHECKING:
    import psycopg

_CONNECT_SECONDS = "5"
_LOCK_SECONDS = 60
_HINTS = {
    "42501": "Grant the role the right, as with “ALTER ROLE … CREATEDB”, or set database.mode = “schema”.",
    "55P03": "Another program uses it: end that program, then try again.",
    "53300": "The server has no free connection: close some.",
}
"""By SQLSTATE (PostgreSQL manual, appendix A): insufficient_privilege, lock_not_available, too_many_connections."""
_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/libpq/bin",
    "/usr/local/opt/postgresql*/bin",
)


class PostgresServer:
    def __init__(self, url: str) -> None:
        self._text = url

    @cached_property
    def parameters(self) -> dict[str, str]:
        """libpq's parameters from the URL, or keywords, and for what it leaves open from PGHOST and the others."""
        import psycopg
        from psycopg import conninfo, pq

        try:
            given = {name: str(value) for name, value in conninfo.conninfo_to_dict(expand(self._text)).items()}
        except psycopg.Error:
            # libpq's complaint repeats the URL, and with it the password.
            raise ConfigError(
                "database.url is not the URL of a PostgreSQL server.",
                hint="It looks like postgresql://user:$PASSWORD@host:5432/name, with % and @ in a name escaped.",
            ) from None
        if "service" in given:
            return given
        defaults = {each.keyword.decode(): each.val.decode() for each in pq.Conninfo.get_defaults() if each.val}
        open_ = {name: defaults[name] for name in ("host", "port", "user", "dbname") if name in defaults}
        return {"host": "localhost", "dbname": "postgres", **open_, **given}

    @property
    def database(self) -> str:
        return self.parameters.get("dbname", "postgres")

    @property
    def where(self) -> str:
        """Host and port; no password."""
        found = self.parameters
        if "service" in found:
            return f"service {found['service']}"
        return f"{found.get('host') or found.get('hostaddr')}:{found.get('port', '5432')}"

    def url(self, database: str, options: str = "", login: tuple[str, str] | None = None) -> str:
        """For an agent: as configured, but with `database`, the user and password `login`, and with `options` beside
        those configured."""
        found = {**self.parameters}
        if login is not None:
            found |= {"user": login[0], "password": login[1]}
        found.pop("dbname", None)
        if options:
            found["options"] = f"{found.get('options', '')} {options}".strip()
        who = quote(found.pop("user", ""), safe="")
        if password := found.pop("password", ""):
            who += f":{quote(password, safe='')}"
        host = found.get("host", "")
        address = ""
        if re.fullmatch(r"[A-Za-z0-9.:_-]+", host):  # else a socket's folder, or several hosts: they go in the query
            address = f"[{host}]" if ":" in host else host
            del found["host"]
            address += f":{found.pop('port')}" if "port" in found else ""
        query = urlencode(found, quote_via=quote, safe="")
        authority = f"{who}@{address}" if who else address
        return f"postgresql://{authority}/{quote(database, safe='')}" + (f"?{query}" if query else "")

    @contextlib.contextmanager
    def connection(self, database: str, *, alone: str = "") -> Iterator[psycopg.Connection[Any]]:
        """A connection to `database`. With `alone`, no other holds one with the same word, not even the server's half
        of a client that was killed: what that was told to do is done or undone by then."""
        import psycopg
        from psycopg import conninfo

        wanted = {"connect_timeout": _CONNECT_SECONDS, "application_name": "agentdeck", **self.parameters}
        try:
            connection = psycopg.connect(conninfo.make_conninfo("", **{**wanted, "dbname": database}), autocommit=True)
        except psycopg.Error as error:
            raise self._unreachable(error) from error
        with connection:
            try:
                connection.execute(f"set lock_timeout = '{_LOCK_SECONDS}s'")
                if alone:
                    connection.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (alone,))
                yield connection
            except psycopg.Error as error:
                raise DatabaseError(
                    f"PostgreSQL at {self.where} refused a statement.",
                    detail=str(error),
                    hint=_HINTS.get(error.sqlstate or "", ""),
                ) from error

    def _unreachable(self, error: psycopg.Error) -> DatabaseError:
        # libpq gives no code here, but only a server that answers is quoted with its word for the severity.
        if "FATAL" in str(error) or "password" in str(error):
            return DatabaseError(
                f"PostgreSQL at {self.where} refused the login of {self.parameters.get('user', 'this user')}.",
                detail=str(error),
                hint="Check the user, password and database in database.url; $NAME takes one from the environment.",
            )
        return DatabaseError(
            f"PostgreSQL at {self.where} can't be reached.",
            detail=str(error),
            hint="Start it, or set database.url in agentdeck.toml (or PGHOST and the others).",
        )

    def client(self, program: str, database: str, *words: str | Path) -> None:
        """Run pg_dump or pg_restore; a password goes by the environment, where `ps` does not show it."""
        from psycopg import conninfo

        wanted = {**self.parameters, "dbname": database}
        env = {"PGCONNECT_TIMEOUT": _CONNECT_SECONDS}
        if password := wanted.pop("password", ""):
            env["PGPASSWORD"] = password
        target = ["--no-password", "--dbname", conninfo.make_conninfo("", **wanted)]
        result = run([find_program(program), *target, *words], env=env)
        if not result:
            raise DatabaseError(f"{program} failed on {database} at {self.where}.", detail=result.complaint)


def find_program(name: str) -> str:
    """A program of PostgreSQL's: from PATH, or the newest where Debian and Homebrew put it."""
    if found := shutil.which(name):
        return found
    root = Path("/")
    places = [place for pattern in _PLACES for place in root.glob(pattern.lstrip("/"))]
    for place in sorted(places, key=_version, reverse=True):
        if os.access(place / name, os.X_OK):
            return str(place / name)
    raise MissingToolError(
        f"{name} is not installed.",
        hint="Install PostgreSQL's client programs, or set database.keep_dump = false in agentdeck.toml.",
    )


def _version(place: Path) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", str(place)))
