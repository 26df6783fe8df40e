"""What git-lfs keeps beside the commits of a repository."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from agentdeck.system.git.repository import Repository

_NAME = re.compile(r"[0-9a-f]{64}")
_FILTER = {
    "filter.lfs.process": "git-lfs filter-process",
    "filter.lfs.clean": "git-lfs clean -- %f",
    "filter.lfs.smudge": "git-lfs smudge -- %f",
    "filter.lfs.required": "true",
}


def has_any(repo: Repository, commit: str) -> bool:
    """Whether files of that commit are kept by git-lfs."""
    return bool(repo.run("grep", "--quiet", "filter=lfs", commit, "--", ":(glob)**/.gitattributes"))


def names(repo: Repository, commits: Iterable[str]) -> list[str]:
    """The names of the large files of these commits, which are the SHA-256 of their content. None where git-lfs is not
    installed, or no file is kept by it."""
    found = dict[str, None]()
    for commit in commits:
        if has_any(repo, commit):
            lines = repo.run("lfs", "ls-files", "--long", commit).text.splitlines()
            found |= dict.fromkeys(line.partition(" ")[0] for line in lines)
    return [name for name in found if is_name(name)]


def is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def place(common: Path, name: str) -> Path:
    """Where the repository with that git folder keeps the file."""
    return common / "lfs" / "objects" / name[:2] / name[2:4] / name


def use(repo: Repository) -> None:
    """Let git in this repository use git-lfs, where its user's own configuration does not say so."""
    if not repo.run("config", "--get", "filter.lfs.process"):
        for key, value in _FILTER.items():
            repo.git("config", key, value)
