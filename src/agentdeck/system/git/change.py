"""What has changed in a worktree since an earlier look, told by one git process. The runner uses it: nothing heavy is
imported before it is needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.patterns import late
from agentdeck.system.files.files import bytes_of
from agentdeck.system.git import pipes

_TIMEOUT = 5.0
_OID = late(r"[0-9a-f]{40,64}")


@dataclass(frozen=True, slots=True)
class Look:
    head: str
    files: frozenset[tuple[str, int, int]]
    """What is not committed: the line of `git status`, the file's size and the time of its last change."""

    def is_dirtier_than(self, before: Look) -> bool:
        """Whether something is not committed that was not there then, or has changed since."""
        return bool(self.files - before.files)


def look(folder: str, environment: Mapping[str, str]) -> Look | None:
    """The worktree now; None where git does not tell in time. Raise OSError where it can't."""
    code, told = _git(folder, environment, "status", "--porcelain=v2", "--branch", "-z", "--no-renames")
    if code is None:
        return None
    if code:
        raise OSError(f"git status failed in {folder}")
    head, files = "", set()
    for line in told.split("\0"):
        if line.startswith("# branch.oid "):
            head = line.split(" ")[2]
        elif line and not line.startswith("#"):
            files.add((line, *_stat(Path(folder), line)))
    return Look(head, frozenset(files))


def has_commits(folder: str, environment: Mapping[str, str], before: str, now: str) -> bool:
    """Whether commits that are in `now` and not in `before` have changed files. An empty commit has not, nor has one
    that was taken back, and a HEAD that went back to an older commit has none."""
    if not _OID.fullmatch(before) or not _OID.fullmatch(now):
        return before != now
    _, new = _git(folder, environment, "rev-list", "--max-count=1", now, f"^{before}")
    same, _ = _git(folder, environment, "diff-tree", "--quiet", "-r", before, now)
    return new.strip() != "" and same != 0


def _git(folder: str, environment: Mapping[str, str], *words: str) -> tuple[int | None, str]:
    """Its exit code, None where it takes too long or is not there, and its output."""
    import subprocess

    if own := environment.get("GIT_DIR"):
        pipes.clear(own)
    argv = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *words]
    try:
        done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, timeout=_TIMEOUT, check=False)
    except (subprocess.TimeoutExpired, PermissionError):
        return None, ""
    except FileNotFoundError:
        return (None if Path(folder).is_dir() else 1), ""
    return done.returncode, done.stdout.decode("utf-8", "surrogateescape")


def places(folder: str) -> dict[str, str]:
    """Variables that name the linked worktree that `folder` lies in, to be asked for before its agent runs: later git
    could be led to a configuration of the agent's making, and run what that says. Empty elsewhere."""
    for top in (folder, *map(str, Path(folder).parents)):
        try:
            told = bytes_of(f"{top}/.git")
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
