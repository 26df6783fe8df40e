"""Everything that was removed, landed or pruned and can be taken back, one step a line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList

from agentdeck.core.text.durations import short_duration
from agentdeck.tui.acts.taking_back import is_open, what_happens
from agentdeck.tui.keys.keys import UNDO, bound
from agentdeck.tui.list.header import KeyHint
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.screens.listing import Item, Listing, ListingColumn, lines

if TYPE_CHECKING:
    from agentdeck.engine.views.history import Step


class TrashScreen(Listing):
    BINDINGS: ClassVar[list[BindingType]] = [*bound([UNDO])]
    heading = "Trash"
    empty = "No steps yet. Removals, landings and prunes appear here and can be undone."
    columns = (ListingColumn("STEP", 4), ListingColumn("WHEN", 8), ListingColumn("STEP", 20), ListingColumn("", 10))

    def find(self) -> list[Step]:
        return list(reversed(self.deck.history.steps()))

    def summary(self, facts: Any) -> str:
        count = sum(is_open(step) for step in facts)
        return f"{count} step{'' if count == 1 else 's'} can be undone" if facts else ""

    def items(self, facts: Any) -> Sequence[Item]:
        return [_item(step) for step in facts]

    def _step(self) -> Step | None:
        steps: list[Step] = self.facts or []
        return next((step for step in steps if str(step.number) == self.selected), None)

    def about(self, facts: Any, key: str) -> Content:
        step = self._step()
        if step is None:
            return Content()
        when = time.strftime("%A %d %B, %H:%M:%S", time.localtime(step.at))
        said: list[tuple[str, str] | str] = [
            (f"Step {step.number}: {step.text}", "bold"),
            (when, "$foreground 60%"),
            "",
        ]
        if step.undone:
            return lines(*said, f"It was undone by step {step.undone}; undo that step to redo it.")
        head = "If you undo it:" if not step.undoes else "If you undo it, these changes are made again:"
        return lines(*said, (head, "$text-accent"), *(f"• {each}" for each in what_happens(step)))

    def hints(self) -> Sequence[KeyHint]:
        step = self._step() if self.facts else None
        return (hint_of(UNDO.id, self.app._keymap, "undo this step"),) if step is not None and is_open(step) else ()

    @on(OptionList.OptionSelected)
    def action_undo(self) -> None:
        from agentdeck.tui.acts.deeds import ask_and_undo

        step = self._step()
        if step is None:
            return
        if not is_open(step):
            self.notify(f"Step {step.number} was already undone by step {step.undone}.", severity="warning")
            return
        ask_and_undo(self, self.deck, self.actions, step)


def _item(step: Step) -> Item:
    dim = "$foreground 60%" if step.undone else ""
    when = f"{short_duration(max(0.0, time.time() - step.at))} ago"
    state = f"undone by {step.undone}" if step.undone else "can be undone"
    return Item(
        str(step.number),
        (
            (str(step.number), dim),
            (when, "$foreground 60%"),
            (step.text, dim or "bold"),
            (state, dim or "$text-success"),
        ),
    )
