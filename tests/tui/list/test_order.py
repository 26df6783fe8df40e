"""What the filter leaves of the list."""

from __future__ import annotations

import pytest

from agentdeck.core.agents.agent import Agent, Mode, State, Status
from agentdeck.engine.views import AgentView
from agentdeck.tui.feed.snapshot import Row
from agentdeck.tui.list.order import filtered


def _row(name: str, profile: str) -> Row:
    agent = Agent(name, f"Task of {name}", profile, Mode.INTERACTIVE, 0.0, base="main")
    return Row(AgentView(agent, Status(State.DONE, 0.0), alive=True))


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("docs", ["docs-basket"]),  # and not codex-invoices, which has these letters too
        ("dcs", ["codex-invoices", "docs-basket"]),
        ("dcs codex", ["codex-invoices"]),
        ("claude docs", ["docs-basket"]),
        ("zzz", []),
        ("", ["codex-invoices", "docs-basket", "search"]),
    ],
)
def test_scattered_letters_count_only_where_nothing_has_the_word(query: str, kept: list[str]) -> None:
    rows = [_row("codex-invoices", "codex"), _row("docs-basket", "claude"), _row("search", "claude")]
    assert [row.name for row in filtered(rows, query)] == kept
