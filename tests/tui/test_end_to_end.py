"""The real program in a real terminal, with real agents: all of a first hour, from the dashboard alone."""

from __future__ import annotations

import pytest

from agentdeck.core.agents.agent import State
from tests.support.decks import CONFIG, Bench
from tests.support.retry import eventually
from tests.support.share import EVERY
from tests.support.terminal import Terminal, dashboard
from tests.tui.look.test_answers import ANSWERS
from tests.tui.pilots import stands

_CONFIG = CONFIG + '[agent]\nprofile = "demo"\n\n[landing]\ngate = ["test -f NOTES.md"]\n'


def start(on: Terminal, task: str) -> None:
    on.press("n")
    on.sees("New agent", "Demo (scripted, no model)")
    on.type(task)
    on.press("C-s")
    on.sees_no_more("New agent")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)] if EVERY else [(120, 36)])
def test_from_the_first_agent_to_the_last_undo(bench: Bench, size: tuple[int, int]) -> None:
    bench.write("agentdeck.toml", _CONFIG)
    bench.commit("Settings")
    before = bench.git("rev-parse", "main")
    with dashboard(bench.root, size) as on:
        on.sees("No agents work on prøject one yet.", "n new")
        start(on, "Basket [ask]")
        on.sees("◆ waiting", "Allow this command?", "y yes")
        start(on, "Search")
        start(on, "Invoices")
        for name in ("search", "invoices"):
            stands(bench, name, State.DONE)
        screen = on.sees("◆ waiting", "1 needs you", "✓ done", "2 to land")
        lines = screen.splitlines()
        assert next(at for at, line in enumerate(lines) if "basket-ask" in line) == 2, (
            "who waits is the first in the list"
        )
        eventually(lambda: on.title() == "1 waiting – prøject one")

        on.press("Tab")
        on.sees("I would like to run: make everything")
        on.press("y")
        stands(bench, "basket-ask", State.DONE)
        on.sees("3 to land")

        on.press("/")
        on.sees("⏎ use this filter")
        on.type("srch")
        on.sees("srch")
        on.press("Enter")
        on.sees("m land", "Search")
        on.press("m")
        on.sees("search → main: 1 commit, 2 files, no conflict", "Run the gate first: test -f NOTES.md")
        on.press("y")
        on.sees("⚑ landed", "Gate output", "$ test -f NOTES.md")
        assert bench.git("rev-parse", "main") != before
        on.press("Escape")
        on.sees("⚑ landed", "q quit")
        on.press("u")
        on.sees("Undo step 1: landed search on main?")
        on.press("y")
        eventually(lambda: bench.git("rev-parse", "main") == before)
        on.sees("✓ done")

        on.press("x")
        on.sees("Remove search?")
        on.press("y")
        on.sees("removed")
        on.press("Escape")
        on.sees_no_more("srch")
        on.sees("basket", "invoices", "q quit")
        on.press("P")
        on.sees("Nothing is stale")
        on.press("q")
        on.sees("q quit")
        on.press("U")
        on.sees("removed search", "landed search on main")
        on.press("q")
        on.sees("q quit")
        on.resize(100, 30)
        on.sees("basket", "q quit")
        on.press("q")
        on.sees("it exited with 0")
    assert [view.name for view in bench.deck().agents()] == ["basket-ask", "invoices"]


@pytest.mark.slow
def test_attaching_comes_back_and_leaving_says_who_goes_on(bench: Bench) -> None:
    from tests.tui.pilots import begin

    begin(bench, "talk", 'while read -r line; do echo "got:$line"; done')
    with dashboard(bench.root, (100, 30)) as on:
        on.sees("● working", "talk")
        on.press("Enter")
        on.sees("back: F12, or C-b d")
        on.type("from its own keys")
        on.press("Enter")
        on.sees("got:from its own keys")
        on.press("F12")
        late = "".join(ANSWERS.values())  # to what the agent's tmux asked
        on.tmux("send-keys", "-t", "it", "-H", *(f"{byte:02x}" for byte in late.encode()))
        on.sees("● working", "? help", "got:from its own keys")
        on.press("q")
        on.sees("1 agent keeps running; “agentdeck” shows it again.", "it exited with 0")
    assert bench.deck().agent("talk").alive
