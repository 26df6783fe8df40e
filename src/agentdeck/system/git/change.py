"""What has changed in a worktree since an earlier look, told by one git process. The runner uses it: nothing heavy is
imported before it is needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Look:
    head: str
    files: frozenset[tuple[str, int, int]]
    """What is not committed: the line of `git status`, the file's size and the time of its last change."""

    def committed_since(self, before: Look) -> bool:
        return self.head != before.head

    def is_dirtier_than(self, before: Look) -> bool:
        """Whether something is not committed that was not there then, or has changed since."""
        return bool(self.files - before.files)


def look(folder: str, environment: Mapping[str, str]) -> Look | None:
    """The worktree now; None where git does not tell in time."""
    import subprocess

    argv = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]
    argv += ["status", "--porcelain=v2", "--branch", "-z", "--no-renames"]
    try:
        done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    head, files = "", set()
    for line in done.stdout.decode("utf-8", "surrogateescape").split("\0"):
        if line.startswith("# branch.oid "):
            head = line.split(" ")[2]
        elif line and not line.startswith("#"):
            files.add((line, *_stat(Path(folder), line)))
    return Look(head, frozenset(files))


def places(folder: str) -> dict[str, str]:
    """Variables that name the linked worktree that `folder` lies in, to be asked for before its agent runs: later git
    could be led to a configuration of the agent's making, and run what that says. Empty elsewhere."""
    for top in (folder, *map(str, Path(folder).parents)):
        try:
            told = Path(top, ".git").read_bytes()
        except IsADirectoryError:
            return {}
        except OSError:
            continue
        own = Path(os.path.normpath(Path(top, os.fsdecode(told.removeprefix(b"gitdir:").strip(b" \n")))))
        if not told.startswith(b"gitdir:") or own.parent.name != "worktrees":
            return {}
        return {"GIT_DIR": str(own), "GIT_COMMON_DIR": str(own.parent.parent), "GIT_WORK_TREE": top}
    return {}


def _stat(folder: Path, line: str) -> tuple[int, int]:
    fields = {"1": 8, "u": 10}.get(line[0], 1)
    path = line.split(" ", fields)[-1]
    try:
        found = os.lstat(folder / path)
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns
