"""Which paths differ between two commits, and how. Asked once for two trees, for these never change."""

from __future__ import annotations

from functools import lru_cache

from agentdeck.core.frozen import dataclass
from agentdeck.system.git.repository import Repository

_LINK = "160000"
"""The mode of a submodule in a tree."""


@dataclass(frozen=True, slots=True)
class TreeChange:
    path: str
    old_mode: str
    new_mode: str
    old: str
    """The object that was there; zeros for none."""
    new: str
    """The object that is there now; zeros for none."""

    @property
    def is_new(self) -> bool:
        return not self.old.strip("0")

    @property
    def is_link(self) -> bool:
        """Whether it is a submodule on one side."""
        return _LINK in (self.old_mode, self.new_mode)

    @property
    def becomes_link(self) -> bool:
        return self.new_mode == _LINK != self.old_mode

    @property
    def contents(self) -> tuple[str, str]:
        """The two objects, without those that are a submodule's commit: “” for none."""
        pairs = ((self.old_mode, self.old), (self.new_mode, self.new))
        old, new = (oid if mode != _LINK and oid.strip("0") else "" for mode, oid in pairs)
        return old, new

    @property
    def links(self) -> tuple[str, str]:
        """The two commits of a submodule; zeros where it is none."""
        pairs = ((self.old_mode, self.old), (self.new_mode, self.new))
        old, new = (oid if mode == _LINK else "0" * len(oid) for mode, oid in pairs)
        return old, new


def changed(repo: Repository, old: str, new: str) -> tuple[TreeChange, ...]:
    """What differs between two commits, which are given by their full ids; a file that was moved is told twice."""
    here = repo.at(repo.common)  # the same in every worktree
    if here.look is not None:  # a merge onto a base that has not moved has the files of what was merged
        old, new = here.tree(old), here.tree(new)
    return _changed(here, old, new)


@lru_cache(maxsize=4)
def _changed(repo: Repository, old: str, new: str) -> tuple[TreeChange, ...]:
    return parsed(repo.git("diff-tree", "-r", "-z", "--no-renames", "--no-abbrev", old, new))


def parsed(raw: str) -> tuple[TreeChange, ...]:
    """What git told with `-z` and `--no-abbrev`, in its raw format."""
    fields = raw.split("\0")
    heads = (head.lstrip(":").split() for head in fields[:-1:2])
    return tuple(TreeChange(path, *head[:4]) for head, path in zip(heads, fields[1::2], strict=True))
