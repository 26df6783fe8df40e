"""Agents of two repositories on one screen, also two of the same name: a key acts on the one that is selected."""

from __future__ import annotations

import shutil
import subprocess

from textual.binding import Binding

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import StartRequest
from agentdeck.tui.keys.keys import AGENTS, ANSWERS, DECK, KEYS, LOOK, TABS, VIEWS
from agentdeck.tui.screens.changes import ChangesScreen
from agentdeck.tui.screens.decks import DecksScreen
from agentdeck.tui.screens.listing import Listing
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.tui.pilots import Driver, begin, drive


def other(bench: Bench) -> Deck:
    """A second repository, with an agent of the same name."""
    root = bench.root.parent / "second"
    subprocess.run(["git", "clone", "-q", str(bench.root), str(root)], check=True)
    shutil.copy(bench.root / "dev.sqlite3", root)
    deck = Deck.find(root)
    deck.start(StartRequest(name="same", argv=("sh", "-c", "exec sleep 1000")))
    return deck


def test_a_stop_goes_to_the_repository_that_was_selected(bench: Bench) -> None:
    second = other(bench)
    begin(bench, "same")

    async def script(on: Driver) -> None:
        await on.state("same", State.WORKING)
        await on.press("D")
        on.shows(DecksScreen)
        await on.sees("2 agents in 2 repositories", "keys act on same in prøject one")
        await on.press("down")
        await on.sees("keys act on same in second")
        await on.press("s")
        await on.sees("Stop same?", "second")
        await on.press("y")
        await on.until(lambda: second.agent("same").state is State.STOPPED)
        await on.sees("■ stopped")

    drive(bench.deck(), script)
    assert bench.deck().agent("same").state is State.WORKING


def test_each_key_of_the_list_works_or_says_where_it_does(bench: Bench) -> None:
    second = other(bench)
    begin(bench, "same")
    tree = second.agent("same").worktree
    assert tree is not None
    bench.write("note.txt", "of the second\n", cwd=tree)

    async def script(on: Driver) -> None:
        await on.press("D")
        await on.sees("2 agents in 2 repositories", "keys act on same in prøject one")
        await on.press("down", "d")
        on.shows(ChangesScreen)
        await on.sees("Changes of same  second", "Not committed  1 file", "of the second")
        await on.press("escape")
        on.shows(DecksScreen)
        await on.press("n")
        await on.until(lambda: "“Start a new agent” works in one repository: → opens its dashboard." in on.notices())
        await on.press("tab")
        await on.until(lambda: "No agent needs you now." in on.notices())

    drive(bench.deck(), script)
    bound = {binding.id for binding in DecksScreen.BINDINGS if isinstance(binding, Binding)} | {
        binding.id for binding in Listing.BINDINGS if isinstance(binding, Binding)
    }
    every = {key.id for group in (AGENTS, ANSWERS, DECK, VIEWS, LOOK, TABS) for key in KEYS[group]}
    assert every - bound == {"view.decks", "look.select", "look.copy"}, "it is open, and there are no lines to select"


def test_ls_all_lists_them_from_anywhere(bench: Bench) -> None:
    second = other(bench)
    begin(bench, "same")
    eventually(lambda: second.agent("same").alive)
    lines = agentdeck("ls", "--all", cwd=bench.home).stdout.splitlines()
    assert [line for line in lines if line.startswith("/")] == [str(bench.root), str(second.root)]
    assert sum("same" in line for line in lines) == 2
    (found,) = objects(agentdeck("--json", "ls", "--all", cwd=bench.home).stdout)
    assert [each["root"] for each in found["decks"]] == [str(bench.root), str(second.root)]
