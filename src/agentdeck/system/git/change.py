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


def _stat(folder: Path, line: str) -> tuple[int, int]:
    fields = {"1": 8, "u": 10}.get(line[0], 1)
    path = line.split(" ", fields)[-1]
    try:
        found = os.lstat(folder / path)
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns
