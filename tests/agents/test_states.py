"""The states and the questions of real agent CLIs: what the deck says of them is so, at every moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, Result, State
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.errors import ExitCode, RefusedError
from agentdeck.system.config import profiles
from tests.agents.answering import press_enter_until
from tests.agents.conftest import provider
from tests.support.decks import Bench
from tests.support.fake_api import FILE, FakeApi
from tests.support.retry import eventually

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(300)]
PATIENCE = 60.0
SOON = 1.5
"""Seconds after an answer in which the state has to follow; one, and a half for a busy machine."""


@pytest.fixture
def api(bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    with provider(bench, programs, monkeypatch, sandbox="") as served:
        yield served


def about_the_tool(view: AgentView) -> bool:
    return view.state is State.WAITING and "Bash" in view.reason


def start_claude(deck: Deck, task: str = "Make the file") -> None:
    """Start it and come to its first question about a tool."""
    deck.start(StartRequest(task=task, profile="claude", name="cc", mode=Mode.INTERACTIVE))
    press_enter_until(deck, "cc", about_the_tool, PATIENCE)


def test_claude_code_rests_after_a_no_and_text_never_answers_it(bench: Bench, api: FakeApi) -> None:
    deck = bench.deck()
    start_claude(deck)

    with pytest.raises(RefusedError, match="asks a question") as refused:
        deck.send("cc", "Is it going well?")
    assert "1 Yes" in refused.value.detail
    assert deck.agent("cc").state is State.WAITING
    assert FILE not in str(deck.review.diff(deck.agent("cc")))
    deck.send("cc", keys=["Escape"])
    eventually(lambda: deck.agent("cc").state is State.DONE, SOON)
    assert deck.agent("cc").status.questions == ()


def test_a_bare_claude_code_has_no_task(bench: Bench, api: FakeApi) -> None:
    deck = bench.deck()
    deck.start(StartRequest(profile="claude", name="cc", mode=Mode.INTERACTIVE))
    press_enter_until(deck, "cc", lambda view: "no task" in view.reason, PATIENCE)
    assert deck.agent("cc").state is State.WAITING
    deck.send("cc", "Make the file")
    eventually(lambda: about_the_tool(deck.agent("cc")), 20)


def headless(deck: Deck, profile: str, task: str = "Make the file") -> AgentView:
    deck.start(StartRequest(task=task, profile=profile, name="hl", mode=Mode.HEADLESS))
    return deck.wait("hl")


def test_a_headless_claude_code_that_was_denied_its_tool_is_not_done(bench: Bench, api: FakeApi) -> None:
    view = headless(bench.deck(), "claude")
    assert (view.state, view.status.result, view.outcome) == (State.FAILED, Result.DENIED, ExitCode.DENIED)
    assert view.reason.startswith("denied Bash printf")


def test_a_headless_codex_whose_sandbox_refuses_is_not_done(bench: Bench, api: FakeApi) -> None:
    bench.write(
        ".codex/config.toml",
        'sandbox_mode = "read-only"\n' + (bench.home / ".codex/config.toml").read_text(),
        bench.home,
    )
    view = headless(bench.deck(), "codex")
    assert (view.state, view.status.result, view.outcome) == (State.FAILED, Result.DENIED, ExitCode.DENIED)
    assert "Read-only file system" in view.reason


def test_a_headless_codex_that_did_not_commit_says_so(bench: Bench, api: FakeApi) -> None:
    bench.write(
        ".codex/config.toml",
        'sandbox_mode = "danger-full-access"\n' + (bench.home / ".codex/config.toml").read_text(),
        bench.home,
    )
    view = headless(bench.deck(), "codex")
    assert (view.state, view.reason, view.outcome) == (State.DONE, "uncommitted", ExitCode.UNCOMMITTED)


def test_a_hook_gives_claude_code_the_answer_and_no_key_is_pressed(bench: Bench, api: FakeApi) -> None:
    deck = bench.deck()
    start_claude(deck)
    question = deck.agent("cc").status.question
    assert question is not None
    assert (question.tool, question.yes is not None, question.hook != "") == ("Bash", True, True)
    assert FILE in question.subject
    assert deck.answer("cc", "yes") == "Yes"
    eventually(lambda: deck.agent("cc").state is State.DONE, 20)
    assert deck.agent("cc").reason == "uncommitted"
    assert "Allowed by PermissionRequest hook" in deck.screen("cc")
    with pytest.raises(RefusedError, match="asks nothing"):
        deck.answer("cc", "yes")


def test_a_refusal_by_the_hook_tells_claude_code_why(bench: Bench, api: FakeApi) -> None:
    deck = bench.deck()
    start_claude(deck)
    deck.answer("cc", text="Use the other file")
    eventually(lambda: deck.agent("cc").state is State.DONE, 20)
    assert any("Use the other file" in str(request["body"]) for request in api.requests)


def test_the_dialogs_of_codex_are_answered_by_number_and_the_screen_is_checked(bench: Bench, api: FakeApi) -> None:
    api.escalate = True
    deck = bench.deck()
    deck.start(StartRequest(task="Make the file", profile="codex", name="co", mode=Mode.INTERACTIVE))
    eventually(lambda: "rust" in deck.agent("co").reason, 30)
    with pytest.raises(RefusedError, match="asks a question"):
        deck.send("co", "1")
    deck.answer("co", "yes")
    eventually(lambda: "asks to use Bash: printf" in deck.agent("co").reason, 30)
    question = deck.agent("co").status.question
    assert question is not None
    assert (question.tool, len(question.options), question.hook) == ("Bash", 3, "")
    assert "Would you like to run the following command?" in question.subject
    assert deck.answer("co", "1").startswith("Yes, proceed")
    eventually(lambda: deck.agent("co").state is State.DONE, 20)
    assert deck.agent("co").reason == "uncommitted"


def start_codex(deck: Deck) -> None:
    """Start it and come to its first question about a tool."""
    deck.start(StartRequest(task="Make the file", profile="codex", name="co", mode=Mode.INTERACTIVE))
    press_enter_until(deck, "co", about_the_tool, PATIENCE, "rust")


def test_codex_rests_after_a_no(bench: Bench, api: FakeApi) -> None:
    api.escalate = True
    deck = bench.deck()
    start_codex(deck)
    deck.answer("co", "no")
    eventually(lambda: deck.agent("co").state is State.DONE, SOON)
    assert deck.agent("co").status.result is Result.INTERRUPTED
    assert not (bench.root / ".worktrees/co" / FILE).exists()


def test_the_hooks_of_a_person_run_in_codex_beside_ours(bench: Bench, api: FakeApi) -> None:
    line = f"touch '{bench.home}/ran'"
    path = bench.home / ".codex/config.toml"
    path.write_text(
        f'{path.read_text()}\n[[hooks.Stop]]\nhooks = [{{type="command",command={json.dumps(line)}}}]\n'
        f'[hooks.state."{path}:stop:0:0"]\ntrusted_hash = "sha256:{profiles.codex_hook_digest("stop", line, 600)}"\n'
    )
    api.escalate = True
    deck = bench.deck()
    start_codex(deck)
    deck.answer("co", "yes")
    eventually(lambda: deck.agent("co").state is State.DONE, 20)
    eventually((bench.home / "ran").exists)
    assert deck.agent("co").status.session != ""


def test_a_codex_that_does_not_know_our_hooks_asks_and_is_read_by_its_transcript(
    bench: Bench, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "codex_hook_digest", lambda *about: "0" * 64)
    deck = bench.deck()
    deck.start(StartRequest(task="Make the file", profile="codex", name="co", mode=Mode.INTERACTIVE))
    press_enter_until(deck, "co", lambda view: view.reason == "Hooks need review", PATIENCE, "rust")
    assert deck.answer("co", "no").startswith("Continue without trusting")
    eventually(lambda: deck.agent("co").state is State.DONE, 30)
    assert deck.agent("co").reason == "uncommitted"


def test_the_context_of_claude_code_is_known_and_the_persons_own_status_line_is_shown(
    bench: Bench, api: FakeApi
) -> None:
    line = "tr -dc a-z_ | grep -c context_window | sed 's/.*/my own line/'"
    settings = json.dumps({"statusLine": {"type": "command", "command": line, "padding": 0}})
    bench.write(".claude/settings.json", settings, cwd=bench.home)
    deck = bench.deck()
    start_claude(deck)
    deck.answer("cc", "yes")
    eventually(lambda: deck.agent("cc").state is State.DONE, 20)
    eventually(lambda: "my own line" in deck.screen("cc"))
    activity = deck.agent("cc").activity
    assert activity is not None
    assert (activity.context, activity.window) == (15, 1_000_000)
