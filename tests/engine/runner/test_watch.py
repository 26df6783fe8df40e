"""What the CLIs' own reports make of an agent's state, in the order in which they come."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Result, State, Status
from agentdeck.core.agents.orders import Orders
from agentdeck.core.agents.reports import read_report
from agentdeck.core.agents.verdict import Verdict
from agentdeck.core.transcripts.formats import Place
from agentdeck.core.transcripts.records import Kind, Record
from agentdeck.engine.runner import session_status
from agentdeck.engine.runner import watch as watch_module
from agentdeck.engine.runner.session_status import SessionStatus
from agentdeck.engine.runner.watch import Watch
from agentdeck.system.config.profiles import load_profiles

PROFILES = load_profiles(Path("/nowhere"))
SCREENS = Path(__file__).parents[2] / "fixtures/screens"
TITLE = "Generate a concise, single-line task title for this thread: make it"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)


class Told:
    """A watch that hears what a CLI reports."""

    def __init__(self, folder: Path, cli: str, *, screens: bool = False) -> None:
        self.inbox, where = folder / "inbox", str(folder)
        self.inbox.mkdir()
        orders = Orders("it", "0", "deck", ("true",), where, where, where, where, reports=cli, profile=cli, told=False)
        orders = replace(orders, detectors=PROFILES[cli].detectors) if screens else orders
        self.watch = Watch(orders, Status(State.WORKING, 0.0, agent_pid=1), lambda status: None)
        self.count = 0

    def hears(self, **payload: Any) -> tuple[State, str]:
        self.count += 1
        (self.inbox / f"{self.count:03}.json").write_text(json.dumps(payload))
        self.watch.take_reports(self.inbox)
        return self.watch.status.state, self.watch.status.reason

    def hook(self, event: str, **more: Any) -> tuple[State, str]:
        return self.hears(hook_event_name=event, **{"session_id": "own", **more})


def test_a_turn_is_not_over_while_something_works_in_the_background(tmp_path: Path) -> None:
    claude = Told(tmp_path, "claude")
    claude.hook("UserPromptSubmit")
    running = [{"id": "1", "status": "running"}, {"id": "2", "status": "completed"}]
    assert claude.hook("Stop", background_tasks=running) == (State.WORKING, "1 task in the background")
    assert claude.watch.is_free, "a message reaches it meanwhile"
    assert claude.hook("Stop", background_tasks=[{"id": "1", "status": "completed"}])[0] is State.DONE


def test_a_turn_is_not_over_while_a_sub_agent_works(tmp_path: Path) -> None:
    claude = Told(tmp_path, "claude")
    claude.hook("UserPromptSubmit")
    claude.hook("SubagentStart", agent_id="a")
    assert claude.hook("Stop") == (State.WORKING, "1 sub-agent in the background")
    assert claude.hook("SubagentStop", agent_id="a")[0] is State.DONE


def test_the_hidden_thread_of_codex_is_neither_done_nor_its_session(tmp_path: Path) -> None:
    codex = Told(tmp_path, "codex")
    codex.hook("SessionStart")
    codex.hook("UserPromptSubmit")
    hidden = {"type": "agent-turn-complete", "thread-id": "hidden", "input-messages": [TITLE]}
    assert codex.hears(**hidden)[0] is State.WORKING
    assert (
        codex.hears(type="agent-turn-complete", **{"thread-id": "foreign", "input-messages": ["x"]})[0] is State.WORKING
    )
    assert codex.watch.status.session == "own"
    assert (
        codex.hears(type="agent-turn-complete", **{"thread-id": "own", "input-messages": ["Make it"]})[0] is State.DONE
    )


def test_an_interruption_is_not_done_and_a_new_turn_takes_it_back(tmp_path: Path) -> None:
    codex = Told(tmp_path, "codex")
    codex.hook("UserPromptSubmit")
    codex.hook("Interrupt")
    assert (codex.watch.status.state, codex.watch.status.result) == (State.DONE, Result.INTERRUPTED)
    assert codex.hook("UserPromptSubmit")[0] is State.WORKING
    assert codex.watch.status.result is Result.NONE


class AskedByHook:
    """Claude Code that asks by a hook since a minute ago, and keeps a status."""

    def __init__(self, folder: Path) -> None:
        self.watch, self.begun = Told(folder, "claude", screens=True).watch, time.time() - 60
        self.watch.session_status = SessionStatus({"CLAUDE_CONFIG_DIR": str(folder)})
        self.file, self.now = folder / "sessions/1.json", time.monotonic()
        (folder / "asking").mkdir()
        (folder / "asking/claude-1-1").touch()
        self.file.parent.mkdir()
        report = folder / "inbox/claude-1-1.json"
        asked = {"tool_name": "Bash", "tool_input": {"command": "make"}}
        report.write_text(json.dumps({"hook_event_name": "PermissionRequest", **asked}))
        os.utime(report, (self.begun, self.begun))
        self.watch.take_reports(report.parent)

    def writes(self, status: str, later: float) -> State:
        """What it is taken for once it says that it is so since that much later than its hook asked."""
        told = {"status": status, "statusUpdatedAt": (self.begun + later) * 1000, "waitingFor": "permission prompt"}
        self.file.write_text(json.dumps(told))
        self.now += 60
        self.watch.output("x")
        self.watch.tick(self.now)
        return self.watch.status.state


def test_a_status_that_is_older_than_a_hook_s_question_does_not_take_it_back(tmp_path: Path) -> None:
    """On a busy machine Claude Code writes its status seconds later; the hook would be let go without an answer."""
    claude = AskedByHook(tmp_path)
    assert claude.writes("busy", -1) is State.WAITING
    assert claude.writes("idle", -1) is State.WAITING
    assert claude.writes("busy", 1) is State.WORKING


def test_a_question_whose_hook_is_gone_is_read_off_the_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claude = AskedByHook(tmp_path)
    monkeypatch.setattr(claude.watch, "screen", (SCREENS / "claude-2.1.197-waiting-model.txt").read_text)
    claude.watch.hook_is_gone("claude-1-1")
    assert claude.writes("waiting", 1) is State.WAITING
    asked = claude.watch.status.question
    assert asked is not None
    assert (asked.text, asked.hook) == ("Which colour shall the button have?", "")
    assert [each.label for each in asked.options][:3] == ["Red", "Blue", "Green"]


def test_a_dialog_that_is_read_again_was_asked_when_it_was_read_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Told(tmp_path, "claude", screens=True).watch
    theme, trust = ((SCREENS / f"claude-2.1.197-waiting-{each}.txt").read_text() for each in ("theme", "trust"))
    asked = []
    for now, screen in ((100.0, theme), (130.0, theme), (160.0, trust)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        watch._judge(screen)
        question = watch.status.question
        assert question is not None
        asked.append(question.at)
    assert asked == [100.0, 100.0, 160.0]


@pytest.mark.parametrize("first", ["transcript", "status"])
def test_a_turn_whose_end_the_hook_tells_late_was_not_ended_by_a_person(tmp_path: Path, first: str) -> None:
    claude = Told(tmp_path, "claude")
    claude.hook("UserPromptSubmit")
    ended = Record(Kind.TURN_END, time.time() + 5)
    claude.watch.judge = lambda: Verdict(State.DONE, Result.UNCHANGED, "nothing changed")
    if first == "transcript":
        claude.watch.take_records([ended])
    claude.watch._follow(session_status.Told(State.DONE, time.time() - 5), time.monotonic())
    if first == "status":
        assert claude.watch.status.result is Result.INTERRUPTED
        claude.watch.take_records([ended])
    assert (claude.watch.status.state, claude.watch.status.reason) == (State.DONE, "nothing changed")


def test_a_prompt_that_is_idle_for_a_minute_changes_nothing_of_a_turn_that_is_over(tmp_path: Path) -> None:
    claude = Told(tmp_path, "claude")
    claude.watch.judge = lambda: Verdict(State.DONE, Result.UNCHANGED, "nothing changed")

    def idle() -> tuple[State, str]:
        return claude.hook("Notification", notification_type="idle_prompt", message="Claude is waiting for your input")

    claude.hook("UserPromptSubmit")
    claude.hook("Stop", background_tasks=[{"id": "1", "status": "running"}])
    assert idle() == (State.WORKING, "1 task in the background")
    assert claude.hook("Stop") == idle() == claude.hook("Stop") == (State.DONE, "nothing changed")
    claude.hook("UserPromptSubmit")
    claude.hook("StopFailure", error="rate_limit")
    assert idle()[0] is State.LIMITED
    claude.hook("UserPromptSubmit")
    assert idle()[0] is State.DONE, "its end was missed"


def test_a_question_after_another_has_a_time_of_its_own(tmp_path: Path) -> None:
    claude = Told(tmp_path, "claude")
    claude.hook("UserPromptSubmit")
    claude.hook("PermissionRequest", tool_name="Bash", tool_input={"command": "one"})
    first = claude.watch.status.since
    time.sleep(0.01)
    claude.hook("PostToolUse", tool_name="Bash", tool_input={"command": "one"})
    claude.hook("PermissionRequest", tool_name="Bash", tool_input={"command": "two"})
    assert claude.watch.status.since > first


@pytest.mark.parametrize("cli", ["claude", "codex"])
def test_codex_is_kept_in_its_own_pane(cli: str) -> None:
    """Else its commands run in a server that it shares, without the agent's ports and database."""
    profile = PROFILES[cli]
    assert profile.reports.kind == cli
    assert cli != "codex" or profile.reports.argv[0] == "-c"


