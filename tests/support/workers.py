"""Agents with a real worktree each, and no process: what the radar looks at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from agentdeck.core.agents.leases import Lease
from agentdeck.core.merging.radar import RadarReport
from agentdeck.engine.deck import Deck
from agentdeck.engine.radar.radar import Radar, to_land
from agentdeck.engine.views import AgentView
from tests.support.cli import put_agent
from tests.support.decks import world_of
from tests.support.repos import MakeRepo, Sandbox

LINES = "".join(f"line {number}\n" for number in range(1, 31))
"""What `src/app.py` holds at first."""


def changed(line: int, text: str) -> str:
    """`LINES` with another text in one of them."""
    lines = LINES.splitlines()
    lines[line - 1] = text
    return "\n".join(lines) + "\n"


@dataclass
class Workers:
    main: Sandbox
    count: int = 0

    def add(self, name: str, base: str = "main") -> Sandbox:
        """An agent on a branch and in a worktree of its own; its worktree is returned."""
        path = self.main.folder / ".worktrees" / name
        branch = f"agentdeck/{name}"
        self.main.git("worktree", "add", "-q", "-b", branch, path, base)
        self.put(name, path, base)
        return self.main.at(path)

    def put(self, name: str, path: Path, base: str) -> None:
        """Note the worktree at `path` as that of an agent."""
        data = {
            "path": str(path),
            "branch": f"agentdeck/{name}",
            "base": base,
            "base_commit": self.main.git("rev-parse", base),
            "git_dir": self.main.at(path).git("rev-parse", "--absolute-git-dir"),
        }
        self.count += 1
        put_agent(self.main.folder, name, since=float(self.count), leases=(Lease("worktree", True, data),))

    @property
    def deck(self) -> Deck:
        return Deck.find(self.main.folder)

    def views(self) -> list[AgentView]:
        return to_land(self.deck.agents())

    def radar(self) -> Radar:
        return Radar(world_of(self.deck))

    def scan(self) -> RadarReport:
        """One scan as a new process does it."""
        return self.radar().scan(self.views())


@pytest.fixture
def workers(repo: MakeRepo) -> Workers:
    made = Workers(repo())
    made.main.write("src/app.py", LINES)
    made.main.write("src/other ünï.py", "other\n")
    made.main.write(".gitignore", "*.log\n.worktrees/\n")
    made.main.commit("base")
    return made
