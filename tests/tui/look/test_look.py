"""Small charts in a cell."""

from __future__ import annotations

from agentdeck.tui.look.look import sparkline


def test_processes_that_use_nothing_have_a_flat_line() -> None:
    """The memory of a process that has ended and was not asked for its exit code is none at all."""
    assert sparkline((0.0, 0.0), 5, full=0.0) == "   ▁▁"


def test_nothing_seen_yet_is_blank() -> None:
    assert sparkline((), 3, full=0.0) == "   "
