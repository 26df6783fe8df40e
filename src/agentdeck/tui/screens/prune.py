"""What has gone stale, why, and how much room it takes; and the key that clears it away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList

from agentdeck.core.text.text import size_text
from agentdeck.tui.keys.keys import MARK, REMOVE, bound
from agentdeck.tui.list.header import KeyHint
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.screens.listing import Item, Listing, ListingColumn, lines

if TYPE_CHECKING:
    from agentdeck.engine.views.history import Stale


class PruneScreen(Listing):
    BINDINGS: ClassVar[list[BindingType]] = [*bound([REMOVE, MARK])]
    heading = "Prune"
    empty = "Nothing is stale: no landed agents, merged branches, orphaned resources or expired trash."
    columns = (
        ListingColumn("", 1),
        ListingColumn("KIND", 8),
        ListingColumn("WHAT", 12),
        ListingColumn("WHY", 16),
        ListingColumn("SIZE", 6),
        ListingColumn("", 9),
    )

    def on_mount(self) -> None:
        self.spared: set[str] = set()
        """The keys of those that a person wants to keep."""
        super().on_mount()

    def find(self) -> list[Stale]:
        return self.deck.history.stale()

    def chosen(self) -> list[Stale]:
        stale: list[Stale] = self.facts or []
        return [each for each in stale if _key(each) not in self.spared]

    def summary(self, facts: Any) -> str:
        room = sum(stale.room for stale in self.chosen())
        if not facts:
            return "nothing is stale"
        return f"{len(self.chosen())} of {len(facts)} to delete{f', {size_text(room)}' if room else ''}"

    def items(self, facts: Any) -> Sequence[Item]:
        return [self._item(stale) for stale in facts]

    def _item(self, stale: Stale) -> Item:
        goes = _key(stale) not in self.spared
        dim = "" if goes else "$foreground 60%"
        return Item(
            _key(stale),
            (
                ("✗" if goes else "–", "$text-error" if goes else dim),
                (stale.kind, dim),
                (stale.what, dim or "bold"),
                (stale.why, dim),
                (size_text(stale.room) if stale.room else "", "$foreground 60%"),
                ("" if stale.can_be_undone else "for good", dim or "$text-warning"),
            ),
        )

    def about(self, facts: Any, key: str) -> Content:
        stale: Stale | None = next((each for each in facts if _key(each) == key), None)
        if stale is None:
            return Content()
        back = "Undo restores it." if stale.can_be_undone else "This can't be undone; it contains none of your work."
        kept = "" if key not in self.spared else "It is kept; space marks it again."
        return lines((f"{stale.kind}: {stale.what}", "bold"), f"Why: {stale.why}.", back, (kept, "$text-accent"))

    def hints(self) -> Sequence[KeyHint]:
        if not self.facts:
            return ()
        keymap = self.app._keymap
        return (hint_of(REMOVE.id, keymap, "delete what is marked ✗"), hint_of(MARK.id, keymap, "keep or delete"))

    @on(OptionList.OptionSelected)
    def action_mark(self) -> None:
        if (key := self.selected) is not None:
            self.spared ^= {key}
            self._show()

    def action_remove(self) -> None:
        from agentdeck.tui.acts.deeds import ask_and_prune

        if chosen := self.chosen():
            ask_and_prune(self, self.deck, self.actions, chosen)


def _key(stale: Stale) -> str:
    return f"{stale.kind} {stale.what}"
