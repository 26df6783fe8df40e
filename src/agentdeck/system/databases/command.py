"""Any other engine, through the user's own shell lines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.core.agents.inheritance import inherited
from agentdeck.errors import DatabaseError
from agentdeck.system.databases import arriving, check_place, database_name, filled
from agentdeck.system.files.files import private_folder, write_atomic
from agentdeck.system.machine.process import run

if TYPE_CHECKING:
    from agentdeck.core.config.config import DatabaseConfig

_TIMEOUT = 600.0


class CommandDatabase:
    """`create` prints the URL, which may hold a password: it is kept in a file of this user's own, not in the store.

    That file is there, empty, from before `create` runs until `drop` has run; so a `create` that failed or was cut
    short is followed by `drop`. The lines see AGENTDECK_DATABASE, AGENTDECK_AGENT and AGENTDECK_DECK, `dump` and
    `restore` AGENTDECK_DUMP as well, and all but `create` the agent's URL in the configured variable.
    """

    def __init__(self, config: DatabaseConfig, root: Path, state_home: Path) -> None:
        self._config = config
        self._root = root
        self._urls = state_home / "databases"

    def plan(self, deck_id: str, agent: str, worktree: Path) -> dict[str, Any]:
        return {"engine": "command", "name": database_name(deck_id, agent), "agent": agent, "deck": deck_id}

    def create(self, plan: dict[str, Any]) -> None:
        if self._url(plan):
            return
        if self.exists(plan):
            self.drop(plan)
        private_folder(self._urls)
        write_atomic(self._file(plan), "")
        lines = self._shell("create", self._config.create, plan).splitlines()
        if not lines:
            raise DatabaseError(
                "The command database.create printed no URL.", hint="It must print the database's URL as its last line."
            )
        write_atomic(self._file(plan), lines[-1].strip())

    def exists(self, plan: dict[str, Any]) -> bool:
        return self._file(plan).exists()

    def check_dump(self) -> None:
        pass

    def dump(self, plan: dict[str, Any], stem: Path) -> Path | None:
        if not self._config.dump or not self._url(plan):
            return None
        target = stem.with_name(f"{stem.name}.dump")
        with arriving(target) as half:
            self._shell("dump", self._config.dump, plan, AGENTDECK_DUMP=str(half))
            if not half.exists() or not half.stat().st_size:
                raise DatabaseError(
                    "The command database.dump wrote nothing.", hint="It must write to the file $AGENTDECK_DUMP."
                )
        return target

    def restore(self, plan: dict[str, Any], dump: Path) -> None:
        if not self._config.restore:
            raise DatabaseError(
                f"{plan['agent']}'s database can't be restored: database.restore is not set.",
                hint=f"Set it in agentdeck.toml; the dump is {dump}.",
            )
        self._shell("restore", self._config.restore, plan, AGENTDECK_DUMP=str(dump))

    def drop(self, plan: dict[str, Any]) -> None:
        if not self.exists(plan):
            return
        if self._config.drop:
            self._shell("drop", self._config.drop, plan)
        self._file(plan).unlink(missing_ok=True)

    def variables(self, plan: dict[str, Any]) -> dict[str, str]:
        url = self._url(plan)
        return filled(self._config, {"url": url, "name": plan["name"]}) if url else {}

    def _file(self, plan: dict[str, Any]) -> Path:
        check_place(plan, engine="command")
        return self._urls / str(plan["name"])

    def _url(self, plan: dict[str, Any]) -> str:
        path = self._file(plan)
        return path.read_text("utf-8") if path.exists() else ""

    def _shell(self, what: str, line: str, plan: dict[str, Any], **more: str) -> str:
        names = {"AGENTDECK_DATABASE": plan["name"], "AGENTDECK_AGENT": plan["agent"], "AGENTDECK_DECK": plan["deck"]}
        url = self._url(plan)
        # An agent that starts or removes another must not lead these lines to its own database.
        away = dict.fromkeys(os.environ.keys() - inherited(os.environ).keys())
        env = {**away, **names, **more, **({self._config.variable: url} if url else {})}
        result = run(["/bin/sh", "-c", line], cwd=self._root, env=env, timeout=_TIMEOUT, group=True)
        if not result:
            raise DatabaseError(
                f"The command database.{what} failed with {result.code}.", detail=result.complaint or line
            )
        return result.out.decode("utf-8", "replace").strip()
