"""People work with real agent CLIs in a `full` box: questions, a failover meanwhile, a stop, a resume and a landing."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.providers import gateways
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.views import AgentView, StartRequest
from tests.agents.answering import press_enter_until
from tests.agents.conftest import EVERY, programs_of
from tests.agents.setups import set_up
from tests.agents.test_full_boxes import COMMIT, FORMS, LOGIN, LOGINS, LOOK, MODEL, alone, in_full
from tests.support.decks import Bench, world_of
from tests.support.retry import eventually
from tests.support.scripted_model import Script, run, say, scripted_model

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(900)]
__all__ = ["alone"]
PATIENCE = 240.0
APIS = {"claude": "messages", "codex": "responses"} | FORMS


@pytest.mark.skipif("AGENTDECK_TEST_MORE_AGENTS" not in os.environ, reason="“make test-agents” has the time for it")
@pytest.mark.parametrize("cli", EVERY)
def test_a_person_works_with_it(
    alone: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs, form = programs_of(request, cli), APIS[cli]
    with scripted_model() as (main, first), scripted_model() as (spare, last):
        set_up(alone, programs, monkeypatch, in_full(cli, spare.url))
        monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
        for name in LOGINS:
            monkeypatch.setenv(name, LOGIN)
        _configure(alone, form, main.url, spare.url)
        look = LOOK.format(home=alone.home, url=main.url)
        for script in (first, last):
            script.escalates, script.is_plain = cli == "codex", cli == "aider"
        _script(cli, first, last, look, monkeypatch)
        deck = alone.deck()
        start = StartRequest(task="Make it", profile=cli, name="it", tier="work", mode=Mode.INTERACTIVE, box="full")
        deck.start(start if cli == "aider" else replace(start, permission="ask"))
        press_enter_until(deck, "it", lambda view: _asks(view, "file?" if cli == "aider" else "one.txt"), PATIENCE)
        deck.answer("it", "yes")
        press_enter_until(deck, "it", lambda view: _over(first, view), PATIENCE)
        main.fault = (503, {}, {"error": {"message": "overloaded"}})
        deck.send("it", "Go on")
        press_enter_until(deck, "it", lambda view: _over(last, view), PATIENCE)
        view = deck.agent("it")
        told = "\n".join(line.text for line in deck.log_lines("it"))
        eventually(lambda: "one.txt" in alone.git("ls-tree", "--name-only", "agentdeck/it").split(), 10)
        assert view.worktree is not None
        assert (view.worktree / "found.txt").read_text() == "", told
        deck.stop("it")
        last.answers = [[say("Still here.")]]
        before = last.sent
        deck.resume("it", "And again")
        press_enter_until(deck, "it", lambda view: last.sent > before and _over(last, view), PATIENCE)
        heard = json.dumps(last.told[-1])
        assert "And again" in heard
        assert cli == "aider" or "Make it" in heard, "the conversation was lost"
        deck.stop("it")
        deck.land(LandRequest(("it",), commit="", gate=("test -e one.txt",)))
        assert alone.git("show", "main:one.txt") == "one"
        gateways.stop(world_of(deck))


def _configure(bench: Bench, form: str, *urls: str) -> None:
    path = "/v1beta" if form == "gemini" else "/v1"
    tables = [
        f'\n[providers.{name}]\nbase_url = "{url}{path}"\nkey_env = "{name.upper()}_KEY"\napis = ["{form}"]\n'
        for name, url in zip(("main", "spare"), urls, strict=True)
    ]
    model = MODEL.get(form, "m")
    bench.own("".join(tables) + f'\n[tiers]\nwork = ["main:{model}", "spare:{model}"]\n')


def _script(cli: str, first: Script, last: Script, look: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first.answers = [[run("echo one > one.txt")], [say("It is made.")]]
    last.answers = [[run(look)], [run(COMMIT)], [say("Done.")]]
    if cli == "aider":  # it writes, commits and tests by itself
        monkeypatch.setenv("AIDER_AUTO_TEST", "true")
        monkeypatch.setenv("AIDER_TEST_CMD", f"{look}; true")
        first.answers = [[say("one.txt\n```\none\n```\n")]]
        last.answers = [[say("two.txt\n```\ntwo\n```\n")]]


def _asks(view: AgentView, about: str) -> bool:
    return view.state is State.WAITING and about in f"{view.reason} {view.status.question}"


def _over(script: Script, view: AgentView) -> bool:
    return not script.answers and script.sent > 0 and view.state is State.DONE
