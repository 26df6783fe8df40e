"""The inbox shows what waits over all agents, and each answer reaches the agent that it was given to."""

from __future__ import annotations

import asyncio
import json

import pytest

from agentdeck.core.agents.agent import Agent, Mode, State, Status
from agentdeck.core.question import Option, Question
from agentdeck.core.text.text import columns, cut
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.errors import RefusedError
from agentdeck.tui.feed.snapshot import Row
from agentdeck.tui.screens.inbox import Asked, InboxScreen, fitted, said_of
from agentdeck.tui.screens.listing import lines
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.tui.pilots import Driver, drive

_PROFILE = """
command = "sh"
title = "Asker"
install = "It is a shell."

[interactive]
prompt = ["sh", "-c", {script}, "asker", "{{prompt}}"]

[screen]
waiting = ['(?P<reason>Run .+\\?)']
done = ['^ready$']
"""
_SCRIPT = r"""
ask() {
    printf '\033[2J\033[HBash command\n\n  make %s\n\nRun %s?\n❯ 1. Yes\n  2. Always\n  3. No\n' "$1" "$1"
    stty -icanon -echo min 1
    key=$(dd bs=1 count=1 2>/dev/null)
    echo "$1 $key" >> answers
    printf '\033[2J\033[H'
}
for word in $1; do ask "$word"; done
echo ready
exec sleep 1000
"""


def asker(bench: Bench, name: str, *words: str) -> None:
    """An agent that asks with a numbered dialog about each of the words, and writes down what it is told."""
    bench.write(".config/agentdeck/profiles/asker.toml", _PROFILE.format(script=json.dumps(_SCRIPT)), cwd=bench.home)
    bench.deck().start(StartRequest(name=name, task=" ".join(words), profile="asker"))
    eventually(lambda: bench.deck().agent(name).status.question is not None)


async def read(on: Driver, text: str) -> None:
    """Wait for the text and read it: what has just come up can't be answered."""
    await on.sees(text)
    await asyncio.sleep(0.4)


def told(bench: Bench, name: str) -> list[str]:
    worktree = bench.deck().agent(name).worktree
    assert worktree is not None
    answers = worktree / "answers"
    return answers.read_text().splitlines() if answers.exists() else []


def test_every_question_is_answered_by_number_or_by_a_click_one_after_the_other(bench: Bench) -> None:
    asker(bench, "one", "alpha", "gamma", "delta")
    asker(bench, "two", "beta")

    async def script(on: Driver) -> None:
        await on.state("one", State.WAITING)
        await on.state("two", State.WAITING)
        await on.press("exclamation_mark")
        on.shows(InboxScreen)
        await on.sees("2 questions from 2 agents", "Run alpha?", "Run beta?", "make alpha", "2 Always")
        await read(on, "make alpha")
        await on.press("2")
        await read(on, "make beta")
        await on.press("9")
        assert "two has no option 9" in on.notices()
        await on.press("3")
        await on.until(lambda: told(bench, "two") == ["beta 3"])
        await read(on, "make gamma")
        await on.click("2 Always")
        await on.until(lambda: told(bench, "one") == ["alpha 2", "gamma 2"])
        await on.press("escape")
        await read(on, "Run delta?")
        await on.click("3 No")
        await on.until(lambda: told(bench, "one") == ["alpha 2", "gamma 2", "delta 3"])
        await on.press("exclamation_mark")
        await on.sees("No agent asks anything.")
        await on.press("escape")
        await on.state("one", State.DONE)

    drive(bench.deck(), script)


def test_a_number_never_answers_a_question_that_was_not_seen(bench: Bench) -> None:
    asker(bench, "one", "alpha", "beta", "gamma")
    seen = bench.deck().agent("one").status.question

    async def script(on: Driver) -> None:
        await on.state("one", State.WAITING)
        await on.press("exclamation_mark")
        await read(on, "make alpha")
        inbox = on.app.screen
        assert isinstance(inbox, InboxScreen)
        for _ in range(3):
            inbox.action_choose(1)
        await on.sees("make beta")
        assert told(bench, "one") == ["alpha 1"]

    drive(bench.deck(), script)
    eventually(lambda: bench.deck().agent("one").status.question not in (None, seen))
    with pytest.raises(RefusedError, match="one asks something else now"):
        bench.deck().answer("one", "1", seen=seen)
    assert told(bench, "one") == ["alpha 1"]


def test_a_wide_and_high_screen_leaves_the_options_in_sight() -> None:
    view = AgentView(Agent("one", "Task", "claude", Mode.INTERACTIVE, 0.0), Status(State.WAITING, 0.0), alive=True)
    question = Question("Which colour?", options=(Option("Red"), Option("Blue"), Option("Green")))
    screen = tuple(f"{at} {'─' * 118}" for at in range(16))
    asked = Asked(Row(view, None), question, screen)
    said = lines(*said_of(fitted(asked, 76, 14), frozenset())).plain.splitlines()
    assert len(said) == 14
    assert [line.strip() for line in said[-3:]] == ["1 Red", "2 Blue", "3 Green"]
    assert max(map(columns, said)) == 76
    assert [line.split()[0] for line in said[5:-4]] == ["11", "12", "13", "14", "15"]
    assert fitted(asked, 120, 40).screen == tuple(cut(line, 118) for line in screen)
