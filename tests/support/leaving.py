"""Remove worktrees as the engine does, without an agent."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentdeck.system.git import snapshots
from agentdeck.system.git.checkouts import find_worktree
from agentdeck.system.git.going import Departure, delete_rests
from agentdeck.system.git.leaving import Inner, take_out
from agentdeck.system.git.repository import Repository

_numbers = itertools.count()


def departure(repo: Repository, path: Path) -> Departure:
    return Departure(repo, path, f"test-{next(_numbers)}")


def remove(repo: Repository, path: Path, saved: snapshots.Snapshot) -> list[Inner]:
    """Remove the worktree at `path`, which is as `saved` has it; return what lay in it."""
    leave, found = departure(repo, path), find_worktree(repo, path)
    assert found is not None
    try:
        inner = take_out(leave, found, saved.ref, message="x", ignored=saved.ignored)
    except BaseException:
        leave.put_back()
        raise
    assert snapshots.load(repo, saved.ref) == saved, "it was saved before, and nothing changed since"
    leave.let_go()
    delete_rests(repo)
    assert not path.exists()
    return inner


@contextmanager
def writing(line: str, cwd: Path) -> Iterator[None]:
    """A shell that goes on with `line` until the block ends."""
    shell = subprocess.Popen(["sh", "-c", f"while :; do {line}; sleep 0.01; done"], cwd=cwd, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.1)
        yield
    finally:
        shell.kill()
        shell.wait()
