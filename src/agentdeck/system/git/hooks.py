"""Run git hooks, and mind those in a folder of the checkout (`core.hooksPath = .husky/_`), which git looks for in each
worktree anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

from agentdeck.system.git.repository import Repository
from agentdeck.system.machine.process import Result

APART: dict[str, str | None] = {"GIT_COMMON_DIR": None}
"""Variables of a git that runs hooks: one that unsets GIT_DIR to work in another repository would be led back to this
one by the other."""


def folder(repo: Repository) -> str:
    """The folder that git takes its hooks from, relative to a worktree's top; empty where it lies anywhere else."""
    told = repo.setting("core.hooksPath", "path")
    path = os.path.normpath(told) if told else ""
    return "" if not path or path == "." or path.startswith(("/", "..")) else path


def run(here: Repository, name: str, *args: str | Path) -> Result | None:
    """Run the hook of that name in the worktree `here` as git does; None where there is none."""
    if not can_have(here, name):
        return None
    return here.run("hook", "run", "--ignore-missing", name, "--", *args, env=APART)


def can_have(here: Repository, name: str) -> bool:
    """Whether there may be a hook of that name: in one look at the repository it is known where there is none."""
    if here.may_configure("hook"):  # newer gits take hooks from there too
        return True
    told = here.setting("core.hooksPath", "path")
    place = here.folder / told if told else here.common / "hooks"
    return os.path.lexists(place / name)


def are_there(here: Repository) -> bool:
    """Whether the repository has hooks of its own or takes them from anywhere else."""
    if here.run("config", "--get-regexp", r"^(core\.hookspath|hook\..*)$"):
        return True
    place = here.common / "hooks"
    return place.is_dir() and any(each.suffix != ".sample" for each in place.iterdir())


def pattern(path: str) -> list[str]:
    """What makes `carry_over` take that folder along where git ignores it."""
    return ["/" + re.sub(r"([\\*?\[ ])", r"\\\1", path) + "/"] if path else []


def missing(path: str, main: Path, worktree: Path) -> str:
    """A sentence where `worktree` lacks the hooks in `path` that the main worktree `main` has; else empty."""
    if not path or not (main / path).is_dir() or (worktree / path).is_dir():
        return ""
    return (
        f"git's hooks are in {path}, which this worktree lacks, so the agent's commits run none of them: "
        f"add {path} to .gitignore, and it is copied into each new worktree."
    )


def options(here: Repository, main: Path) -> list[str]:
    """Options of a git that commits in the worktree `here`: it runs the hooks of `main` where `here` lost its own."""
    path = folder(here)
    if not path or (here.folder / path).is_dir() or not (main / path).is_dir():
        return []
    return ["-c", f"core.hooksPath={main / path}"]
