"""A key is pressed for the dialog that was answered, and for no other."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agentdeck.core.agents.agent import Agent, Mode, State, Status
from agentdeck.core.question import Option, Question
from agentdeck.engine.lifecycle import answering
from agentdeck.engine.views import AgentView
from agentdeck.errors import RefusedError

ASKED = Question("Write it?", options=(Option("Yes"), Option("No")), subject="Write it?", numbered=True, marked=1)
VIEW = AgentView(Agent("it", "Do it", "copilot", Mode.INTERACTIVE, 0.0), Status(State.WAITING, 0.0), alive=True)


def press(monkeypatch: pytest.MonkeyPatch, *screens: Question | None) -> list[str]:
    """The keys that are pressed for ASKED while the screen shows these, the last one for ever."""
    pressed: list[str] = []
    left = iter(screens)
    last: list[Question | None] = [None]

    def on_screen(*about: object) -> Question | None:
        last[0] = None if pressed else next(left, last[0])
        return last[0]

    tmux = SimpleNamespace(press=lambda deck, name, keys: pressed.extend(keys))
    store = SimpleNamespace(wake_runner=lambda name: None)
    world = SimpleNamespace(tmux=tmux, store=store, deck="d", profiles={})
    monkeypatch.setattr(answering, "_on_screen", on_screen)
    monkeypatch.setattr(answering, "_DRAWN_IN", 0.3)
    answering._press(cast("Any", world), VIEW, ASKED, 1)
    return pressed


def test_a_dialog_that_is_just_being_drawn_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    part = replace(ASKED, options=ASKED.options[:1])
    assert press(monkeypatch, None, part, ASKED) == ["1"]


@pytest.mark.parametrize("there", [None, replace(ASKED, text="Run it?", subject="Run it?")])
def test_nothing_is_pressed_where_the_dialog_is_another_one_or_gone(
    there: Question | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RefusedError, match="asks something else now"):
        press(monkeypatch, *[there] * 9)
