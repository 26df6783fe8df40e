"""How much an agent may do without asking. Each CLI has words of its own for the three levels: see its profile."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

from agentdeck.core.box.box import BoxMode
from agentdeck.core.text.patterns import late
from agentdeck.errors import RefusedError, UsageError


class Level(StrEnum):
    ASK = "ask"
    """It asks before it edits a file or runs a command that changes something."""
    EDIT = "edit"
    """It edits files in its worktree, commits, and runs the repository's usual commands."""
    ALL = "all"
    """It does anything that its user could do on this machine."""


LEVELS = tuple(level.value for level in Level)
GIT = tuple(" ".join(("git", verb)) for verb in ("add", "commit", "status", "diff", "log", "show", "merge", "mv", "rm"))
"""What an agent needs to look at its work and to commit it."""
_PLAIN = late(r"[\w./:@=+,-]+(?: [\w./:@=+,%-]+)*")


def is_as_strict(level: Any, than: Any) -> bool:
    """Whether `level` allows no more than `than`; None is whatever the CLI itself is set to."""
    if level not in LEVELS or (than is not None and than not in LEVELS):
        return False
    return LEVELS.index(level) <= (LEVELS.index(than) if than is not None else 0)


def usual_commands(own: Iterable[str], gate: Iterable[str]) -> tuple[str, ...]:
    """git's, those of the configuration, and those of the gate that need no shell: what has to pass may be tried."""
    told = [part.strip() for line in gate for part in line.split("&&")]
    plain = [part for part in told if _PLAIN.fullmatch(part)]
    return tuple(dict.fromkeys([*GIT, *own, *plain]))


def meaning_of_all(box: str | None) -> str:
    """What an agent with the permission `all` can do in a box of that mode."""
    if box == BoxMode.FILES:
        return "With the permission “all” an agent asks for nothing, and a “files” box leaves it your whole network."
    return "With the permission “all” an agent can read, change and delete anything that you can."


def chosen(
    asked: str | None,
    *,
    sure: bool,
    profile: str,
    configured: str,
    box: str | None = None,
    boxed: Callable[[], bool] = lambda: False,
) -> str:
    """The level of a new agent, empty for the CLI's own. `all` is said once in a full box, where the agent can't do all
    that the person can; else twice, in whatever two places, and without one also in so many words where one can be had.

    `box`: what is asked for, None where nothing is said; `boxed`: whether a full box can be had for it.
    """
    level = asked or profile or configured
    if level and level not in LEVELS:
        raise UsageError(f"There is no permission level “{level}”.", hint=f"There are: {', '.join(LEVELS)}.")
    said = (asked == Level.ALL) + (profile == Level.ALL) + (configured == Level.ALL) + sure
    if level != Level.ALL or (box == BoxMode.FULL and asked is not None):
        return level
    if box is None and boxed():
        raise RefusedError(
            "With the permission “all” and no full box an agent can read, change and delete anything that you can.",
            hint="agentdeck run --box full --permission all “…”, or say that it may with --no-box.",
        )
    if said < 2 or asked is None:
        raise RefusedError(
            meaning_of_all(box),
            hint=f"agentdeck run {f'--box {box} ' if box else ''}--permission all --permission all “…”",
        )
    return level
