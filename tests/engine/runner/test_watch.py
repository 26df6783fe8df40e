"""What the CLIs' own reports make of an agent's state, in the order in which they come."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Result, State, Status
from agentdeck.core.agents.orders import Orders
from agentdeck.core.agents.reports import read_report
from agentdeck.engine.runner.watch import Watch
from agentdeck.system.config.profiles import load_profiles

PROFILES = load_profiles(Path("/nowhere"))
TITLE = "Generate a concise, single-line task title for this thread: make it"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)


class Told:
    """A watch that hears what a CLI reports."""

    def __init__(self, folder: Path, cli: str) -> None:
        self.inbox, where = folder / "inbox", str(folder)
        self.inbox.mkdir()
        orders = Orders("it", "0", "deck", ("true",), where, where, where, where, reports=cli, profile=cli, told=False)
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
