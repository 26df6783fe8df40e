"""The radar: a line an agent in the order to land them, a column for each that it may collide with, and the files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList

from agentdeck.core.merging.radar import Pair, RadarReport, Verdict
from agentdeck.engine.deck import Deck
from agentdeck.tui.acts.actions import Actions
from agentdeck.tui.keys.keys import BY_ID, bound
from agentdeck.tui.list.header import KeyHint, Piece
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.screens.listing import Item, Listing, ListingColumn, lines

_FIXED = 44
"""Columns that number, name, base and the widest verdict take."""
_FILES = 20
"""Paths of one pair that are named."""
_STYLES = {
    Verdict.CLEAN: "$foreground 60%",
    Verdict.TOUCHES: "$text-warning",
    Verdict.CONFLICTS: "$text-error bold",
}
_LOOKS = {verdict: (verdict.glyph, style) for verdict, style in _STYLES.items()}
_WORDS = {Verdict.CLEAN: "clean", Verdict.TOUCHES: "touches the same files as", Verdict.CONFLICTS: "conflicts with"}


class RadarScreen(Listing):
    heading = "Radar"
    empty = "No agent has work to land."
    every = 1.0
    BINDINGS: ClassVar[list[BindingType]] = [*bound([BY_ID["view.conflict"]])]

    def __init__(self, deck: Deck, actions: Actions, newest: Callable[[], RadarReport | None]) -> None:
        """`newest` tells what the feed found last; None while it has not looked."""
        super().__init__(deck, actions)
        self._newest = newest

    def find(self) -> RadarReport:
        return self._newest() or self.deck.radar.look()

    def hints(self) -> Sequence[KeyHint]:
        name = self.selected
        if name is None or not isinstance(self.facts, RadarReport):
            return ()
        conflicts = any(pair.verdict is Verdict.CONFLICTS for pair in self.facts.of(name))
        return (hint_of("view.conflict", self.app._keymap),) if conflicts else ()

    @on(OptionList.OptionSelected)
    def action_conflict(self) -> None:
        from agentdeck.tui.screens.conflict import ConflictScreen

        if self.selected is not None:
            self.app.push_screen(ConflictScreen(self.deck, self.actions, self.selected, self._newest))

    def summary(self, facts: Any) -> str:
        pairs = [*facts.base, *facts.pairs]
        conflicts = sum(pair.verdict is Verdict.CONFLICTS for pair in pairs)
        touches = sum(pair.verdict is Verdict.TOUCHES for pair in pairs)
        found = [
            f"{verdict.glyph} {count} {word}"
            for verdict, count, word in (
                (Verdict.CONFLICTS, conflicts, "conflict" if conflicts == 1 else "conflicts"),
                (Verdict.TOUCHES, touches, "touching"),
            )
            if count
        ]
        return ", ".join([*found, f"{Verdict.CLEAN.glyph} {'the rest' if found else 'all'} is clean"])

    def items(self, facts: Any) -> Sequence[Item]:
        report: RadarReport = facts
        order = [*report.order, *(name for name in report.agents if name not in report.order)]
        across = self._across(report, order)
        self.columns = (
            ListingColumn("", 2),
            ListingColumn("LANDING ORDER", 10),
            ListingColumn("WITH BASE", 13),
            *(ListingColumn(str(order.index(name) + 1), 2) for name in across),
            ListingColumn("", 8),
        )
        return [self._item(report, name, number, across) for number, name in enumerate(order, 1)]

    def _across(self, report: RadarReport, order: Sequence[str]) -> list[str]:
        """Which agents get a column: all, or where they don't fit those that collide with anyone."""
        room = max(4, (self.query_one("#lines").size.width - _FIXED) // 4)
        if len(order) <= room:
            return list(order)
        troubled = {name for pair in report.pairs if pair.verdict is not Verdict.CLEAN for name in (pair.a, pair.b)}
        return [name for name in order if name in troubled][:room]

    def _item(self, report: RadarReport, name: str, number: int, across: Sequence[str]) -> Item:
        verdicts = report.marks(name)
        base = next((pair for pair in report.base if pair.a == name), None)
        cells: list[Piece] = [(f"{number}", "$foreground 60%"), (name, "bold")]
        if base is None:
            cells.append(("not known", "$text-warning"))
        else:
            glyph, style = _LOOKS[base.verdict]
            cells.append((f"{glyph} {base.b}", style))
        for other in across:
            glyph, style = ("", "") if other == name else _LOOKS[verdicts.get(other, Verdict.CLEAN)]
            cells.append((glyph, style))
        worst = report.worst(name)
        cells.append((str(worst.verdict), _LOOKS[worst.verdict][1]) if worst else ("", ""))
        return Item(name, tuple(cells))

    def about(self, facts: Any, key: str) -> Content:
        report: RadarReport = facts
        said: list[Piece | str] = [(key, "bold")]
        if problem := report.problems.get(key):
            said.append((f"Some agents could not be checked: {problem}", "$text-warning"))
        pairs = sorted(report.of(key), key=lambda pair: -pair.verdict.weight)
        clean = [pair.b if pair.a == key else pair.a for pair in pairs if pair.verdict is Verdict.CLEAN]
        for pair in pairs:
            if pair.verdict is not Verdict.CLEAN:
                said += ["", *_collision(pair, key)]
        if clean:
            said += ["", (f"{Verdict.CLEAN.glyph} merges cleanly with {', '.join(clean)}", "$foreground 60%")]
        return lines(*said)


def _collision(pair: Pair, name: str) -> list[Piece | str]:
    other = pair.b if pair.a == name else pair.a
    glyph, style = _LOOKS[pair.verdict]
    said: list[Piece | str] = [(f"{glyph} {_WORDS[pair.verdict]} {other}", style)]
    said += [f"    {conflict.where}" for conflict in pair.conflicts[:_FILES]]
    clashing = {conflict.path for conflict in pair.conflicts}
    also = [path for path in pair.shared if path not in clashing]
    said += [(f"    {path} (both changed it)", "$foreground 70%") for path in also[:_FILES]]
    hidden = max(0, len(pair.conflicts) - _FILES) + max(0, len(also) - _FILES)
    return [*said, f"    and {hidden} more files"] if hidden else said
