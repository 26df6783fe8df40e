"""Everything that can be seen of a worktree, so that two moments of it can be compared."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tests.support.repos import Sandbox


@dataclass(frozen=True)
class Picture:
    status: str
    index: str
    files: dict[str, tuple[str, bytes]]
    """Permissions and content of every file, link and folder."""
    head: str


def picture(worktree: Path) -> Picture:
    sandbox = Sandbox(worktree)
    status = sandbox.git("status", "--porcelain=v2", "--branch", "--untracked-files=all")
    return Picture(
        status=status,
        index=sandbox.git("ls-files", "--stage", "-v", "-z"),
        files=dict(_walk(worktree)),
        head=next(line for line in status.splitlines() if line.startswith("# branch.head ")),
    )


def _walk(top: Path) -> list[tuple[str, tuple[str, bytes]]]:
    found = []
    for folder, names, files in os.walk(top):
        for name in [*names, *files]:
            path = Path(folder, name)
            relative = os.path.relpath(path, top)
            if ".git" in Path(relative).parts:
                continue
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                found.append((relative, ("link", os.fsencode(path.readlink()))))
            else:
                content = b"" if stat.S_ISDIR(mode) else path.read_bytes()
                found.append((relative, (stat.filemode(mode), content)))
    return found
