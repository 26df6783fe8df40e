"""Where agents are, and that nobody knows how they stand, in the list of the dashboard."""

from __future__ import annotations

from agentdeck.core.agents.agent import Agent, Mode, State, Status
from agentdeck.engine.views import AgentView
from agentdeck.tui.feed.snapshot import Row
from agentdeck.tui.list.columns import HOST, STATE, WHAT, lay_out


def row(name: str, host: str = "", unreachable: float = 0.0) -> Row:
    agent = Agent(name, "Fix it", "claude", Mode.INTERACTIVE, 1.0, host=host, epoch=1 if host else 0)
    return Row(AgentView(agent, Status(State.WORKING, 1.0), alive=True, unreachable=unreachable), None, None, None)


def text(column: object, of: Row) -> str:
    return "".join(part for part, _ in column.parts(of, 2.0))  # type: ignore[attr-defined]


def test_hosts_are_shown_where_any_agent_is_on_another_machine() -> None:
    here, there = row("one"), row("two", "dev1")
    assert HOST not in lay_out([here], 200).columns
    assert HOST in lay_out([here, there], 80).columns
    assert (text(HOST, here), text(HOST, there)) == ("here", "dev1")


def test_a_state_that_nobody_knows_any_more_is_said_to_be_the_last_known() -> None:
    gone = row("two", "dev1", unreachable=1_700_000_000.0)
    assert text(STATE, gone) == "● working?"
    assert text(WHAT, gone).startswith("unreachable since 2023-11-14; last known: working")
    assert len(text(STATE, gone)) <= STATE.width
    assert text(STATE, row("one")) == "● working"
