"""The dashboard shows what of the configuration waits, asks about it, and uses nothing of it before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Checkbox

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from agentdeck.tui.dialogs.newagent import NewAgent
from agentdeck.tui.screens.deck import DeckScreen
from agentdeck.tui.screens.land import LandDialog
from agentdeck.tui.screens.trust import TrustDialog
from tests.support.decks import Bench, bench_in
from tests.support.finished import finished
from tests.tui.pilots import Driver, drive


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with bench_in(tmp_path, monkeypatch, config="", trusted=False) as bench:
        bench.write("agentdeck.toml", f"[hooks]\nsetup = [{json.dumps(f'touch {bench.home}/ran')}]\n")
        bench.write(".mcp.json", "{}")
        bench.commit("Evil")
        yield bench


def start(on: Driver, name: str) -> None:
    request = StartRequest(name=name, argv=("sleep", "1000"))
    on.screen.start(request, request)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_it_asks_when_it_opens_and_the_safe_answer_is_the_first(clone: Bench, size: tuple[int, int]) -> None:
    async def script(on: Driver) -> None:
        await on.until(lambda: isinstance(on.app.screen, TrustDialog))
        await on.sees(
            "hooks.setup runs in a new worktree before its agent starts:",
            '+ "touch',
            "Not covered: .mcp.json",
            "Not now (n)",
            "Approve (Y)",
        )
        await on.press("y", "enter")
        on.shows(DeckScreen)
        assert not clone.deck().trust.standing().counts
        await on.sees("Not approved, so not used: hooks.setup. Press T to review it.")
        await on.press("T")
        await on.until(lambda: isinstance(on.app.screen, TrustDialog))
        await on.press("Y")
        await on.until(lambda: clone.deck().trust.standing().counts)
        await on.until(lambda: "Not approved" not in on.text())

    drive(clone.deck(), script, size)


def test_a_deed_that_needs_it_asks_and_has_changed_nothing(clone: Bench) -> None:
    async def script(on: Driver) -> None:
        await on.until(lambda: isinstance(on.app.screen, TrustDialog))
        await on.press("n")
        await on.press("n")
        await on.until(lambda: isinstance(on.app.screen, NewAgent))
        await on.press("escape")
        start(on, "fix")
        await on.until(lambda: isinstance(on.app.screen, TrustDialog))
        assert clone.worktrees() == [str(clone.root)]
        clone.write("agentdeck.toml", "[hooks]\nsetup = ['true']\n")
        await on.press("Y")
        await on.until(lambda: "Approved." in on.notices())
        assert not clone.deck().trust.standing().counts, "what was shown is what was approved"
        clone.git("checkout", "-q", "agentdeck.toml")
        start(on, "fix")
        await on.state("fix", State.WORKING)

    drive(clone.deck(), script)
    assert (clone.home / "ran").exists()


def test_a_landing_that_changes_it_says_so_and_wants_a_tick(clone: Bench) -> None:
    deck = clone.deck()
    deck.trust.approve(deck.trust.standing().values)
    finished(clone, "fix", {"agentdeck.toml": "[hooks]\nsetup = ['true']\n"})
    before = clone.git("rev-parse", "main")

    async def script(on: Driver) -> None:
        await on.until(lambda: on.screen.snapshot.rows)
        await on.press("m")
        on.shows(LandDialog)
        await on.sees("fix changes what runs on your machine:", '+ "true"', "[ ] Land configuration changes")
        await on.press("y")
        await on.sees("✗ set aside", "it changes what runs on your machine")
        assert clone.git("rev-parse", "main") == before
        await on.press("escape")
        await on.press("m")
        await on.sees("fix changes what runs on your machine:")
        on.app.screen.query_one("#config", Checkbox).value = True
        await on.press("y")
        await on.until(lambda: clone.git("rev-parse", "main") != before)

    drive(clone.deck(), script)
    assert [change.key for change in clone.deck().trust.standing().changes] == ["hooks.setup"]
