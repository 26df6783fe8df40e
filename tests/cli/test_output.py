from __future__ import annotations

import json

import pytest

from agentdeck.cli.agents import print_agents
from agentdeck.cli.output import Cell, Output, TableColumn
from agentdeck.core.agents.agent import Agent, Mode, State, Status
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.leases import Lease
from agentdeck.core.text.text import columns
from agentdeck.engine.views import AgentView
from agentdeck.errors import DeckError


def view(name: str, state: State = State.WORKING, reason: str = "", profile: str = "claude") -> AgentView:
    lease = Lease("worktree", True, {"path": "/x", "branch": f"agentdeck/{name}"})
    agent = Agent(name, "task", profile, Mode.INTERACTIVE, 0.0, leases=(lease,))
    return AgentView(agent, Status(state, since=4e9, reason=reason), alive=True)


VIEWS = [
    view("fix-the-login-form-of-the-shop", State.WAITING, "Do you want to run “rm -rf 日本語のファイル”? " * 3),
    view("docs", State.WORKING, "reading 12 files"),
    view("x", State.FAILED, "\x1b]0;owned\x07\x1b[2Jexit 3\nsecond line", profile="codex"),
]


@pytest.mark.parametrize("width", [200, 120, 80, 60])
def test_the_list_fits_the_terminal(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_agents(Output(), VIEWS)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all(columns(line) <= width for line in lines)
    assert lines[1].startswith("◆ waiting  fix-the-")
    assert lines[1].endswith("…")
    assert "● working" in lines[2]
    assert lines[2].split()[-1] in ("files", "files…") or lines[2].endswith("…")
    starts = {line.index(word) for line, word in zip(lines[1:], ("fix", "docs", "x "), strict=True)}
    assert len(starts) == 1


def test_at_200_columns_only_the_long_reason_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    print_agents(Output(), VIEWS)
    text = capsys.readouterr().out
    assert text.count("…") == 1
    assert "agentdeck/fix-the-login-form-of-the-shop" in text


def test_without_a_terminal_nothing_is_cut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_agents(Output(), VIEWS)
    assert VIEWS[0].reason.strip() in capsys.readouterr().out


def test_hostile_text_does_nothing_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output()
    print_agents(out, VIEWS)
    out.tell(Event(EventKind.STATE_CHANGED, "x\x1b[2J", "bad\x1b[31m\x07"))
    out.error(DeckError("a\x1b[2J", detail="b\x1b]0;x\x07\nc", hint="d\x9b"))
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert "\x9b" not in captured.err
    assert "␛]0;owned␇␛[2Jexit 3 second line" in captured.out
    assert "agentdeck: a␛[2J\n  b␛]0;x␇\n  c\n→ d<U+009B>\n" in captured.err


def test_colours_are_for_terminals_only(capsys: pytest.CaptureFixture[str]) -> None:
    Output().line(Output().styled("x", "31"))
    Output(colour=True).line(Output(colour=True).styled("x", "31"))
    assert capsys.readouterr().out == "x\n\x1b[31mx\x1b[0m\n"


def test_columns_with_nothing_in_them_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table([TableColumn("A", 1), TableColumn("B", 1), TableColumn("C", 1)], [[Cell("1"), Cell(""), Cell("3")]])
    assert capsys.readouterr().out == "A  C\n1  3\n"


def test_quiet_keeps_errors_and_data(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(quiet=True)
    out.narrate("nothing to see")
    out.line("data")
    out.error(DeckError("wrong"))
    captured = capsys.readouterr()
    assert captured.out == "data\n"
    assert captured.err == "agentdeck: wrong\n"


def test_events_are_lines_of_json_where_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=True, quiet=True).note(Event(EventKind.RUN_ENDED, "x", "done\udcff", {"rc": 0}, at=1.5))
    line = json.loads(capsys.readouterr().out)
    assert line == {
        "schema": "agentdeck/1",
        "type": "event",
        "at": 1.5,
        "kind": "run.ended",
        "agent": "x",
        "text": "done\udcff",
        "data": {"rc": 0},
    }


def test_a_task_that_is_a_book_is_told_by_its_beginning(capsys: pytest.CaptureFixture[str]) -> None:
    task = "Write it all again. " * 10_000
    Output().tell(Event(EventKind.AGENT_CREATED, "one", task))
    told = capsys.readouterr().err
    assert " one: task: Write it all again. " in told
    assert columns(told) < 450
    Output(json=True).note(Event(EventKind.AGENT_CREATED, "one", task))
    assert json.loads(capsys.readouterr().out)["text"] == task
