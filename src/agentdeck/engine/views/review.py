"""What an agent changed, and what a person says to it."""

from __future__ import annotations

import os
import time
from enum import StrEnum

from agentdeck.core.frozen import dataclass, field
from agentdeck.core.merging.patch import FilePatch
from agentdeck.system.git.history import Commit, CommitHead

__all__ = ["Comment", "Commit", "CommitHead", "Diff", "GitFacts", "Match", "Scope"]


class Scope(StrEnum):
    ALL = "all"
    COMMITTED = "committed"
    UNCOMMITTED = "uncommitted"


@dataclass(frozen=True, slots=True)
class Diff:
    """The files in the order of their names; empty where nothing differs."""

    files: tuple[FilePatch, ...] = ()
    against: str = ""
    """What it is compared with, in words."""
    untracked: frozenset[str] = field(default=frozenset())
    split: int | None = None
    """Where the committed changes come first: how many of the files are theirs; the others hold what is not committed.
    None: all are one."""

    def is_loose(self, file: int) -> bool:
        """Whether the file of that number stands for changes that are not committed, and for no others."""
        return self.split is not None and file >= self.split

    @property
    def added(self) -> int:
        return sum(file.added for file in self.files)

    @property
    def deleted(self) -> int:
        return sum(file.deleted for file in self.files)


@dataclass(frozen=True, slots=True)
class Comment:
    path: str
    line: int
    """From 1; 0 for the file as a whole."""
    text: str
    quote: str = ""
    """The line that it is about."""
    removed: bool = False
    """Whether that line is gone; its number is then the one it had."""
    id: str = field(default_factory=lambda: os.urandom(4).hex())
    at: float = field(default_factory=time.time)

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True)
class GitFacts:
    """What git says of an agent's branch and worktree against its base: what there is still to land."""

    ahead: int = 0
    behind: int = 0
    added: int = 0
    deleted: int = 0
    problem: str = ""
    """Why the facts can't be told: the worktree or the base is gone."""
    files: int = 0
    """Files that differ, untracked ones among them."""
    loose: int = 0
    """Files whose changes are not committed."""
    is_in_base: bool = False
    """Whether it is beyond the commit that it began at, and its base has all its commits."""
    is_behind: bool = False
    """Whether an agent on another host has ended a turn since its work was fetched: then this is of before."""


@dataclass(frozen=True, slots=True)
class Match:
    """A line that a search found."""

    agent: str
    place: str
    """`log`, or the file and line of a change."""
    text: str
    kind: str = ""
    """For a change `+` or `-`, or `changed file` where the path is what matches."""
    at: float = 0.0
    """When a line of the log was printed, in seconds since the epoch; else 0."""
