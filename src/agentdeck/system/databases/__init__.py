"""A database of an agent's own, of the engine that the configuration names."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

from agentdeck.core.config import DatabaseConfig
from agentdeck.errors import ConfigError


class Database(Protocol):
    """One engine. `plan` decides what a database is called; everything else follows from that plan, which is JSON and
    holds no secret. Every verb raises DatabaseError where the server or the file does not do what it should.
    """

    def plan(self, deck_id: str, agent: str, worktree: Path) -> dict[str, Any]: ...

    def create(self, plan: dict[str, Any]) -> None:
        """Make it from the template; do nothing where it is there, and complete one that is half made."""

    def exists(self, plan: dict[str, Any]) -> bool: ...

    def dump(self, plan: dict[str, Any], stem: Path) -> Path | None:
        """Write all of it to a new file whose name begins with `stem`; None where there is nothing to keep."""

    def restore(self, plan: dict[str, Any], dump: Path) -> None:
        """Fill the database, which `create` has made, with what `dump` wrote."""

    def drop(self, plan: dict[str, Any]) -> None:
        """Take it away; do nothing where it is gone. Raise RefusedError for one that is not ours."""

    def variables(self, plan: dict[str, Any]) -> dict[str, str]:
        """`DATABASE_URL`, or as configured."""


def open_database(config: DatabaseConfig, root: Path, state_home: Path) -> Database | None:
    """The configured engine, or None. `root` is the repository's folder, which relative paths start from."""
    if config.engine == "sqlite" or (config.engine == "auto" and config.template):
        from agentdeck.system.databases.sqlite import SqliteDatabase

        return SqliteDatabase(config, root)
    if config.engine == "postgres":
        from agentdeck.system.databases.postgres import PostgresDatabase

        return PostgresDatabase(config)
    if config.engine == "redis":
        from agentdeck.system.databases.redis import RedisDatabase

        return RedisDatabase(config, state_home)
    if config.engine == "command":
        from agentdeck.system.databases.command import CommandDatabase

        return CommandDatabase(config, root, state_home)
    return None


def database_name(deck_id: str, agent: str) -> str:
    """A name for deck and agent that every server takes, and that no other pair has: 63 letters at most, no dash."""
    plain = f"agentdeck_{deck_id}_{agent}".replace("-", "_")
    mark = hashlib.sha256(f"{deck_id}\0{agent}".encode()).hexdigest()[:6]
    return f"{plain[:56]}_{mark}"


def expand(text: str) -> str:
    """The URL `text` with `$NAME` and `${NAME}` from the environment, so that no password need stand in the config.

    A variable that is a part of the URL is escaped for it; one that is all of it is taken as it is.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in os.environ:
            raise ConfigError(f"The database URL needs the variable {name}, which is not set.")
        return os.environ[name] if match[0] == text else quote(os.environ[name], safe="")

    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", value, text)


def filled(config: DatabaseConfig, values: dict[str, str]) -> dict[str, str]:
    """The variables that the configuration asks for, from `values`, of which `url` is one."""
    parts = urlsplit(values["url"])
    known = {
        "name": "",
        "path": "",
        "schema": "",
        "prefix": "",
        "host": parts.hostname or "",
        "port": str(parts.port or ""),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        **values,
    }
    found = {config.variable: values["url"]}
    for name, template in config.variables.items():
        try:
            found[name] = template.format(**known)
        except (KeyError, IndexError, ValueError) as error:
            raise ConfigError(
                f"database.variables.{name} = “{template}” can't be filled in.",
                detail=str(error),
                hint=f"It may name {', '.join('{' + key + '}' for key in sorted(known))}.",
            ) from error
    return found
