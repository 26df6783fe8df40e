"""Whole lives of real agent CLIs, in which what the deck says of them is compared with what they do, all the time."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.agents.agent import Fault, Mode, State
from agentdeck.core.providers.token_usage import Usage
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.system.terminal.tmux import Tmux
from tests.agents.conftest import programs_of
from tests.agents.setups import codex_config, modelled, set_up, setup_of
from tests.agents.truth import GRACE, Truth, watched
from tests.support.accounts import log_in, model_with_logins
from tests.support.cli import agentdeck
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.scripted_model import Block, Script, ask, run, say, think
from tests.support.share import one
from tests.support.verdicts import assert_ok

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(400)]
PATIENCE = 90.0
DWELL = GRACE + 1.0
"""Seconds for which it is left as it is, to see that what is said of it stays so."""
WHOLE = "AGENTDECK_TEST_MORE_AGENTS" in os.environ
"""Whether to do so at every step: “make test” has not the time for that."""
LONG = "\n".join(f"line {number} of a long answer" for number in range(1, 121))
CAN_ASK = ("claude",)
"""Those whose model is given a tool to ask a person with."""
SIZES = {"claude": (120, 36), "codex": (80, 24)}


def script_of(cli: str) -> list[list[Block]]:
    return [
        [think("First a look."), say("I look around."), run("echo allowed > allowed.txt")],
        [run("echo denied > denied.txt")],
        *([[ask("Which colour?", "Red", "Green", "Blue")]] if cli in CAN_ASK else []),
        [say(LONG), run("git add -A")],
        [run("git commit -qm Committed")],
        [say("All is done.")],
    ]


class Life:
    def __init__(self, deck: Deck, name: str, script: Script, truth: Truth, patience: float = PATIENCE) -> None:
        self.deck, self.name, self.script, self.truth, self.patience = deck, name, script, truth, patience
        script.on_request = lambda: truth.now(State.WORKING)
        script.on_answer = self._model_has_answered

    def _model_has_answered(self, blocks: list[Block]) -> None:
        called = [block["input"] for block in blocks if block["type"] == "tool_use"]
        self.truth.asks = _about(called[0]) if called else ""
        if called:
            self.truth.now(None)
        else:
            self.truth.ends()

    def view(self) -> AgentView:
        return self.deck.agent(self.name)

    def reach(self, state: State, about: str = "") -> AgentView:
        """Wait until it is there, and say yes to what it asks before its session begins."""
        answered: set[str] = set()

        def there() -> bool:
            view = self.view()
            early = view.state is State.WAITING and not self.truth.moments and view.status.question
            if early and view.reason not in answered:
                answered.add(view.reason)
                self.deck.answer(self.name, "yes")
            return view.state is state and about in f"{view.reason} {view.status.question}"

        try:
            eventually(there, self.patience, pause=0.3)
        except AssertionError:
            view = self.view()
            text = f"{state} {about}: {view.state} {view.reason}\n{self.deck.screen(self.name)}"
            raise AssertionError(text) from None
        return self.view()

    def tell(self, text: str) -> None:
        self.truth.now(None)
        self.deck.send(self.name, text)

    def answer(self, what: str, about: str, *, dwell: bool = WHOLE) -> None:
        """Give the answer once it asks about that; what it does then, its model tells."""
        self.reach(State.WAITING, about)
        time.sleep(DWELL if dwell else 0.0)
        self.truth.asks = ""
        self.truth.now(None)
        self.deck.answer(self.name, what)


def _about(given: Mapping[str, Any]) -> str:
    """The command or the question in the input of a tool; empty where it has none."""
    asked = (given.get("questions") or [{}])[0].get("question") or given.get("question") or given.get("message")
    return str(given.get("command") or given.get("cmd") or asked or "")


@pytest.mark.parametrize("cli", one(SIZES))
def test_what_the_deck_says_is_so_at_every_moment_of_a_life(
    bench: Bench, cli: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write(".claude.json", '{"hasCompletedOnboarding": true, "theme": "dark"}', cwd=bench.home)
    deck, columns_and_rows = bench.deck(), map(str, SIZES[cli])
    with modelled(bench, cli, programs_of(request, cli), monkeypatch, *script_of(cli)) as script:
        script.delay, script.escalates = DWELL if WHOLE else 0.3, cli == "codex"
        deck.start(StartRequest(task="Make it", profile=cli, name="it", mode=Mode.INTERACTIVE, permission="ask"))
        columns, rows = columns_and_rows
        Tmux(bench.socket).command("resize-window", "-t", f"={deck.name}:it", "-x", columns, "-y", rows)
        with watched(deck, "it", cli) as truth:
            life = Life(deck, "it", script, truth)
            life.answer("yes", "allowed.txt", dwell=True)
            life.answer("no", "denied.txt")
            truth.ends()
            life.reach(State.DONE)
            time.sleep(DWELL)
            script.delay = DWELL
            life.tell("Go on")
            eventually(lambda: script.sent >= 3, PATIENCE)
            script.delay = DWELL if WHOLE else 0.3
            if cli in CAN_ASK:
                life.answer("2", "colour")
            life.answer("yes", "git add")
            life.answer("yes", "git commit")
            view = life.reach(State.DONE, "")
            eventually(lambda: not script.answers and life.view().state is State.DONE, PATIENCE)
            time.sleep(DWELL)
        pairs, wrong = list(truth.pairs()), truth.wrong()
        assert len(pairs) > 20
        assert len(wrong) <= len(pairs) // 20, truth.told()  # a busy machine is late now and then
        worktree = view.worktree
        assert worktree is not None
        assert (worktree / "allowed.txt").exists()
        assert not (worktree / "denied.txt").exists()
        eventually(lambda: (life.view().reason, life.view().status.result) == ("", ""), 5)
        assert bench.git("log", "-1", "--format=%s", view.branch) == "Committed"
        assert cli not in CAN_ASK or "Green" in json.dumps(script.told[3])
        log = [line.text for line in deck.log_lines("it")]
        assert {"you: Make it", "agent: I look around.", "  line 120 of a long answer", "you: Go on"} <= set(log)
        assert any(line.startswith("denied by user: ") and "denied.txt" in line for line in log)
        activity = deck.store.activity("it")
        assert activity is not None
        sent, took = script.sent, script.usage
        written = took["cache_write"] if cli == "claude" else 0
        wanted = Usage(sent * took["input"], sent * took["output"], sent * took["cache_read"], sent * written)
        assert (activity.requests, activity.usage) == (sent, wanted)
        _go_on_after_a_kill_and_land(bench, life, script)


def _go_on_after_a_kill_and_land(bench: Bench, life: Life, script: Script) -> None:
    deck, runner, agent = life.deck, life.deck.store.runner_pid("it"), life.view().status.agent_pid
    assert runner is not None
    os.kill(runner, 9)
    eventually(lambda: not Path(f"/proc/{agent}").exists() and not life.view().alive, 20)
    before = script.sent
    deck.resume("it", "And again")
    eventually(lambda: script.sent > before and life.view().state is State.DONE, PATIENCE, pause=0.3)
    told = json.dumps(script.told[-1])
    assert "And again" in told
    assert "Make it" in told, "the context was lost"
    deck.stop("it")
    assert_ok(agentdeck("merge", "it", cwd=bench.root))
    assert bench.git("show", "main:allowed.txt") == "allowed"


RESOLVE = "git merge --no-edit main; echo both > made.txt; git add -A; git commit -qm Merged"
TOKEN = "sk-ant-oat01-life-0123456789"
LIMITED = 15.0
"""Seconds until the limit of the account is over."""


@pytest.mark.skipif(not WHOLE, reason="a CLI tells the minute of its reset: only “make test-agents” waits for that")
@pytest.mark.parametrize("cli", SIZES)
def test_a_limit_ends_by_itself_and_a_conflict_is_resolved_by_the_agent(
    bench: Bench, cli: str, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(bench.root)
    trusted = {"hasCompletedOnboarding": True, "theme": "dark", "projects": {root: {"hasTrustDialogAccepted": True}}}
    bench.write(".claude.json", json.dumps(trusted), cwd=bench.home)
    log_in(cli, bench.home / f".{cli}", TOKEN)
    with model_with_logins(
        [run("echo mine > made.txt && git add -A && git commit -qm Made")], [say("It is made.")]
    ) as (api, script, logins):
        setup = setup_of(cli, api.url)
        setup.env.pop("ANTHROPIC_AUTH_TOKEN", None)
        set_up(bench, programs, monkeypatch, setup)
        trust = f'\n[projects."{root}"]\ntrust_level = "trusted"\n'
        bench.write(".codex/config.toml", codex_config(api.url) + trust, cwd=bench.home)
        login = TOKEN if cli == "claude" else "dummy"
        logins.limits[login] = LIMITED
        deck = bench.deck()
        request = StartRequest(task="Make it", profile=cli, name="it", mode=Mode.INTERACTIVE, failover=(cli,))
        deck.start(replace(request, permission="all", box="off", sure=True))
        life = Life(deck, "it", script, Truth(deck, "it"))
        limited = life.reach(State.LIMITED, "until")
        assert limited.status.fault is Fault.LIMITED
        assert (script.sent, life.view().state) == (0, State.LIMITED), "nothing goes on before its time"
        eventually(lambda: script.sent == 2 and life.view().state is State.DONE, PATIENCE + 60, pause=0.3)
        assert logins.asked and time.time() >= logins.limited[login]
        told = json.dumps(script.told[0])
        assert "Make it" in told
        assert len(script.told) == 2, "it went on once"

        bench.write("made.txt", "theirs\n")
        bench.commit("Made here too")
        script.answers += [[run(RESOLVE)], [say("It is resolved.")]]
        landed = agentdeck("merge", "--hand-back", "it", cwd=bench.root)
        assert_ok(landed)
        assert bench.git("show", "main:made.txt") == "both"
        assert any("conflicts with main" in line.text for line in deck.log_lines("it"))
        activity = life.view().activity
        assert activity is not None
        assert (activity.requests, activity.usage.output) == (4, 4 * script.usage["output"])
        unknown = 0 if cli == "claude" else script.usage["cache_write"]
        assert activity.context == sum(script.usage.values()) - unknown
