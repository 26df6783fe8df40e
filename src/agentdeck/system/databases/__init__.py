"""A database of an agent's own, of the engine that the configuration names."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote, urlsplit

from agentdeck.core.text.hashes import sha256
from agentdeck.core.text.patterns import late
from agentdeck.errors import ConfigError, RefusedError
from agentdeck.system.files.files import private_folder

if TYPE_CHECKING:
    from agentdeck.core.config.config import DatabaseConfig


class Database(Protocol):
    """One engine. `plan` decides what a database is called; everything else follows from that plan, which is JSON and
    holds no secret. Every verb raises DatabaseError where the server or the file does not do what it should.
    """

    def plan(self, deck_id: str, agent: str, worktree: Path) -> dict[str, Any]:
        """Choose without touching anything, and raise where the server does not answer or the place is taken: nothing
        that was planned is impossible to drop."""

    def create(self, plan: dict[str, Any]) -> None:
        """Make it from the template; do nothing where it is there, and complete one that is half made."""

    def exists(self, plan: dict[str, Any]) -> bool:
        """Whether something of ours is there to drop, be it half made."""

    def check_dump(self) -> None:
        """Raise where a program that `dump` needs is not there."""

    def dump(self, plan: dict[str, Any], stem: Path) -> Path | None:
        """Write all of it to a new file whose name begins with `stem`; None where there is nothing to keep."""

    def restore(self, plan: dict[str, Any], dump: Path) -> None:
        """Put what `dump` wrote in place of all that is in the database, which `create` has made."""

    def drop(self, plan: dict[str, Any]) -> None:
        """Take it away; do nothing where it is gone. Raise RefusedError for one that is not ours."""

    def variables(self, plan: dict[str, Any]) -> dict[str, str]:
        """`DATABASE_URL`, or as configured; nothing where the engine chose no place yet."""


def open_database(config: DatabaseConfig, root: Path, state_home: Path) -> Database | None:
    """The configured engine, or None. `root` is the repository's folder, which relative paths start from."""
    if config.engine == "sqlite" or (config.engine == "auto" and config.template):
        from agentdeck.system.databases.sqlite import SqliteDatabase

        return SqliteDatabase(config, root)
    if config.engine == "postgres":
        from agentdeck.system.databases.postgres import PostgresDatabase, PostgresSchema

        def key() -> bytes:
            from agentdeck.system.gateway import tokens

            return tokens.secret(state_home / "gateway")

        return PostgresSchema(config, key) if config.mode == "schema" else PostgresDatabase(config, key)
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
    mark = sha256(f"{deck_id}\0{agent}".encode()).hexdigest()[:6]
    return f"{plain[:56]}_{mark}"


_HALF = late(r"agentdeck_half_[0-9a-f]{16}")


def doubt_of_plan(plan: dict[str, Any], deck_id: str, agent: str) -> str:
    """Why a plan of a database on a server is none that was made for that agent, as the end of a sentence; empty where
    it may be."""
    known = {
        "name": database_name(deck_id, agent),
        "role": database_name(deck_id, agent),
        "mark": f"agentdeck {deck_id} {agent}",
        "agent": agent,
        "deck": deck_id,
    }
    needed = {"postgres": ("name", "mark"), "redis": ("name", "prefix"), "command": ("name", "agent", "deck")}
    missing = [key for key in needed.get(plan["engine"], ()) if key not in plan]
    if missing:
        return f"the database's {missing[0]} is gone"
    for key, value in known.items():
        if key in plan and plan[key] != value:
            return f"the database's {key} is {plan[key]!r}, not its own"
    if plan.get("prefix", "") not in ("", f"agentdeck:{deck_id}:{agent}:"):
        return f"the prefix {plan['prefix']!r} is not its own"
    if "half" in plan and not _HALF.fullmatch(plan["half"]):
        return f"the database {plan['half']!r} is not its own"
    return ""


def check_place(plan: dict[str, Any], **now: str) -> None:
    """Raise RefusedError where the configuration has come to mean another engine or server than `plan` was made for:
    a name or number there belongs to someone else."""
    for what, value in now.items():
        if plan.get(what) != value:
            raise RefusedError(
                f"This agent's database was made with {what} {plan.get(what)}, but agentdeck.toml now means {value}.",
                hint="Restore [database] as it was until the agent is removed.",
            )


@contextlib.contextmanager
def arriving(target: Path) -> Iterator[Path]:
    """A path to write a file at, private to this user, that is moved to `target` when the block ends well.

    It is on the disk by then: the database it was taken from may be dropped next.
    """
    private_folder(target.parent)
    half = target.with_name(f".{target.name}.half")
    half.unlink(missing_ok=True)
    half.touch(0o600)
    try:
        yield half
        _flush(half)
        half.replace(target)
        _flush(target.parent)
    finally:
        half.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def expand(text: str) -> str:
    """The URL `text` with `$NAME` and `${NAME}` from the environment, so that no password need stand in the config.

    A variable that is a part of a URL is escaped for it; one that is all of it is taken as it is.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in os.environ:
            raise ConfigError(f"The database URL needs the variable {name}, which is not set.")
        return quote(os.environ[name], safe="") if "://" in text else os.environ[name]

    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", value, text)


def filled(config: DatabaseConfig, values: dict[str, str]) -> dict[str, str]:
    """The variables that the configuration asks for, from `values`, of which `url` is one."""
    known = {"name": "", "path": "", "schema": "", "prefix": "", **_parts(values["url"]), **values}
    found = {config.variable: values["url"]}
    for name, template in config.variables.items():
        try:
            found[name] = template.format(**known)
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"database.variables.{name} = “{template}” can't be filled in.",
                detail=str(error),
                hint=f"It can contain {', '.join('{' + key + '}' for key in sorted(known))}.",
            ) from error
    return found


def _parts(url: str) -> dict[str, str]:
    """Host, port, user and password of `url`; empty where it has none, or is of a form that only its driver knows."""
    found = dict.fromkeys(("host", "port", "user", "password"), "")
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        found |= {"user": unquote(parts.username or ""), "password": unquote(parts.password or "")}
        found |= {"host": parts.hostname or "", "port": str(parts.port or "")}
    return found
