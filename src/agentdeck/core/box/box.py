"""What an agent's box is: which files it sees, which of them it may write, and what else is its own."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from agentdeck.core.frozen import dataclass

HOME = "home"
"""The folder of an agent's own folder that is its home."""


class BoxMode(StrEnum):
    OFF = "off"
    FILES = "files"
    """It sees the machine's programs, its repository, its worktree and what the configuration adds; the network is
    open."""
    FULL = "full"
    """As `files`, and of the network it reaches only its own part."""


MODES = tuple(mode.value for mode in BoxMode)


def is_as_narrow(mode: Any, than: Any) -> bool:
    """Whether a box of `mode` holds back as much as one of `than`; None is no box."""
    if mode not in MODES or (than is not None and than not in MODES):
        return False
    return MODES.index(mode) >= (MODES.index(than) if than is not None else 0)


class View(StrEnum):
    """What is seen at a path of the box."""

    READ = "read"
    """The machine's own file or folder, which can't be changed."""
    WRITE = "write"
    EMPTY = "empty"
    """An empty folder in memory, which can be written."""
    LINK = "link"
    """A symbolic link to `source`."""


@dataclass(frozen=True, slots=True)
class Mount:
    view: View
    path: str
    """The path in the box."""
    source: str = ""
    """The path on the machine; empty: the same."""
    optional: bool = False
    """Whether it may be missing on the machine."""

    @property
    def is_real(self) -> bool:
        """Whether what is seen is the machine's own."""
        return self.view in (View.READ, View.WRITE)


class NetworkReach(StrEnum):
    """What of the network a box reaches."""

    OPEN = "open"
    """All of it."""
    NONE = "none"
    """A loopback of its own."""
    JOINED = "joined"
    """A loopback of its own, in which somebody outside listens: it waits for that to begin."""


@dataclass(frozen=True, slots=True)
class Box:
    """Everything that is not mounted is not there. A later mount hides what an earlier one shows at the same path."""

    mounts: tuple[Mount, ...]
    reach: NetworkReach = NetworkReach.OPEN


def read(path: str, source: str = "", *, optional: bool = False) -> Mount:
    return Mount(View.READ, path, source, optional)


def write(path: str, source: str = "", *, optional: bool = False) -> Mount:
    return Mount(View.WRITE, path, source, optional)


def empty(path: str) -> Mount:
    return Mount(View.EMPTY, path)
