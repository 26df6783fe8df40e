"""Locks of refs and of the configuration that a killed git left behind.

Git holds such a lock for milliseconds, and writes no process into it. So one is left behind where it has been there
for some time, and no git runs that is older than it. `index.lock` is never taken for that: git holds it while somebody
writes a commit's message, perhaps in a container whose processes nobody sees from here.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

_COMPLAINT = re.compile(rb"Unable to create '(.+)\.lock': File exists|could not lock config file (.+): File exists")
_BRIEF = re.compile(r"refs/.+|(?:worktrees/[^/]+/)?HEAD|packed-refs|config")
"""What is locked for so short, as paths in the common git folder."""
_AGE = 10.0
"""Seconds after which a lock is an old one."""
_GRANULARITY = 2.0
"""Seconds by which the times of a file system and of processes may differ."""


def left_behind(common: Path, cwd: Path, complaint: bytes, now: float) -> Path | None:
    """The lock in the git folder `common` that a git in `cwd` complains of at `now` (seconds since the epoch), where
    whoever made it is gone; else None."""
    found = _COMPLAINT.search(complaint)
    if found is None:
        return None
    locked = cwd / os.fsdecode(found[1] or found[2])
    # Through a link it would be a file of somebody else's.
    folder = Path(os.path.realpath(locked.parent))
    inside = os.path.relpath(folder / locked.name, os.path.realpath(common))
    path = folder / f"{locked.name}.lock"
    if not _BRIEF.fullmatch(inside):
        return None
    try:
        made = path.lstat().st_mtime
    except OSError:
        return None
    return path if now - made > _AGE and not _git_runs_since(made) else None


def _git_runs_since(moment: float) -> bool:
    """Whether a git is running that was there at that time already."""
    import psutil  # 20 ms, and hardly ever needed

    for process in psutil.process_iter(["name", "create_time"]):
        name, begun = process.info["name"] or "", process.info["create_time"]
        if name.startswith("git") and (begun is None or begun < moment + _GRANULARITY):
            return True
    return False


def break_if_left_behind(common: Path, cwd: Path, complaint: bytes) -> bool:
    """Take such a lock away; whether there was one."""
    path = left_behind(common, cwd, complaint, time.time())
    if path is None:
        return False
    try:
        path.unlink()
    except OSError:
        return False
    return True
