"""What is being done can be cancelled by a key that the screen names, and nothing of it is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from agentdeck.tui.dialogs.newagent import NewAgent
from agentdeck.tui.list.table import AgentTable
from tests.engine.lifecycle.test_crashes import assert_nothing_left
from tests.support.decks import CONFIG, Bench
from tests.support.retry import eventually
from tests.support.terminal import dashboard
from tests.tui.pilots import Driver, begin, drive


def _slow_starts(bench: Bench) -> Path:
    """Let every start take for ever; return the file that is there from when one does."""
    begun = bench.home / "begun"
    hook = bench.write(".git/hooks/post-checkout", f"#!/bin/sh\ntouch {begun}; exec sleep 1000\n")
    hook.chmod(0o755)
    return begun


def _start(on: Driver, name: str) -> None:
    request = StartRequest(task=f"Do {name}", name=name, argv=("sleep", "1000"))
    on.screen.start(request, request)


@pytest.mark.parametrize("key", ["X", "s", "x"])
def test_a_start_is_cancelled_by_the_key_that_is_shown_and_by_those_that_end_an_agent(bench: Bench, key: str) -> None:
    begun = _slow_starts(bench)

    async def script(on: Driver) -> None:
        await on.sees("No agents work on")
        _start(on, "fix")
        await on.until(begun.exists)
        await on.state("fix", State.STARTING)
        await on.sees("⋯ starting fix", "X cancels", "X cancel ")
        await on.press("r")
        await on.until(lambda: "fix is still starting; X cancels the start." in on.notices())
        await on.press(key)
        await on.until(lambda: "The start of fix was cancelled; nothing is left of it." in on.notices())
        await on.sees("No agents work on")
        await on.until(lambda: "X cancel" not in on.text().splitlines()[-1])
        await on.press("n")
        assert isinstance(on.app.screen, NewAgent)
        assert on.app.screen.draft.task == "Do fix", "what was typed is not lost"

    drive(bench.deck(), script)
    assert_nothing_left(bench)


def test_of_several_starts_the_selected_one_is_cancelled_and_then_the_last(bench: Bench) -> None:
    begin(bench, "old")
    _slow_starts(bench)

    async def script(on: Driver) -> None:
        for name in ("one", "two", "three"):
            _start(on, name)
            await on.state(name, State.STARTING)
        on.screen.query_one(AgentTable).select("two")
        await on.press("X")
        await on.until(lambda: "The start of two was cancelled" in on.notices())
        await on.until(lambda: on.screen.snapshot.row("two") is None)
        on.screen.query_one(AgentTable).select("old")
        await on.press("L")
        await on.sees("Nothing has landed yet", "X cancel")
        await on.press("X")
        await on.until(lambda: "The start of three was cancelled" in on.notices())
        await on.press("escape", "X")
        await on.until(lambda: "The start of one was cancelled" in on.notices())

    drive(bench.deck(), script)
    assert [view.name for view in bench.deck().agents()] == ["old"]


def test_at_its_set_up_hooks_an_agent_is_stopped_and_the_key_says_so(bench: Bench) -> None:
    bench.write("agentdeck.toml", CONFIG + '[hooks]\nsetup = ["sleep 1000"]\n')
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.until(lambda: (row := on.screen.snapshot.row("fix")) and row.view.alive)
        await on.press("X")
        await on.until(lambda: "fix is running its set-up hooks; s stops it" in on.notices())

    drive(bench.deck(), script)


@pytest.mark.slow
def test_who_leaves_while_an_agent_starts_can_cancel_that_too(bench: Bench) -> None:
    begun = _slow_starts(bench)
    bench.write("agentdeck.toml", CONFIG + '[agent]\nprofile = "demo"\n')
    with dashboard(bench.root, (100, 30)) as on:
        on.sees("n new")
        on.press("n")
        on.sees("New agent", "Demo (scripted, no model)")
        on.type("Basket")
        on.press("C-s")
        on.sees("⋯ starting basket", "X cancels")
        eventually(begun.exists)
        on.press("q")
        on.sees("Still starting basket", "Ctrl-C cancels")
        on.press("C-c")
        on.sees("it exited with 0")
    assert [view.name for view in bench.deck().agents()] == []
