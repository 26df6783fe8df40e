"""A few pictures of the dashboard, compared with those that a person looked at and found good.

    pytest tests/tui/test_snapshots.py --snapshot-update     after looking at the new ones

Everything that differs from run to run is frozen: the agents' records, the clock, and what is asked of the machine.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from agentdeck.core.agents.agent import Agent, Mode, Phase, State, Status
from agentdeck.core.agents.leases import Lease
from agentdeck.core.merging.conflicts import Conflict, Hunk
from agentdeck.core.merging.radar import Pair, RadarReport, Verdict
from agentdeck.core.providers.serving import ProviderHealth
from agentdeck.engine.api.landings import DeckLandings
from agentdeck.engine.deck import Deck
from agentdeck.engine.records.landings import Entry, Landing, Stage
from agentdeck.engine.records.parts import BaseMove, Removal
from agentdeck.engine.records.steps import Steps
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.history import Stale
from agentdeck.engine.views.review import GitFacts
from agentdeck.system.git.merges import Method
from agentdeck.tui.app import DeckApp
from agentdeck.tui.dialogs.newagent import NewAgent
from agentdeck.tui.feed.feed import Feed
from agentdeck.tui.feed.snapshot import FeedSnapshot, GatewayFacts, Load, Machine, Row
from agentdeck.tui.list import detail
from agentdeck.tui.screens.prune import PruneScreen
from agentdeck.tui.screens.queue import QueueScreen
from tests.support.decks import Bench

NOW = 1_800_000_000.0
SIZES = [(80, 24), (120, 36), (200, 50)]
Compare = Callable[..., bool]
Before = Callable[[Pilot[Any]], Awaitable[None]]


def agent(name: str, state: State, age: float, reason: str = "", profile: str = "claude", model: str = "") -> AgentView:
    worktree = Lease("worktree", True, {"path": f"/x/{name}", "branch": f"agentdeck/{name}", "base": "main"})
    ports = Lease("ports", True, {"ports": [20000]})
    record = Agent(
        name, f"Task of {name}", profile, Mode.INTERACTIVE, NOW - age, phase=Phase.HELD, leases=(worktree, ports)
    )
    return AgentView(record, Status(state, NOW - age, reason, model=model), state.is_live)


_CONFLICT = Conflict("src/app.py", "contents", "CONFLICT (content) in src/app.py", (Hunk(3, 3, 3, 4),))
_RADAR = RadarReport(
    ("login-form", "write-tests", "docs"),
    tuple(Pair(name, "main", Verdict.CLEAN) for name in ("login-form", "write-tests", "docs")),
    (
        Pair("login-form", "write-tests", Verdict.CONFLICTS, ("src/app.py",), (_CONFLICT,)),
        Pair("login-form", "docs", Verdict.TOUCHES, ("README.md",)),
        Pair("write-tests", "docs", Verdict.CLEAN),
    ),
    ("docs", "login-form", "write-tests"),
)
_LOAD = Load(63.0, 412_000_000, (5.0, 30.0, 80.0, 63.0), (3e8, 3.5e8, 4.1e8, 4.12e8))
_ROWS = (
    Row(agent("login-form", State.WAITING, 95, "Do you want to make this edit?", model="opus"), GitFacts(3, 1, 120, 14),
        _LOAD, 1.25, _RADAR.worst("login-form")),
    Row(agent("write-tests", State.WORKING, 3700, profile="codex"), GitFacts(1, 1, 80, 2), _LOAD, 0.4,
        _RADAR.worst("write-tests")),
    Row(agent("docs", State.DONE, 200), GitFacts(2, 0, 33, 5), None, 0.08, _RADAR.worst("docs")),
    Row(agent("migrate-db", State.FAILED, 4, "exited with 1: relation “user” does not exist"), GitFacts(0, 2)),
    Row(agent("import", State.LIMITED, 30, "limit reached, tried again at 14:05", "gemini"), GitFacts()),
    Row(agent("日本語-ドキュメント"[:3], State.STOPPED, 90_000), GitFacts(problem="its worktree is gone: /x/y")),
)  # fmt: skip
_HEALTH = (ProviderHealth("anthropic", "open", "overloaded", NOW + 40), ProviderHealth("ollama", "closed"))
_FULL = FeedSnapshot(
    _ROWS,
    "main",
    Machine(1.2, 4),
    _RADAR,
    GatewayFacts(_HEALTH, {"docs": 0.08}, 4.2, 5.0),
    ("Something can't be read.",),
)


class Blank(Static):
    """A tab with nothing in it that could differ from run to run."""

    def __init__(self, deck: Deck) -> None:
        super().__init__()

    def show(self, view: AgentView | None) -> None:
        pass

    def set_active(self, active: bool) -> None:
        pass


async def settled(pilot: Pilot[Any], begun: Callable[[], bool] = lambda: True) -> None:
    """Wait until the picture stays as it is, after `begun`. What Textual itself waits for is that the process uses no
    processor time, which is also so where others leave it none."""
    before, same = "", 0
    for _ in range(200):
        await pilot.pause(0.05)
        now = pilot.app.export_screenshot()
        before, same = now, same + 1 if now == before and begun() else 0
        if same == 4:
            return
    raise AssertionError("the picture never stays as it is")


@pytest.fixture
def shown(bench: Bench, monkeypatch: pytest.MonkeyPatch, snap_compare: Compare) -> Callable[..., None]:
    """Compare a picture of the dashboard that shows `_FULL`, after `before` was done to it."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setattr(Feed, "start", lambda self: None)
    # A cursor that blinks is another picture twice a second.
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    monkeypatch.setattr(TextArea, "_toggle_cursor_blink_visible", lambda self: None)
    monkeypatch.setattr(detail, "TABS", dict.fromkeys(("Screen", "Log", "Diff"), f"{__name__}:Blank"))

    def compare(
        size: tuple[int, int] = (120, 30), before: Before | None = None, shot: FeedSnapshot = _FULL, theme: str = ""
    ) -> None:
        monkeypatch.setattr(Feed, "first", lambda self: shot)
        deck = bench.deck()
        monkeypatch.setattr(type(deck), "root", property(lambda self: Path("/work/shop")))
        app = DeckApp(deck)

        async def prepared(pilot: Pilot[Any]) -> None:
            if theme:
                pilot.app.theme = theme
            # A dialog that comes before the tab is there has another picture behind it, and keeps that.
            await settled(pilot, lambda: not shot.rows or bool(app.deck_screen.query("#panes > *")))
            if before is not None:
                await before(pilot)
            pilot.app.clear_notifications()
            await settled(pilot)

        assert snap_compare(app, terminal_size=size, run_before=prepared)

    return compare


