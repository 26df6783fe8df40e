"""What taking a step back would do, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentdeck.core.text.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentdeck.engine.views.history import Step


def is_open(step: Step) -> bool:
    """Whether it can still be taken back."""
    return not step.undone


def latest(steps: Sequence[Step]) -> Step | None:
    """What plain undo takes back, as `Steps.latest`."""
    return next((step for step in reversed(steps) if not step.undone and not step.undoes), None)


def what_happens(step: Step) -> list[str]:
    """One sentence for each thing that undoing `step` does, in the order it is done."""
    return [plain(_sentence(part)) for part in reversed(step.parts)] or ["There is nothing left of it to take back."]


_SENTENCES = {
    "removal": "The agent {agent} comes back: its worktree, branch and database, with what was not committed.",
    "restoration": "The agent {agent} is removed again; what it holds is saved first.",
    "base": "{branch} goes from {new:.10} back to {old:.10}, where it was before.",
    "commit": "What {agent} had not committed is uncommitted again; its files stay as they are.",
    "branch": "The branch {branch} comes back at {tip:.10}.",
    "branch again": "The branch {branch} is deleted again.",
    "database": "The database of {agent} comes back from its dump.",
    "record": "git's record of the worktree {path} comes back.",
    "record again": "git's record of the worktree {path} is taken away again.",
}


def _sentence(part: dict[str, Any]) -> str:
    return _SENTENCES.get(part["kind"], "{kind} is taken back.").format(**part)
