"""Bring an index to all that its worktree holds, except for repositories inside that are not submodules.

git would add such a clone or worktree as a link to a commit that nobody else can get.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.patterns import late
from agentdeck.core.text.text import listed
from agentdeck.errors import GitError
from agentdeck.system.git.repository import Repository
from agentdeck.system.git.submodules import names_in
from agentdeck.system.git.treediff import TreeChange, changed, parsed
from agentdeck.system.machine.process import Result

_Run = Callable[..., Result]
# Of a folder that git can't open it only warns, and of what it can't see in one it says the path alone.
_UNREAD = late(
    r"error: (.+)|(?:warning: )?((?:could not open directory )?.+: (?:Permission denied|Input/output error))"
)
_EMPTY_REPOSITORY = late(r"error: '(.+?)/?' does not have a commit checked out")


@dataclass(frozen=True, slots=True)
class Added:
    repositories: tuple[str, ...] = ()
    """Those without a commit, which git can't add."""
    unread: tuple[str, ...] = ()
    """What git says of each file and folder that it can't read."""


def add_all(run: _Run) -> Added:
    """Add all to the index that `run` lets git work with; repositories that have a commit are added as links."""
    done = run("add", "--all", "--sparse", "--ignore-errors")
    if done.code not in (0, 1):
        raise GitError("git can't add the files of the worktree.", detail=done.complaint)
    complaints = dict.fromkeys(done.complaint.split("\n"))
    empty = {line: found[1] for line in complaints if (found := _EMPTY_REPOSITORY.fullmatch(line))}
    told = [found for line in complaints if line not in empty and (found := _UNREAD.fullmatch(line))]
    return Added(tuple(empty.values()), tuple(found[1] or found[2] for found in told))


def staged_repositories(run: _Run) -> tuple[str, ...]:
    """The paths of the index's links that the last commit has not and `.gitmodules` does not name."""
    done = run("diff-index", "--cached", "-z", "--no-renames", "--no-abbrev", "HEAD")
    if not done:
        raise GitError("git can't compare the index with the last commit.", detail=done.complaint)
    return tuple(_unnamed(run, parsed(done.text), ":.gitmodules"))


def take_out_repositories(run: _Run) -> tuple[str, ...]:
    """Take `staged_repositories` out of the index, and return their paths."""
    found = staged_repositories(run)
    names = os.fsencode("".join(f"{path}\0" for path in found))
    if found and not (done := run("update-index", "--force-remove", "-z", "--stdin", stdin=names)):
        raise GitError("git can't take repositories out of the index.", detail=done.complaint)
    return found


def new_repositories(repo: Repository, old: str, new: str) -> tuple[str, ...]:
    """The paths of the links in the commit `new` that `old` has not and `.gitmodules` does not name."""
    return tuple(_unnamed(repo.run, changed(repo, old, new), f"{new}:.gitmodules"))


def _unnamed(run: _Run, changes: Sequence[TreeChange], modules: str) -> list[str]:
    links = [each.path for each in changes if each.becomes_link]
    named = names_in(run, "--blob", modules) if links else {}
    return [path for path in links if path not in named]


def left_out(repositories: Sequence[str]) -> str:
    """What a person should hear of repositories that are left out."""
    return f"repositories inside of its worktree do not land: {listed(repositories)}"