@given(st.dictionaries(st.sampled_from(["hook_event_name", "type", "agent_id", "background_tasks", "error"]), JSON))
def test_any_report_can_be_read(payload: dict[str, Any]) -> None:
    read_report(payload)


class Shown:
    """A watch of a CLI without hooks, with what is on its screen."""

    def __init__(self, folder: Path, cli: str) -> None:
        where, profile = str(folder), PROFILES[cli]
        orders = Orders("it", "0", "deck", ("true",), where, where, where, where, profile=cli, told=False)
        orders = replace(orders, detectors=profile.detectors, transcript=Place(format=cli))
        self.watch = Watch(orders, Status(State.WORKING, 0.0, agent_pid=1), lambda status: None)
        self.watch.screen = lambda: self.screen  # type: ignore[method-assign]
        self.screen, self.now = "", time.monotonic()

    def says(self, name: str) -> State:
        self.screen = (SCREENS / f"{name}.txt").read_text()
        self.watch.output("something")
        self.now += 10
        self.watch.tick(self.now)
        return self.watch.status.state

    def writes(self, kind: Kind) -> State:
        self.watch.take_records([Record(kind, time.time(), "Go on")])
        return self.watch.status.state


@pytest.mark.parametrize("cli", ["copilot-1.0.102", "qwen-0.15.10", "gemini-0.61.0"])
def test_a_screen_that_is_behind_the_transcript_takes_nothing_back(tmp_path: Path, cli: str) -> None:
    agent = Shown(tmp_path, cli.split("-", maxsplit=1)[0])
    agent.writes(Kind.USER)
    assert agent.says(f"{cli}-working-thinking") is State.WORKING
    assert agent.writes(Kind.TURN_END) is State.DONE
    assert agent.says(f"{cli}-working-thinking") is State.DONE
    assert agent.says(f"{cli}-done-turn") is State.DONE
    assert agent.writes(Kind.USER) is State.WORKING
    assert agent.says(f"{cli}-done-turn") is State.WORKING
    assert agent.says(f"{cli}-waiting-permission") is State.WAITING, "a dialog is news"


