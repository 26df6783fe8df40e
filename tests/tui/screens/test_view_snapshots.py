"""Pictures of the views at three sizes, compared with those that a person looked at; see test_snapshots."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from agentdeck.core.agents.agent import State
from agentdeck.core.merging.conflicts import Hunk
from agentdeck.core.question import Asks, Option, Question
from agentdeck.engine.api.terminals import DeckTerminals
from agentdeck.engine.views.configuration import Setting
from agentdeck.engine.views.radar import Collision, CollisionPlace, LineOwner
from agentdeck.engine.views.review import Match
from agentdeck.system.terminal.control import PaneCapture
from agentdeck.tui.feed.snapshot import FeedSnapshot, Row
from agentdeck.tui.screens.conflict import ConflictScreen
from agentdeck.tui.screens.decks import DecksScreen, There
from agentdeck.tui.screens.search import SearchScreen
from agentdeck.tui.screens.settings import SettingsScreen
from agentdeck.tui.screens.timeline import Course, TimelineScreen
from tests.tui import test_snapshots
from tests.tui.test_snapshots import NOW, SIZES, agent

shown = test_snapshots.shown
LIGHT, SIXTEEN = "light", "16 colours"
Look = tuple[int, int] | str
LOOKS: list[Look] = [*SIZES, LIGHT, SIXTEEN]


def pressing(*keys: str) -> Callable[[Pilot[Any]], Any]:
    """Press each of the keys once all that the one before has begun is done."""

    async def before(pilot: Pilot[Any]) -> None:
        for key in keys:
            await pilot.press(key)
            await pilot.app.workers.wait_for_complete()
            await pilot.pause()

    return before


@pytest.fixture
def looks(shown: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Compare a picture in one of `LOOKS`."""

    def compare(look: Look, *rest: Any) -> None:
        if look == SIXTEEN:
            for name in ("app", "list.table", "panes.loglines", "panes.rows", "panes.selecting", "screens.listing"):
                monkeypatch.setattr(f"agentdeck.tui.{name}.has_few_colours", lambda app: True)
        size = (120, 36) if isinstance(look, str) else look
        shown(size, *rest, theme="textual-light" if look == LIGHT else "")

    return compare


def asking(name: str, age: float, *questions: Question, profile: str = "claude") -> Row:
    view = agent(name, State.WAITING, age, questions[0].text, profile)
    return Row(replace(view, status=replace(view.status, questions=questions)))


_EDIT = Question(
    "asks to use Edit: src/basket.py",
    Asks.PERMISSION,
    (Option("Yes"), Option("Yes, and don't ask again", "Edit(src/**)"), Option("No")),
    "Edit",
    "src/basket.py",
    "-    return sum(item.price for item in items)\n+    total = sum(item.price for item in items)\n"
    "+    return total - discount(total)",
    hook="h",
    at=NOW - 95,
)
_COMMAND = Question(
    "Would you like to run this command?",
    Asks.PERMISSION,
    (Option("Yes, proceed"), Option("No, and tell Codex what to do differently")),
    subject="$ npm run migrate -- --all",
    at=NOW - 20,
)
_SEVERAL = Question(
    "Which tests shall I write?",
    options=(Option("Unit", "fast, no server"), Option("API", "against a test server"), Option("Browser")),
    tool="AskUserQuestion",
    hook="h",
    multiple=True,
    at=NOW - 7,
)
_ASKING = FeedSnapshot(
    (
        asking("basket-totals", 95, _EDIT, _EDIT),
        asking("migrate-db", 20, _COMMAND, profile="codex"),
        asking("write-tests", 7, _SEVERAL),
    ),
    "main",
)


@pytest.mark.parametrize("look", LOOKS)
def test_the_inbox(looks: Callable[..., None], look: Look) -> None:
    looks(look, pressing("exclamation_mark"), _ASKING)


def test_a_question_that_takes_several(shown: Callable[..., None]) -> None:
    shown((120, 36), pressing("exclamation_mark", "j", "j", "1", "3"), _ASKING)


