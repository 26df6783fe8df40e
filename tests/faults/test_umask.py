"""What AgentDeck keeps is for its user alone, whatever umask it is started with."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import PROGRAM
from tests.support.decks import Bench


@pytest.fixture
def open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def open_paths(root: Path) -> list[str]:
    every = [root, *root.rglob("*")]
    return [str(path) for path in every if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077]


def test_a_umask_of_nothing_opens_no_state_to_others(bench: Bench, open_to_all: None) -> None:
    def agentdeck(*words: str) -> None:
        subprocess.run([*PROGRAM, *words], cwd=bench.root, check=True, capture_output=True)

    agentdeck("run", "-n", "one", "--", "sh", "-c", "echo x > one.txt; git add .; git commit -qm one")
    agentdeck("run", "-n", "two", "--", "sh", "-c", "echo y > two.txt")
    agentdeck("radar")
    agentdeck("merge", "one", "--gate", "true")
    agentdeck("rm", "-y", "two")
    agentdeck("undo")
    agentdeck("gateway", "start")
    try:
        store, home = bench.root / ".git/agentdeck", bench.home / ".local/state"
        assert open_paths(home) == []
        # git makes its objects and indexes as the umask has it, in a folder that is closed.
        assert [path for path in open_paths(store) if "/radar/" not in path] == []
        assert stat.S_IMODE((bench.root / ".worktrees/two/.env.local").stat().st_mode) == 0o600
    finally:
        agentdeck("gateway", "stop")
