"""What is offered where others wait, and what is shown until the changes are read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.core.question import Asks as Kind
from agentdeck.core.question import Question
from agentdeck.engine.views.review import GitFacts
from agentdeck.tui.feed.feed import Feed
from agentdeck.tui.feed.snapshot import FeedSnapshot, Row
from agentdeck.tui.list import companion, detail
from agentdeck.tui.list.asks import Asks
from agentdeck.tui.list.companion import Companion
from agentdeck.tui.list.header import KeyBar
from tests.support.decks import Bench
from tests.tui import test_snapshots
from tests.tui.pilots import Driver, Script, drive
from tests.tui.screens.test_view_snapshots import asking
from tests.tui.test_snapshots import agent

_ASKS = asking("asks", 9, Question("May I?", Kind.PERMISSION))
_ASKS_TOO = asking("too", 8, Question("May I too?", Kind.PERMISSION))
_FAILED = Row(agent("broken", State.FAILED, 7, "exited with 1"))
_WORKS = Row(agent("works", State.WORKING, 6))

Show = Callable[..., None]


@pytest.fixture
def show(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Show:
    """Drive a dashboard that shows these rows and nothing else, and reads no changes."""
    monkeypatch.setattr(Feed, "start", lambda self: None)
    monkeypatch.setattr(detail, "TABS", {"Screen": f"{test_snapshots.__name__}:Blank"})
    monkeypatch.setattr(companion, "_REST", 1000.0)

    def drives(script: Script, *rows: Row, size: tuple[int, int] = (120, 36)) -> None:
        monkeypatch.setattr(Feed, "first", lambda self: FeedSnapshot(rows, "main"))
        drive(bench.deck(), script, size)

    return drives


@pytest.mark.parametrize(
    ("rows", "next_question", "keys"),
    [
        ((_ASKS, _ASKS_TOO), True, {"tab", "!"}),
        ((_ASKS, _FAILED), False, {"tab", "!"}),
        ((_ASKS, _WORKS), False, {"!"}),
        ((_FAILED, _ASKS), False, {"tab", "!"}),
        ((_FAILED, _WORKS), False, set()),
    ],
)
def test_next_and_inbox_are_offered_only_where_they_lead_somewhere(
    show: Show, rows: tuple[Row, ...], next_question: bool, keys: set[str]
) -> None:
    async def script(on: Driver) -> None:
        on.screen.go_to(rows[0].name)
        await on.pilot.pause()
        asks, bar = on.screen.query_one(Asks), on.screen.query_one(KeyBar)
        assert ("next" in asks.render().plain) == next_question
        assert {hint.key for hint in bar.hints} & {"tab", "!"} == keys

    show(script, *rows)


@pytest.mark.parametrize(("files", "is_strip"), [(0, True), (3, False)])
def test_the_changes_take_no_room_before_they_are_read_where_the_list_says_there_are_none(
    show: Show, files: int, is_strip: bool
) -> None:
    async def script(on: Driver) -> None:
        await on.pilot.pause()
        assert (on.screen.query_one(Companion).size.height == 2) == is_strip

    show(script, Row(_WORKS.view, GitFacts(files=files)), size=(200, 50))