_COLLISION = Collision(
    "search-ranking",
    "Rank search results by how well they match",
    "main",
    False,
    "",
    (
        CollisionPlace(
            "shop/search.py",
            "contents",
            "CONFLICT (content): Merge conflict in shop/search.py",
            Hunk(1, 4, 1, 2),
            (
                "def find(items, words):",
                "    scored = [(score(item, words), item) for item in items]",
                "    return [item for points, item in sorted(scored, reverse=True) if points]",
                "",
            ),
            ("def find(items, words):", "    return [item for item in items if words.lower() in item.name.lower()]"),
            (LineOwner("c" * 40, "Robin", "Search takes no notice of case", "price-import", "Import the prices", 3),),
        ),
        CollisionPlace(
            "docs/search.md",
            "modify/delete",
            "CONFLICT (modify/delete): docs/search.md deleted in main and modified in search-ranking.",
            owners=(LineOwner("d" * 40, "Robin", "Drop the old pages"),),
        ),
    ),
)


@pytest.mark.parametrize("look", LOOKS)
def test_the_conflicts(looks: Callable[..., None], look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ConflictScreen, "find", lambda self: (_COLLISION,))
    looks(look, pressing("v"))


@pytest.mark.parametrize("size", SIZES)
def test_the_search(shown: Callable[..., None], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    matches = [
        Match("docs", "README.md:12", "The total is in cents.", "+"),
        Match("docs", "README.md:11", "The total is in euros.", "-"),
        Match("login-form", "log", "test_total PASSED", at=NOW - 60),
        Match("write-tests", "tests/test_total.py", "", "changed file"),
    ]
    monkeypatch.setattr(SearchScreen, "find", lambda self: matches)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    shown(size, pressing("ctrl+f", *"total", "enter", "down", "down"))


@pytest.mark.parametrize("look", LOOKS)
def test_all_repositories(looks: Callable[..., None], look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (*_ASKING.rows, Row(agent("docs", State.WORKING, 60)))

    def find(self: DecksScreen) -> list[There]:
        return [There("/work/shop" if at < 2 else "/work/api", row, self.deck) for at, row in enumerate(rows)]

    monkeypatch.setattr(DecksScreen, "find", find)
    looks(look, pressing("D", "down"))


@pytest.mark.parametrize("look", LOOKS)
def test_the_timeline(looks: Callable[..., None], look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = NOW - 3000
    courses = [
        Course("docs", ((begin, NOW - 900, State.WORKING), (NOW - 900, NOW, State.DONE))),
        Course(
            "login-form",
            (
                (begin, NOW - 2000, State.WORKING),
                (NOW - 2000, NOW - 1100, State.WAITING),
                (NOW - 1100, NOW - 500, State.WORKING),
                (NOW - 500, NOW, State.LANDED),
            ),
        ),
        Course("migrate-db", ((NOW - 700, NOW - 400, State.LIMITED), (NOW - 400, NOW, State.FAILED))),
    ]
    monkeypatch.setattr(TimelineScreen, "find", lambda self: (int(NOW), courses))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    looks(look, pressing("Y"))


class Screens:
    """What the windows of agents show, always the same."""

    notice = ""

    async def capture(self, window: str) -> PaneCapture | None:
        lines = (f"\x1b[1m{window}\x1b[0m at work", "", "\x1b[32m✓\x1b[0m 12 passed", f"> say more to {window} _")
        return PaneCapture(lines, 60, None, False)

    async def fit(self, window: str, columns: int, rows: int) -> None:
        """Its size stays."""

    async def close(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize("look", LOOKS)
def test_the_grid(looks: Callable[..., None], look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeckTerminals, "screens", lambda self: Screens())
    working = [Row(agent(name, State.WORKING, 60)) for name in ("docs", "search", "login-form", "prices")]
    looks(look, pressing("g"), replace(_ASKING, rows=(*_ASKING.rows, *working)))


@pytest.mark.parametrize("look", LOOKS)
def test_the_settings(looks: Callable[..., None], look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"agent.profile": '"claude"', "agent.failover": '["codex"]', "landing.gate": '["make test"]'}
    own = "/home/robin/.config/agentdeck/config.toml:3"
    found = [
        Setting(tuple(name.split(".")), name, value, own if at else "default")
        for at, (name, value) in enumerate(names.items())
    ]
    monkeypatch.setattr(SettingsScreen, "find", lambda self: found)
    looks(look, pressing("f2", "down"))
