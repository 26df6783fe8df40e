"""A race: its agents with what was found of each, their changes side by side, and the choice of the one that lands."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from agentdeck.core.text.durations import short_duration
from agentdeck.core.trials.beside import beside
from agentdeck.engine.deck import Deck
from agentdeck.errors import DeckError
from agentdeck.tui.acts.actions import Actions, Note
from agentdeck.tui.dialogs.dialogs import Confirm
from agentdeck.tui.keys.keys import BY_ID, bound
from agentdeck.tui.list.header import KeyHint
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.screens.listing import Item, Listing, ListingColumn, lines

if TYPE_CHECKING:
    from agentdeck.core.merging.patch import FilePatch
    from agentdeck.engine.views.trials import Score, Standing

_LAND = BY_ID["agent.land"]
_STYLES = {"+": "$text-success", "-": "$text-error"}
_NARROW = 60


class RaceFacts(NamedTuple):
    standing: Standing
    files: dict[str, tuple[FilePatch, ...]]


class RaceScreen(Listing):
    BINDINGS: ClassVar[list[BindingType]] = [*bound([_LAND])]
    heading = "Race"
    empty = "No agent of this race is there."
    columns = (
        ListingColumn("", 2),
        ListingColumn("AGENT", 8),
        ListingColumn("PROFILE", 8),
        ListingColumn("GATE", 6),
        ListingColumn("METRIC", 6),
        ListingColumn("CHANGE", 8),
        ListingColumn("COST", 5),
        ListingColumn("TIME", 4),
        ListingColumn("", 8),
    )

    def __init__(self, deck: Deck, actions: Actions, race: str = "") -> None:
        """`race` is its id; empty: the latest."""
        super().__init__(deck, actions)
        self._race = race

    def find(self) -> RaceFacts:
        standing = self.deck.races.standing(self._race)
        files = {}
        for name in standing.race.names:
            with suppress(DeckError):
                files[name] = self.deck.review.diff(self.deck.agent(name)).files
        return RaceFacts(standing, files)

    def summary(self, facts: RaceFacts) -> str:
        race = facts.standing.race
        return f"{race.id} on {race.base} at {race.commit[:10]}{', over' if race.ended else ''}: {race.task}"

    def items(self, facts: RaceFacts) -> Sequence[Item]:
        racers = {racer.name: racer for racer in facts.standing.race.racers}
        return [
            self._item(place, score, f"{racers[score.name].profile} {racers[score.name].tier}".strip())
            for place, score in facts.standing.places
        ]

    def _item(self, place: int, score: Score, profile: str) -> Item:
        note = score.out or (f"changes {len(score.tests)} test files" if score.tests else "")
        return Item(
            score.name,
            (
                (str(place) if place else "–", "$text-success" if place == 1 else "$foreground 60%"),
                (score.name, "bold"),
                (profile, ""),
                (score.gate, "$text-success" if score.gate == "passed" else "$text-error"),
                ("" if score.metric is None else f"{score.metric:g}", ""),
                (f"{score.files}f {score.lines}" if score.files else "", ""),
                ("" if score.cost is None else f"${score.cost:.2f}", ""),
                (short_duration(score.seconds) if score.seconds else "", ""),
                (note, "$text-warning"),
            ),
        )

    def about(self, facts: RaceFacts, key: str) -> Content:
        """Its change beside that of the best other one."""
        scores = {score.name: score for _, score in facts.standing.places}
        other = next((name for name in scores if name != key and name in facts.files), "")
        told = [(f"{key}: {scores[key].out}", "$text-warning")] if scores[key].out else []
        if not other or key not in facts.files:
            return lines(*told, "There is no other change to compare it with.")
        width = max(_NARROW, self.query_one("#said", Static).size.width or self.size.width - 4)
        shown = beside((key, other), facts.files[key], facts.files[other], width)
        return Content("\n").join([lines(*told), *map(_coloured, shown)] if told else [*map(_coloured, shown)])

    def hints(self) -> Sequence[KeyHint]:
        if self.facts is None or self.facts.standing.race.ended:
            return ()
        return (hint_of(_LAND.id, self.app._keymap, "land it, remove the others"),)

    def action_land(self) -> None:
        """Land the selected one and remove the others, after a question."""
        name, facts = self.selected, self.facts
        if name is None or facts is None or facts.standing.race.ended:
            return
        others = ", ".join(each for each in facts.standing.race.names if each != name)
        text = f"It lands through the gate. {others} are removed; undo brings each back."

        def work(note: Note) -> str:
            landing = self.deck.races.land(facts.standing, name, note, approved="dashboard")
            entry = landing.entries[0] if landing is not None else None
            if entry is not None and str(entry.stage) != "landed":
                return f"{name} did not land: {entry.reason}"
            return f"{name} has won the race."

        def answer(agreed: bool | None) -> None:
            if agreed:
                self.actions.do(f"landing {name}", work, name)

        self.app.push_screen(Confirm(f"Land {name}?", text, yes="Land it"), answer)


def _coloured(line: str) -> Content:
    left, bar, right = line.partition(" │ ")
    parts = [Content.styled(part, _STYLES.get(part[:1], "")) for part in (left, right)]
    return Content(bar).join(parts) if bar else parts[0]
