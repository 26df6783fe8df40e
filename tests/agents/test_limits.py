"""The CLIs with a large task, and some with tools side by side and a limit in the middle."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.views import StartRequest
from tests.agents.answering import press_enter_until
from tests.agents.conftest import programs_of
from tests.agents.setups import modelled, set_up, setup_of
from tests.support.decks import Bench
from tests.support.fake_api import FakeApi
from tests.support.retry import eventually
from tests.support.scripted_model import run, say, scripted_model

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(900)]
PATIENCE = 300.0
LIMITED = 25.0
"""Seconds from the first request that the limit refuses to its reset."""
TASK = "Make both files. " + "Mind the rules of the house. " * 3400 + "That was all of it."
SILENT = ("copilot", "gemini", "qwen")
"""They ask again by themselves, and say nothing of it: neither on the screen nor in the transcript."""


def limit(api: FakeApi, cli: str) -> None:
    """Refuse all requests from now on, and answer again when the limit has reset. Its time begins with the first one
    that is refused: on a busy machine a CLI takes long to run its tools before it."""
    text = f"Rate limit exceeded. Please try again in {LIMITED:.0f}s."
    error: dict[str, object] = {"message": text, "type": "rate_limit_error", "code": "rate_limit_exceeded"}
    if cli == "gemini":
        retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{LIMITED:.0f}s"}
        error = {"message": text, "code": 429, "status": "RESOURCE_EXHAUSTED", "details": [retry]}
    served = len(api.requests)
    api.fault = 429, {"retry-after": f"{LIMITED:.0f}"}, {"error": error}

    def reset() -> None:
        eventually(lambda: len(api.requests) > served, PATIENCE)
        time.sleep(LIMITED)
        api.fault = None

    threading.Thread(target=reset, daemon=True).start()


@pytest.mark.parametrize("cli", ["opencode", *SILENT])
def test_a_large_task_tools_side_by_side_and_a_limit_in_the_middle(
    bench: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, deck = programs_of(request, cli), bench.deck()
    both = [run("echo 1 > one.txt"), run("echo 2 > two.txt")]
    with scripted_model(both, [say("Both are made.")], [say("Over.")]) as (api, script):
        set_up(bench, programs, monkeypatch, setup_of(cli, api.url))
        start = StartRequest(task=TASK, profile=cli, name="it", mode=Mode.INTERACTIVE, failover=(cli,))
        deck.start(replace(start, permission="all", box="off", sure=True))
        answered, said = set[float](), dict[tuple[str, str], str]()

        def made() -> bool:
            view = deck.agent("it")
            asked = view.status.question
            if api.fault is not None:
                said.setdefault((view.state, view.reason), deck.screen("it"))
            if view.state is State.WAITING and asked is not None and asked.at not in answered:
                answered.add(asked.at)
                deck.answer("it", "yes")
            tree = view.worktree
            return tree is not None and all((tree / name).exists() for name in ("one.txt", "two.txt"))

        script.on_answer = lambda blocks: limit(api, cli) if script.sent == 1 else None
        eventually(made, PATIENCE, pause=0.3)
        told = json.dumps(script.told[0])
        assert "Make both files." in told, told[-2000:]
        assert "That was all of it." in told
        assert told.count("Mind the rules") >= 3400, "the task is whole"
        while api.fault is not None:
            made()
            time.sleep(0.2)
        seen = "\n".join(f"{what}\n{screen}" for what, screen in said.items())
        states = {state for state, _ in said}
        assert states <= {State.WORKING, State.LIMITED}, seen
        assert State.LIMITED in states or cli in SILENT, seen
        eventually(lambda: script.sent >= 2 and deck.agent("it").state is State.DONE, PATIENCE, pause=0.3)
        sent = script.sent
        time.sleep(3.0)
        assert (script.sent, deck.agent("it").state) == (sent, State.DONE), "it went on once"
        assert sent <= 3
        deck.stop("it")


@pytest.mark.parametrize("cli", ["claude", "codex", "aider"])
def test_a_large_task_arrives_whole(
    bench: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    deck = bench.deck()
    bench.write(".claude.json", '{"hasCompletedOnboarding": true, "theme": "dark"}', cwd=bench.home)
    with modelled(bench, cli, programs_of(request, cli), monkeypatch, [say("Over.")]) as script:
        deck.start(StartRequest(task=TASK, profile=cli, name="it", mode=Mode.INTERACTIVE))
        press_enter_until(
            deck, "it", lambda view: script.sent > 0 and view.state is State.DONE, PATIENCE, about="trust"
        )
        told = json.dumps(script.told[0])
        assert "Make both files." in told
        assert "That was all of it." in told
        assert told.count("Mind the rules") == 3400
        assert script.sent == 1
        deck.stop("it")
