"""What all agents' logs and changes have of a text."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList

from agentdeck.engine.deck import Deck
from agentdeck.tui.acts.actions import Actions
from agentdeck.tui.keys.keys import OPEN, bound
from agentdeck.tui.list.header import KeyHint, Piece
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.look.styled import clean
from agentdeck.tui.screens.listing import Item, Listing, ListingColumn, lines

if TYPE_CHECKING:
    from agentdeck.engine.views.review import Match

_SHOWN = 1000


class SearchScreen(Listing):
    BINDINGS: ClassVar[list[BindingType]] = [*bound([OPEN])]
    heading = "Search"
    empty = "Nothing matches."
    columns = (ListingColumn("AGENT", 10), ListingColumn("WHERE", 10), ListingColumn("", 20))

    def __init__(self, deck: Deck, actions: Actions, text: str, show: Callable[[str, str], None]) -> None:
        """`show` shows an agent by its name, and one of its tabs."""
        super().__init__(deck, actions)
        self._text, self._show_there = text, show

    def find(self) -> list[Match]:
        found: list[Match] = []
        for match in self.deck.review.search(self._text, stop=lambda: not self.is_attached):
            found.append(match)
            if len(found) == _SHOWN:
                break
        return found

    def summary(self, facts: Any) -> str:
        agents = len({each.agent for each in facts})
        found = f"the first {_SHOWN}" if len(facts) == _SHOWN else str(len(facts))
        count = f"{found} match{'' if len(facts) == 1 else 'es'}"
        return f"“{self._text}”: {count} in {agents} agent{'' if agents == 1 else 's'}" if facts else f"“{self._text}”"

    def items(self, facts: Any) -> Sequence[Item]:
        return [self._item(at, each) for at, each in enumerate(facts)]

    def _item(self, at: int, match: Match) -> Item:
        style = {"+": "$text-success", "-": "$text-error"}.get(match.kind, "")
        sign = f"{match.kind} " if style else ""
        text = clean(match.text).strip() if match.text else match.kind
        return Item(str(at), ((match.agent, "bold"), (match.place, "$foreground 60%"), (f"{sign}{text}", style)))

    def _chosen(self) -> Match | None:
        found: list[Match] = self.facts or []
        at = int(self.selected or -1)
        return found[at] if 0 <= at < len(found) else None

    def about(self, facts: Any, key: str) -> Content:
        match = self._chosen()
        if match is None:
            return Content()
        when = time.strftime("%A, %H:%M:%S", time.localtime(match.at)) if match.at else ""
        said: list[Piece | str] = [(f"{match.agent}  {match.place}", "bold"), (when, "$foreground 60%"), ""]
        return lines(*said, clean(match.text) or match.kind)

    def hints(self) -> Sequence[KeyHint]:
        return (hint_of(OPEN.id, self.app._keymap, "go there"),) if self._chosen() else ()

    @on(OptionList.OptionSelected)
    def action_open(self) -> None:
        """Go to the agent, and to the tab that the line is in."""
        if (match := self._chosen()) is not None:
            self.dismiss()
            self._show_there(match.agent, "Log" if match.place == "log" else "Diff")
