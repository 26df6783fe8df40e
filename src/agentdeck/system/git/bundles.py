"""Carry commits to another repository in a file, where no connection of git's own is to be had."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from agentdeck.errors import GitError
from agentdeck.system.git.repository import Repository

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_CHECKED = (
    "-c",
    "fetch.fsckObjects=true",
    "-c",
    "fetch.fsck.badTimezone=ignore",
    "-c",
    "fetch.fsck.zeroPaddedFilemode=ignore",
)


def is_commit_id(text: object) -> bool:
    return isinstance(text, str) and _COMMIT.fullmatch(text) is not None


def known(repo: Repository, commits: Iterable[str]) -> list[str]:
    """Those of `commits` that the repository has."""
    with repo.one_look():
        return [each for each in dict.fromkeys(commits) if is_commit_id(each) and repo.commit(each) == each]


def is_shallow(repo: Repository) -> bool:
    """Whether the repository lacks the beginning of its history, so that none of it can be sent."""
    return repo.run("rev-parse", "--is-shallow-repository").text.strip() == "true"


def create(repo: Repository, refs: Iterable[str], have: Iterable[str], path: Path) -> bool:
    """Write to `path` what `refs` have and `have` has not; return False, with no file, where that is nothing."""
    refs, without = list(refs), [f"^{each}" for each in known(repo, have)]
    if not repo.lines("rev-list", "--max-count=1", *refs, *without, "--"):
        return False
    repo.git("bundle", "create", "--quiet", path, *refs, *without)
    return True


def take_in(repo: Repository, path: Path, refs: Mapping[str, str]) -> None:
    """Fetch from the bundle: for each of its refs the name that it gets here. Every object is checked. A ref whose
    commit the receiver has already is in no bundle."""
    has = {line.partition(" ")[2] for line in repo.lines("bundle", "list-heads", path)}
    specs = [f"+{there}:{here}" for there, here in refs.items() if there in has]
    if not specs:
        return
    words = (
        *_CHECKED,
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-auto-maintenance",
        "--no-recurse-submodules",
    )
    done = repo.run(*words, path, *specs)
    if not done:
        raise GitError(f"What was sent can't be taken into {repo.folder}.", detail=done.complaint)
