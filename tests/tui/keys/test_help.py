"""The page of keys and states fits the narrowest terminal, can be searched, and shows remapped keys."""

from __future__ import annotations

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.tui.keys.keys import SECTIONS
from agentdeck.tui.screens.help import HelpScreen

_ROOM = {80: 69, 120: 93}
"""Columns for the text, by those of the terminal: without the dialog's margin, border, padding and bar."""


@pytest.mark.parametrize("terminal", _ROOM)
def test_every_key_and_state_is_there_and_no_line_is_too_wide(terminal: int) -> None:
    text = HelpScreen({})._text(_ROOM[terminal]).plain
    assert max(map(len, text.splitlines())) <= _ROOM[terminal]
    joined = " ".join(text.split())
    for key in (key for keys in SECTIONS.values() for key in keys):
        assert key.help in joined, f"{key.help} is not there"
    for state in State:
        (told,) = [line for line in text.splitlines() if line.startswith(f"  {state.glyph} {state}")]
        assert len(told.split()) > 3


def test_words_narrow_it_and_sentences_show_this_person_s_keys() -> None:
    help_ = HelpScreen({"agent.resume": "f9"})
    found = help_._text(93, "stopped").plain
    assert "f9 resumes it" in found
    assert "Answer" not in found
    assert "Stop it" in help_._text(93, "agent.stop").plain
    assert help_._text(93, "no such words").plain == "No key and no state has “no such words”."