def test_a_tool_that_is_called_brings_a_look_at_a_screen_that_never_rests(tmp_path: Path) -> None:
    agent = Shown(tmp_path, "copilot")
    agent.says("copilot-1.0.102-working-thinking")
    assert agent.watch.next_look() is None
    agent.writes(Kind.TOOL)
    due = agent.watch.next_look()
    assert due is not None
    assert due < time.monotonic() + 1


@pytest.mark.parametrize("text", ["1", " 3 "])
def test_a_digit_does_not_answer_a_survey(tmp_path: Path, text: str) -> None:
    agent = Shown(tmp_path, "claude")
    done = agent.screen = (SCREENS / "claude-2.1.197-done-turn.txt").read_text()
    assert agent.watch.asks(text) is None
    survey = "● How is Claude doing this session? (optional)\n  1: Bad    2: Fine   3: Good   0: Dismiss\n"
    agent.screen = done + survey
    asked = agent.watch.asks(text)
    assert asked is not None
    assert asked.text == "How is Claude doing this session? (optional)"
    assert agent.watch.asks("Fix issue 3") is None


@pytest.mark.parametrize(("patience", "said"), [(20.0, ""), (0.0, "has no task yet")])
def test_a_cli_that_is_coming_up_is_not_at_its_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float, said: str
) -> None:
    monkeypatch.setattr(watch_module, "_UP_LATEST", patience)
    watch = Told(tmp_path, "claude", screens=True).watch
    watch.session_status = SessionStatus({"CLAUDE_CONFIG_DIR": str(tmp_path)})
    watch.rested = True
    watch._judge("Welcome to Claude Code v2.1.197")
    assert watch.status.reason == said
    watch._judge("Choose the text style that looks best with your terminal\n ❯ 1. Dark mode\n   2. Light mode")
    assert watch.status.is_asking