@pytest.mark.parametrize("size", SIZES)
def test_the_dashboard(shown: Callable[..., None], size: tuple[int, int]) -> None:
    shown(size)


def test_the_dashboard_in_the_light(shown: Callable[..., None]) -> None:
    shown((120, 30), theme="textual-light")


def test_the_dashboard_without_colours(shown: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown((100, 24))


def test_the_first_screen(shown: Callable[..., None]) -> None:
    shown((80, 24), shot=FeedSnapshot((), "main", Machine(0.4, 4)))


def test_groups_marks_and_a_filter(shown: Callable[..., None]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press("O", "A", "slash", "i")

    shown(before=before)


def test_the_help(shown: Callable[..., None]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press("question_mark")

    shown((120, 50), before=before)


def test_the_question_before_a_removal(shown: Callable[..., None]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press("x")

    shown(before=before)


def test_the_dialog_for_a_new_agent(shown: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    from agentdeck.tui.dialogs.newagent import Choices

    profiles = [(Content("Claude Code"), "claude"), (Content("Any command"), "command")]
    offered = Choices(
        profiles,
        default="claude",
        tiers=[(Content("none"), "")],
        bases=[(Content("the current branch: main"), "")],
        boxes=[(Content("as configured: off"), "")],
    )
    monkeypatch.setattr(NewAgent, "_load", lambda self: offered)

    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press("n")
        await pilot.app.workers.wait_for_complete()
        await pilot.press(*"Fix it", "enter", *"and test it")

    shown(before=before)


@pytest.mark.parametrize("size", SIZES)
def test_the_radar(shown: Callable[..., None], size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press("R")
        await pilot.app.workers.wait_for_complete()
        await pilot.press("down")

    shown(size, before=before)


@pytest.mark.parametrize("size", SIZES)
def test_the_landing_queue(shown: Callable[..., None], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    aside = "it conflicts with main in src/app.py:3"
    entries = (
        Entry("docs", "main", Stage.LANDED, tip="a" * 40, old="b" * 40, new="c" * 40, commits=2, files=3, step=1),
        Entry("login-form", "main", Stage.GATING, old="c" * 40, new="d" * 40, commits=3, files=9),
        Entry("write-tests", "main", Stage.SET_ASIDE, aside, conflicts=(_CONFLICT,)),
    )
    landing = Landing("20270115T080000-aaaaaa", NOW - 50, Method.MERGE, ("make test",), entries=entries)
    monkeypatch.setattr(DeckLandings, "all", lambda self: [landing])
    monkeypatch.setattr(QueueScreen, "_gate", lambda self, landings: ["$ make test", "12 passed"])
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()

    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press("L")
        await pilot.app.workers.wait_for_complete()
        await pilot.press("down")
        await pilot.app.workers.wait_for_complete()

    shown(size, before=before)


def test_the_trash(shown: Callable[..., None], bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: NOW)
    steps = Steps(bench.deck().store.open())
    steps.record("one", "removed old-idea", Removal("old-idea", "x"))
    steps.record("two", "landed docs on main", BaseMove("main", "b" * 40, "c" * 40))

    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press("U")
        await pilot.app.workers.wait_for_complete()

    shown(before=before)


def test_what_is_stale(shown: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    old = "older than 30 days; these can no longer be undone"
    stale = [
        Stale("agent", "docs", "it landed", 52_000, True),
        Stale("branch", "agentdeck/old", "all of it is in main", 0, True),
        Stale("trash", "4 steps, 2 snapshots", old, 9_000_000, False),
    ]
    monkeypatch.setattr(PruneScreen, "find", lambda self: stale)

    async def before(pilot: Pilot[Any]) -> None:
        await pilot.press("P")
        await pilot.app.workers.wait_for_complete()
        await pilot.press("space")

    shown(before=before)
