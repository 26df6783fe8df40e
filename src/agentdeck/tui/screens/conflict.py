"""The conflict view: both sides of each place, who wrote them for which task, and the ways out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from agentdeck.core.merging.radar import RadarReport, Verdict
from agentdeck.core.text.text import columns, cut, listed, pad, plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views.landings import LandRequest
from agentdeck.tui.acts.actions import Actions
from agentdeck.tui.acts.deeds import ask_and_undo, land
from agentdeck.tui.acts.ways import ask_by_hand, ask_hand_back
from agentdeck.tui.dialogs.dialogs import Choose
from agentdeck.tui.keys.keys import WAYS, bound
from agentdeck.tui.list.header import KeyHint, Piece
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.look.styled import clean
from agentdeck.tui.screens.listing import Item, Listing, ListingColumn, lines

if TYPE_CHECKING:
    from agentdeck.core.merging.radar import Pair
    from agentdeck.engine.views.radar import Collision, CollisionPlace, LineOwner

_SIDE_BY_SIDE = 90
"""From so many columns on, both sides of a place stand beside each other, where their lines fit."""
_LINES = 400
"""Lines of one side that are shown."""


class ConflictScreen(Listing):
    BINDINGS: ClassVar[list[BindingType]] = [*bound(WAYS)]
    empty = "It conflicts with nobody."
    columns = (ListingColumn("WHERE", 16), ListingColumn("WITH", 8), ListingColumn("WRITTEN BY", 10))
    every = 2.0

    def __init__(self, deck: Deck, actions: Actions, name: str, newest: Callable[[], RadarReport | None]) -> None:
        """`newest` tells what the radar found last; None while it has not looked."""
        super().__init__(deck, actions)
        self.heading = f"Conflicts of {name}"
        self.agent, self._newest = name, newest
        self._report: RadarReport | None = None
        self._found: tuple[Collision, ...] = ()

    def find(self) -> tuple[Collision, ...]:
        report = self._newest() or self._report or self.deck.radar.look()
        if report is not self._report:
            with_base = {id(pair) for pair in report.base}
            pairs = [pair for pair in report.of(self.agent) if pair.verdict is Verdict.CONFLICTS]
            self._found = tuple(self._look(pair, is_agent=id(pair) not in with_base) for pair in pairs)
            self._report = report
        return self._found

    def look_again(self) -> None:
        self._report = None
        super().look_again()

    def _look(self, pair: Pair, *, is_agent: bool) -> Collision:
        other = pair.b if pair.a == self.agent else pair.a
        return self.deck.radar.collision(self.agent, other, is_agent=is_agent)

    # What is shown

    def summary(self, facts: Any) -> str:
        count = sum(len(each.places) for each in facts)
        return (
            f"{count} place{'' if count == 1 else 's'}, with {listed([each.theirs for each in facts])}" if facts else ""
        )

    def _pairs(self) -> list[tuple[Collision, CollisionPlace]]:
        return [(each, place) for each in self.facts or () for place in each.places]

    def _chosen(self) -> tuple[Collision, CollisionPlace] | None:
        pairs = self._pairs()
        at = int(self.selected or -1)
        return pairs[at] if 0 <= at < len(pairs) else None

    def items(self, facts: Any) -> Sequence[Item]:
        return [
            Item(str(at), ((place.where, "bold"), (each.theirs, "$text-error"), (_by(each, place), "$foreground 60%")))
            for at, (each, place) in enumerate(self._pairs())
        ]

    def about(self, facts: Any, key: str) -> Content:
        chosen = self._chosen()
        if chosen is None:
            return Content()
        return said_of(*chosen, self.query_one("#about", VerticalScroll).scrollable_content_region.width - 4)

    def hints(self) -> Sequence[KeyHint]:
        chosen = self._chosen()
        if chosen is None:
            return ()
        keymap = self.app._keymap
        later = hint_of("land.later", keymap)
        return (later,) if chosen[0].is_agent else (*(hint_of(key.id, keymap) for key in WAYS[:2]), later)

    # The ways out

    def _with_base(self) -> Collision | None:
        """The collision with the base; tells a person where the selected one is with another agent."""
        chosen = self._chosen()
        if chosen is None:
            return None
        if chosen[0].is_agent:
            key = hint_of("land.later", self.app._keymap).key
            text = f"{chosen[0].ours} and {chosen[0].theirs} conflict with each other: one lands first ({key})."
            self.notify(text, severity="warning", markup=False)
            return None
        return chosen[0]

    def action_hand_back(self) -> None:
        if (found := self._with_base()) is not None:
            ask_hand_back(self, found.ours, found.theirs, _places(found), self._land)

    def action_by_hand(self) -> None:
        if (found := self._with_base()) is not None:
            ask_by_hand(self, self.deck, found.ours, found.theirs, self._land)

    def action_later(self) -> None:
        """Ask who lands first; the other one resolves."""
        chosen = self._chosen()
        if chosen is None:
            return
        found, place = chosen
        ways: list[tuple[str, Callable[[], None]]] = []
        if found.is_agent:
            for first, second in ((found.ours, found.theirs), (found.theirs, found.ours)):
                request = LandRequest((first, second), commit="", hand_back=True)
                text = f"Land {first} first; {second} resolves, then lands"
                ways.append((text, lambda request=request: self._land(request)))  # type: ignore[misc]
        for owner in {each.step: each for each in place.owners if each.step}.values():
            text = f"Undo the landing of {owner.agent}, so that {found.ours} can land first"
            ways.append((text, lambda owner=owner: self._undo(owner)))  # type: ignore[misc]
        if not ways:
            self.notify(
                f"No landing that can be undone is in the way; {found.theirs} got this otherwise.",
                severity="warning",
                markup=False,
            )
            return
        text = f"{place.where} is written by {_by(found, place)} too. What is not committed is committed first."

        def answer(at: str | None) -> None:
            if at is not None:
                ways[int(at)][1]()

        options = [(shown, str(at)) for at, (shown, _) in enumerate(ways)]
        self.app.push_screen(Choose("Who lands first?", text, options), answer)

    def _land(self, request: LandRequest) -> None:
        """Land it, and let the queue show how that goes, which may lie below already."""
        land(self.deck, self.actions, request)
        main, below = self.app.screen_stack[0], self.app.screen_stack[-2]
        self.dismiss()
        if not (isinstance(below, Listing) and below.follows_landings):
            self.app.call_later(main.run_action, "queue")

    def _undo(self, owner: LineOwner) -> None:
        step = next((step for step in self.deck.history.steps() if step.number == owner.step), None)
        if step is not None:
            ask_and_undo(self, self.deck, self.actions, step)


def _places(found: Collision) -> str:
    return f"{len(found.places)} place{'' if len(found.places) == 1 else 's'}"


def _by(found: Collision, place: CollisionPlace) -> str:
    """Who wrote the other side."""
    if found.is_agent:
        return found.theirs
    return listed(list(dict.fromkeys(owner.agent or owner.author for owner in place.owners))) or "not known"


def said_of(found: Collision, place: CollisionPlace, width: int) -> Content:
    """Both sides of one place, beside each other where there is room."""
    mine = [(found.ours, "bold $text-primary"), (_short(found.task), "$foreground 60%")]
    other = [(found.theirs, "bold $text-warning"), *_their_reasons(found, place)]
    ours: list[Piece] = [(clean(line), "") for line in place.ours[:_LINES]] or [_nothing(place)]
    theirs: list[Piece] = [(clean(line), "") for line in place.theirs[:_LINES]] or [_nothing(place)]
    head = lines((place.where, "bold"), (place.text, "$foreground 60%"), "")
    half = (width - 3) // 2
    if width < _SIDE_BY_SIDE or max(columns(plain(text)) for text, _ in (*ours, *theirs)) > half:
        return Content("\n").join([head, lines(*mine, "", *ours, "", *other, "", *theirs)])
    deep = max(len(mine), len(other))
    left = [*mine, *[("", "")] * (deep - len(mine) + 1), *ours]
    right = [*other, *[("", "")] * (deep - len(other) + 1), *theirs]
    rows = [_row(one, two, half) for one, two in zip_longest(left, right, fillvalue=("", ""))]
    return Content("\n").join([head, *rows])


def _nothing(place: CollisionPlace) -> Piece:
    return (
        "(no lines here: this side deleted them)" if place.hunk is not None else "(no lines to show)",
        "$foreground 60%",
    )


def _row(one: Piece, two: Piece, width: int) -> Content:
    left, right = (Content.styled(pad(cut(plain(text), width), width), style) for text, style in (one, two))
    return Content("").join([left, Content.styled(" │ ", "$foreground 40%"), right])


def _their_reasons(found: Collision, place: CollisionPlace) -> list[Piece]:
    if found.is_agent:
        return [(_short(found.their_task), "$foreground 60%")]
    said: list[Piece] = []
    for owner in place.owners:
        who = f"{owner.agent}: {_short(owner.task)}" if owner.agent else f"{owner.author}: {owner.subject}"
        said.append((f"{owner.commit[:10]} {who}", "$foreground 60%"))
    return said


def _short(task: str) -> str:
    return task.strip().partition("\n")[0]
