"""The dashboard as a whole: it shows what is there, follows it, and is left without a trace."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import Any

import pytest
from textual.events import Key

from agentdeck.core.agents.agent import Phase, State
from agentdeck.engine.views.review import GitFacts
from agentdeck.system.git.repository import Repository
from agentdeck.system.machine.process import Result
from agentdeck.tui.feed.facts import FactFinder
from tests.support.decks import Bench, world_of
from tests.tui.pilots import Driver, begin, drive, stands


def test_a_deck_without_agents_explains_itself_and_offers_the_first_one(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        await on.sees("No agents work on prøject one yet.", "start the first agent", "n new", "q quit")

    drive(bench.deck(), script, (80, 24))


def test_agents_are_listed_with_what_needs_a_person_first(bench: Bench) -> None:
    begin(bench, "calm")
    begin(bench, "broken", "exit 3")
    begin(bench, "ready", "true")
    stands(bench, "broken", State.FAILED)
    stands(bench, "ready", State.DONE)

    async def script(on: Driver) -> None:
        await on.sees(
            "✗ failed", "exited with 3", "○ done", "nothing changed", "● working", "1 failed", "1 working", "on main"
        )
        lines = on.text().splitlines()
        order = [next(at for at, line in enumerate(lines) if name in line) for name in ("broken", "ready", "calm")]
        assert order == sorted(order)

    drive(bench.deck(), script, (80, 24))


def test_rows_follow_the_deck_without_a_key(bench: Bench) -> None:
    begin(bench, "fix", "read line; exit 4")

    async def script(on: Driver) -> None:
        await on.state("fix", State.WORKING)
        bench.deck().send("fix", "go")
        await on.sees("✗ failed", "exited with 4")
        begin(bench, "second")
        await on.sees("second")
        bench.deck().remove("fix")
        await on.until(lambda: on.screen.snapshot.row("fix") is None)

    drive(bench.deck(), script)


def test_git_facts_come_and_follow_the_branch(bench: Bench) -> None:
    view = begin(bench, "fix")
    assert view.worktree is not None
    bench.write("one.txt", "1\n2\n", cwd=view.worktree)
    bench.commit("one", cwd=view.worktree)
    bench.write("two.txt", "1\n", cwd=view.worktree)

    async def script(on: Driver) -> None:
        await on.sees("+3 -0 2f", "d Diff 2", "h Commits 1")
        bench.write("README.md", "# Another\n")
        bench.commit("base moves")
        bench.write("README.md", "# Yet another\n", cwd=view.worktree)
        bench.commit("clash", cwd=view.worktree)
        await on.sees("h Commits 2", "✗ main")

    drive(bench.deck(), script, (160, 40))


def test_a_runner_that_was_killed_shows_as_failed(bench: Bench) -> None:
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.state("fix", State.WORKING)
        pid = bench.deck().agent("fix").status.runner_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await on.state("fix", State.FAILED)

    drive(bench.deck(), script)


def test_a_dead_tmux_server_a_lost_worktree_and_a_damaged_record_are_clear_states(bench: Bench) -> None:
    begin(bench, "lost", "exit 1")
    begin(bench, "torn", "exit 1")
    begin(bench, "good", "exit 1")
    for name in ("lost", "torn", "good"):
        stands(bench, name, State.FAILED)
    deck = bench.deck()
    worktree = deck.agent("lost").worktree
    assert worktree is not None
    worktree.rename(worktree.with_name("elsewhere"))
    (deck.store.agent_folder("torn") / "agent.json").write_text("{nonsense")
    world_of(deck).tmux.run("kill-server")

    async def script(on: Driver) -> None:
        await on.sees("its worktree is gone", "can't be read", "good")
        await on.press("G", "s")
        await on.until(lambda: "not running" in on.notices())

    drive(deck, script, (160, 40))


def test_quitting_leaves_the_agents_alone(bench: Bench) -> None:
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.state("fix", State.WORKING)
        await on.press("q")

    app = drive(bench.deck(), script)
    assert app.return_code == 0
    assert bench.deck().agent("fix").alive


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50), (300, 100), (40, 8)])
def test_every_size_shows_the_list_and_the_keys(bench: Bench, size: tuple[int, int]) -> None:
    begin(bench, "a-rather-long-name-for-an-agent")

    async def script(on: Driver) -> None:
        await on.sees("a-rather", "quit")
        assert all(len(line) <= size[0] for line in on.text().splitlines())

    drive(bench.deck(), script, size)


def test_hostile_text_stays_text(bench: Bench) -> None:
    view = begin(bench, "fix", "exit 1")
    stands(bench, "fix", State.FAILED)
    deck = bench.deck()
    status = deck.store.status("fix")
    evil = "\x1b]2;owned\x07[red]not markup[/red] \u202egnp.exe [@click=app.quit]x[/]"
    from dataclasses import replace

    deck.store.put_status("fix", replace(status, reason=evil))
    assert view.name == "fix"

    async def script(on: Driver) -> None:
        await on.sees("[red]not markup[/red]")
        assert "\x1b" not in on.text()
        assert "\u202e" not in on.text()

    drive(deck, script)


def test_a_glance_at_an_agent_that_changed_nothing_takes_few_calls_of_git_and_tells_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = begin(bench, "fix")
    tree = view.worktree
    assert tree is not None
    finder = FactFinder(bench.deck())
    asked: list[str] = []
    ask = Repository.run

    def run(self: Repository, *words: Any, **options: Any) -> Result:
        asked.append(str(words[0]))
        return ask(self, *words, **options)

    monkeypatch.setattr(Repository, "run", run)
    assert finder.compute(view) == GitFacts()
    assert len(asked) == 2
    bench.write("one.txt", "1\n2\n", cwd=tree)
    bench.commit("one", cwd=tree)
    asked.clear()
    assert finder.compute(view) == GitFacts(1, 0, 2, 0, files=1)
    assert len(asked) == 3
    bench.write("two.txt", "1\n", cwd=tree)
    bench.write("one.txt", "1\n", cwd=tree)
    assert finder.compute(view) == GitFacts(1, 0, 2, 0, files=2, loose=2)
    bench.write("README.md", "# Another\n")
    bench.commit("base moves")
    assert finder.compute(view) == GitFacts(1, 1, 2, 0, files=2, loose=2)
    bench.git("branch", "-m", "main", "elsewhere")
    assert finder.compute(view).problem == "its base “main” is gone"


def test_git_is_asked_at_once_what_an_agent_left_whose_turn_has_ended(bench: Bench) -> None:
    view = begin(bench, "fix")
    finder = FactFinder(bench.deck())
    works = replace(view, status=replace(view.status, state=State.WORKING, since=1.0))
    assert finder.due([works]) == works
    finder.compute(works)
    assert view.worktree is not None
    bench.write("one.txt", "1", cwd=view.worktree)
    assert finder.due([works]) is None, "an agent at work is asked about now and then"
    done = replace(view, status=replace(view.status, state=State.DONE, since=2.0))
    assert finder.due([done]) == done
    finder.compute(done)
    assert finder.due([done]) is None


def test_git_is_asked_only_once_an_agent_is_restored(bench: Bench) -> None:
    view = begin(bench, "fix")
    finder = FactFinder(bench.deck())
    restoring = replace(view, agent=replace(view.agent, phase=Phase.RESTORING))
    assert finder.due([restoring]) is None
    assert finder.due([view]) == view


@pytest.mark.parametrize("opened", ["apostrophe", "question_mark", "n", "g", "L", "exclamation_mark", "x", "ctrl+p"])
def test_escape_pressed_twice_at_once_closes_one_screen(bench: Bench, opened: str) -> None:
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.sees("fix")
        await on.press(opened)
        await on.until(lambda: len(on.app.screen_stack) == 2)
        for _ in range(3):  # before the first of them is acted upon
            on.app.post_message(Key("escape", None))
        await on.until(lambda: len(on.app.screen_stack) == 1)
        await on.pilot.pause(0.1)
        assert on.app.screen is on.screen

    drive(bench.deck(), script)
