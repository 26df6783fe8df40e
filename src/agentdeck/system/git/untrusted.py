"""Worktrees in which an agent that has a box works: git never enters a repository inside of one without a box.

A repository that lies in a worktree, as a submodule or otherwise, has a configuration of its own, which can name
programs for git to run (`core.fsmonitor`, filters), and git outside of the box would run them. git enters one by
starting git anew, from the folder that GIT_EXEC_PATH names: there a small program of ours stands in its place.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import sys
from functools import cache
from pathlib import Path

from agentdeck.core.text.patterns import late_bytes
from agentdeck.system.files.files import private_folder, text_of, write_atomic

VARIABLE = "AGENTDECK_UNTRUSTED"
"""Tells the program in git's place where it is: JSON with `common`, `git_dir`, `worktree` and `programs`."""
BOXED_GIT = ("env", "LC_ALL=C.UTF-8", sys.executable, "-I", "-m", "agentdeck.system.box.inner_git")
"""git, in a box; it needs the variable. In the locale C, in which our git runs, Python would not find an editable
installation whose path is not ASCII."""
_LEADS_OUT = late_bytes(rb"(?:\A|/|\0)(?:\.{0,2}|\.git)[/\0]", re.IGNORECASE)
"""A part of a path that leads out of the worktree, or into its git folder."""
_MARKS = "agentdeck/boxed"
_PROGRAMS = "agentdeck/git-in-box"


def mark(common: Path, git_dir: Path) -> None:
    """From now on nothing in the worktree with that git folder is trusted."""
    write_atomic(private_folder(common / _MARKS) / git_dir.name, "")


def unmark(common: Path, git_dir: Path) -> None:
    (common / _MARKS / git_dir.name).unlink(missing_ok=True)


def is_marked(common: Path, git_dir: Path) -> bool:
    return git_dir.parent == common / "worktrees" and (common / _MARKS / git_dir.name).exists()


def marked_at(common: Path, folder: Path, git_dir: Path | None) -> Path | None:
    """The git folder of the worktree at `folder` where that is marked; it is known, or looked up in its `.git` file."""
    if not (common / _MARKS).exists():
        return None
    if git_dir is None:
        with contextlib.suppress(OSError):
            told = text_of(folder / ".git")
            git_dir = Path(os.path.normpath(folder / told.removeprefix("gitdir:").strip()))
    return git_dir if git_dir is not None and is_marked(common, git_dir) else None


def has_new_index(common: Path, git_dir: Path) -> str:
    """Something that another index would have otherwise, where the index of the marked worktree was not looked at yet;
    else empty."""
    with contextlib.suppress(OSError):
        found = (git_dir / "index").lstat()
        mark = f"{found.st_ctime_ns} {found.st_size} {found.st_ino}"
        return mark if text_of(common / _MARKS / git_dir.name) != mark else ""
    return ""


def trust_index(common: Path, git_dir: Path, mark: str) -> None:
    """It was looked at, as `has_new_index` found it."""
    write_atomic(common / _MARKS / git_dir.name, mark, durable=False)


def leads_out(paths: bytes) -> bool:
    """Whether one of the paths, each ended by a zero, is not one of a worktree. Git does not look when it reads an
    index, and an agent can have written any."""
    return _LEADS_OUT.search(paths) is not None


def variables(common: Path, folder: Path, git_dir: Path) -> dict[str, str]:
    """For a git that runs in the marked worktree at `folder`."""
    real = _exec_path()
    told = {"common": str(common), "git_dir": str(git_dir), "worktree": str(folder), "programs": real}
    return {VARIABLE: json.dumps(told), "GIT_EXEC_PATH": str(_programs(common, Path(real)))}


@cache
def _exec_path() -> str:
    from agentdeck.system.machine.process import run  # late, for the runner

    return run(["git", "--exec-path"]).text.strip()


@cache
def _programs(common: Path, real: Path) -> Path:
    """The folder of git's programs with ours in the place of git itself."""
    folder = private_folder(common / _PROGRAMS)
    entry = f"""#!/bin/sh
case "${{GIT_DIR-.git}}" in
/*) exec {shlex.quote(str(real / "git"))} "$@" ;;
*) exec {shlex.join(BOXED_GIT)} "$@" ;;
esac
"""
    with contextlib.suppress(OSError):
        if (folder / "git").read_text() == entry:
            return folder
    for program in real.iterdir():
        if program.name != "git" and not os.path.lexists(folder / program.name):
            with contextlib.suppress(FileExistsError):
                (folder / program.name).symlink_to(program)
    write_atomic(folder / "git", entry, 0o700)
    return folder
