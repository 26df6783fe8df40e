"""Any other engine, through the user's own shell lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentdeck.core.config import DatabaseConfig
from agentdeck.errors import DatabaseError
from agentdeck.system.databases import database_name, filled
from agentdeck.system.files import private_folder, write_atomic
from agentdeck.system.process import run

_TIMEOUT = 600.0


class CommandDatabase:
    """`create` prints the URL, which may hold a password: it is kept in a file of this user's own, not in the store."""

    def __init__(self, config: DatabaseConfig, root: Path, state_home: Path) -> None:
        self._config = config
        self._root = root
        self._urls = state_home / "databases"

    def plan(self, deck_id: str, agent: str, worktree: Path) -> dict[str, Any]:
        name = database_name(deck_id, agent)
        return {"engine": "command", "name": name, "agent": agent, "worktree": str(worktree)}

    def create(self, plan: dict[str, Any]) -> None:
        if self.exists(plan):
            return
        lines = self._shell("create", self._config.create, plan).splitlines()
        if not lines:
            raise DatabaseError(
                "The shell line database.create printed no URL.", hint="Its last line must be the database's URL."
            )
        write_atomic(private_folder(self._urls) / plan["name"], lines[-1].strip())

    def exists(self, plan: dict[str, Any]) -> bool:
        return bool(self._url(plan))

    def dump(self, plan: dict[str, Any], stem: Path) -> Path | None:
        target = stem.with_name(f"{stem.name}.dump")
        if not self._config.dump:
            return None
        self._shell("dump", self._config.dump, plan, AGENTDECK_DUMP=str(target))
        return target if target.exists() else None

    def restore(self, plan: dict[str, Any], dump: Path) -> None:
        if self._config.restore:
            self._shell("restore", self._config.restore, plan, AGENTDECK_DUMP=str(dump))

    def drop(self, plan: dict[str, Any]) -> None:
        # Also where no URL was kept: `create` may have been cut short, and the line has to bear that.
        if self._config.drop:
            self._shell("drop", self._config.drop, plan)
        (self._urls / plan["name"]).unlink(missing_ok=True)

    def variables(self, plan: dict[str, Any]) -> dict[str, str]:
        url = self._url(plan)
        return filled(self._config, {"url": url, "name": plan["name"]}) if url else {}

    def _url(self, plan: dict[str, Any]) -> str:
        path = self._urls / str(plan["name"])
        return path.read_text() if path.exists() else ""

    def _shell(self, what: str, line: str, plan: dict[str, Any], **more: str) -> str:
        env = {"AGENTDECK_DATABASE": plan["name"], "AGENTDECK_AGENT": plan["agent"], **more}
        env[self._config.variable] = self._url(plan)
        result = run(["/bin/sh", "-c", line], cwd=self._root, env=env, timeout=_TIMEOUT)
        if not result:
            raise DatabaseError(
                f"The shell line database.{what} failed with {result.code}.", detail=result.complaint or line
            )
        return result.out.decode("utf-8", "replace").strip()
