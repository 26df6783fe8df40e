"""The page of keys and states fits the narrowest terminal: no sentence is broken, nothing is cut."""

from __future__ import annotations

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.tui.keys.keys import SECTIONS
from agentdeck.tui.screens.help import HelpScreen

_ROOM = {80: 69, 120: 93}
"""Columns for the text, by those of the terminal: without the dialog's margin, border, padding and bar."""


@pytest.mark.parametrize("terminal", _ROOM)
def test_each_key_and_each_state_has_one_line(terminal: int) -> None:
    lines = HelpScreen({})._text(_ROOM[terminal]).plain.splitlines()
    assert max(map(len, lines)) <= _ROOM[terminal]
    for key in (key for keys in SECTIONS.values() for key in keys):
        assert any(key.help in line for line in lines), f"{key.help} is broken"
    for state in State:
        (told,) = [line for line in lines if line.startswith(f"  {state.glyph} {state}")]
        assert len(told.split()) > 3
