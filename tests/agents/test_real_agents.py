"""Real agent CLIs through the whole life of an agent, against a loopback server that speaks their provider's protocol.

They are taken from AGENTDECK_TEST_AGENTS, a folder that `npm install --prefix` filled, or are installed by npm for
these tests; without npm, or where its registry can't be reached, the tests are skipped.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Fault, Mode, State
from agentdeck.core.agents.events import EventKind
from agentdeck.engine.deck import Deck
from agentdeck.engine.profiles.handing import progress_of
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from tests.agents.answering import press_enter_until
from tests.agents.conftest import PACKAGES
from tests.support.cli import agentdeck
from tests.support.decks import Bench
from tests.support.fake_api import CONTENT, FILE, FINISHED, FakeApi, fake_api
from tests.support.retry import eventually
from tests.support.verdicts import assert_ok

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(300)]
PATIENCE = 60.0
"""Seconds that a CLI may take for its start and a turn."""


def assert_it_lands(bench: Bench, deck: Deck, name: str) -> None:
    """Stop the agent, land what it made, and remove it: the base has the work, and nothing else is left."""
    worktree = deck.agent(name).worktree
    assert worktree is not None
    deck.stop(name)
    bench.commit("Made by an agent", cwd=worktree)
    assert_ok(agentdeck("merge", name, cwd=bench.root))
    assert bench.git("show", f"main:{FILE}") == CONTENT.strip()
    deck.remove(name)
    assert bench.worktrees() == [str(bench.root)]


def test_claude_code_waits_is_answered_finishes_and_goes_on_after_a_kill(bench: Bench, api: FakeApi) -> None:
    deck = bench.deck()
    view = deck.start(StartRequest(task="Make the file", profile="claude", name="cc", mode=Mode.INTERACTIVE))
    assert view.worktree is not None
    press_enter_until(deck, "cc", lambda view: view.state is State.WAITING and "Bash" in view.reason, PATIENCE)
    assert not (view.worktree / FILE).exists()
    deck.send("cc", keys=["Enter"])
    eventually(lambda: deck.agent("cc").state is State.DONE, 20)
    assert (view.worktree / FILE).read_text() == CONTENT
    eventually(lambda: FINISHED in deck.screen("cc"))  # its hook is heard before its screen is drawn
    assert FILE in deck.review.text("cc", stat=True)
    session = deck.agent("cc").status.session
    assert session

    runner = deck.store.runner_pid("cc")
    agent = deck.agent("cc").status.agent_pid
    assert runner is not None
    assert agent is not None
    os.kill(runner, 9)
    eventually(lambda: not Path(f"/proc/{agent}").exists(), 15)
    deck.resume("cc", "And again")
    eventually(lambda: "And again" in deck.screen("cc") and deck.agent("cc").state is State.DONE, 20)
    assert deck.agent("cc").status.session == session
    assert any("Make the file" in str(request["body"]) for request in api.requests[-1:]), "the context was lost"
    assert_it_lands(bench, deck, "cc")


def test_codex_asks_for_trust_finishes_and_is_resumed(bench: Bench, api: FakeApi) -> None:
    deck = bench.deck()
    view = deck.start(StartRequest(task="Make the file", profile="codex", name="co", mode=Mode.INTERACTIVE))
    assert view.worktree is not None
    eventually(lambda: deck.agent("co").state is State.WAITING and "rust" in deck.agent("co").reason, 20)
    press_enter_until(deck, "co", lambda view: view.state is State.DONE, PATIENCE)
    assert (view.worktree / FILE).read_text() == CONTENT
    session = deck.agent("co").status.session
    assert session
    assert deck.stop("co").state is State.STOPPED
    deck.resume("co", "And again")
    press_enter_until(deck, "co", lambda view: view.state is State.DONE, PATIENCE)
    assert "And again" in deck.screen("co")
    asked = [str(request["body"]) for request in api.requests if "And again" in str(request["body"])]
    assert any("Make the file" in body for body in asked), "the context was lost"
    assert_it_lands(bench, deck, "co")


@pytest.mark.parametrize("profile", PACKAGES)
def test_headless_runs_end_as_scripts_expect(bench: Bench, api: FakeApi, profile: str) -> None:
    deck = bench.deck()
    deck.start(StartRequest(task="Make the file", profile=profile, name="well", mode=Mode.HEADLESS))
    expected = {"claude": ExitCode.DENIED, "codex": ExitCode.UNCOMMITTED}[profile]
    assert deck.wait("well").outcome is expected, "Claude Code may not run a shell without a person"
    assert any(FINISHED in line.text for line in deck.log_lines("well"))

    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "limit", "code": "insufficient_quota"}}
    api.fault = (429, {"x-should-retry": "false"}, error)
    deck.start(StartRequest(task="Make the file", profile=profile, name="limited", mode=Mode.HEADLESS))
    view = deck.wait("limited")
    assert (view.state, view.status.fault, view.outcome) == (State.FAILED, Fault.LIMITED, ExitCode.TRY_LATER)


LIMIT = {"type": "error", "error": {"type": "rate_limit_error", "message": "This would exceed your limit"}}


def test_codex_takes_over_when_claude_code_is_limited_and_gives_back(
    bench: Bench, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_api() as limited:
        limited.fault = (429, {"retry-after": "3600"}, LIMIT)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", limited.url)
        bench.write("agentdeck.toml", '[agent]\nfailover = ["claude", "codex"]\n[failover]\nfirst_pause = 2.0\n')
        deck = bench.deck()
        view = deck.start(StartRequest(task="Make the file", profile="claude", name="fo", mode=Mode.HEADLESS))
        view = deck.wait("fo")
        assert (view.state, view.outcome, view.profile) == (State.DONE, ExitCode.UNCOMMITTED, "codex")
        assert view.worktree is not None
        assert (view.worktree / FILE).read_text() == CONTENT
        asked = json.dumps(api.requests[0]["body"])
        assert "You take over a task from another agent (claude)" in asked
        assert "Make the file" in asked
        assert len(limited.requests) < 5, "it took over at once"
        kinds = [event.kind for event in deck.store.events("fo")]
        assert kinds.count(EventKind.AGENT_FAILED_OVER) == 1
        log = [line.text for line in deck.log_lines("fo") if not line.is_note]
        assert log[0] == "you: Make the file"
        assert any(line.startswith("error: ") for line in log), "why the first one stopped"
        assert f"agent: {FINISHED}" in log, "the transcript of the next one has another format"

        limited.fault = None
        before = len(limited.requests)
        progress = progress_of(deck.store.agent_folder("fo"))
        assert progress is not None
        eventually(lambda: progress.until["claude"] < time.time() and not deck.agent("fo").alive)
        deck.resume("fo", "And again")
        view = deck.wait("fo")
        assert (view.profile, view.reason.partition(" printf")[0]) == ("claude", "denied Bash"), "nobody could allow it"
        told = json.dumps(limited.requests[before:][-1]["body"])
        assert "And again" in told
        assert FILE in told
        assert "another agent (codex)" in told


def test_an_interactive_claude_code_that_is_limited_is_ended_and_codex_goes_on(
    bench: Bench, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_api() as limited:
        limited.fault = (429, {"retry-after": "3600", "x-should-retry": "false"}, LIMIT)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", limited.url)
        bench.write("agentdeck.toml", '[agent]\nfailover = ["claude", "codex"]\n')
        deck = bench.deck()
        deck.start(StartRequest(task="Make the file", profile="claude", name="fo", mode=Mode.INTERACTIVE))
        press_enter_until(deck, "fo", lambda view: view.profile == "codex", PATIENCE)
        press_enter_until(deck, "fo", lambda view: view.state is State.DONE, PATIENCE)
        view = deck.agent("fo")
        assert view.worktree is not None
        assert (view.worktree / FILE).read_text() == CONTENT
        limited.fault = None
        deck.fail_back("fo")
        press_enter_until(deck, "fo", lambda view: view.profile == "claude" and view.state is State.DONE, PATIENCE)
