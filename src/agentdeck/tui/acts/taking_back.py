"""What taking a step back would do, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdeck.core.text.text import plain
from agentdeck.engine.views.history import undoing

if TYPE_CHECKING:
    from agentdeck.engine.views.history import Step


def is_open(step: Step) -> bool:
    """Whether it can still be taken back."""
    return not step.undone


def what_happens(step: Step) -> list[str]:
    """One sentence for each thing that undoing `step` does, in the order it is done."""
    return [plain(undoing(part)) for part in reversed(step.parts)] or ["There is nothing left to undo."]
