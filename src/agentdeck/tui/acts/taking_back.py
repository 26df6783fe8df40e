"""What taking a step back would do, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentdeck.core.text.text import plain

if TYPE_CHECKING:
    from agentdeck.engine.views.history import Step


def is_open(step: Step) -> bool:
    """Whether it can still be taken back."""
    return not step.undone


def what_happens(step: Step) -> list[str]:
    """One sentence for each thing that undoing `step` does, in the order it is done."""
    return [plain(_sentence(part)) for part in reversed(step.parts)] or ["There is nothing left to undo."]


_SENTENCES = {
    "removal": "The agent {agent} is restored: its worktree, branch and database, with uncommitted changes.",
    "restoration": "The agent {agent} is removed again; its work is saved first.",
    "base": "{branch} moves back from {new:.10} to {old:.10}.",
    "commit": "Changes of {agent} are uncommitted again; its files don't change.",
    "branch": "The branch {branch} is restored at {tip:.10}.",
    "branch again": "The branch {branch} is deleted again.",
    "database": "The database of {agent} is restored from its dump.",
    "record": "git's record of the worktree {path} is restored.",
    "record again": "git's record of the worktree {path} is deleted again.",
}


def _sentence(part: dict[str, Any]) -> str:
    return _SENTENCES.get(part["kind"], "{kind} is undone.").format(**part)
