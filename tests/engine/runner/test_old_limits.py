"""A limit that is over is told from the next one, by what is on the screen of real CLIs."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.detect import detect
from agentdeck.engine.runner.old_limits import OldLimits
from agentdeck.system.config.profiles import load_profiles

PROFILES = load_profiles(Path("/nowhere"))
CODEX = "› {}\n\n■ You’ve hit your usage limit. Try again at 3:{} PM.\n\n"
CLAUDE = "❯ {}\n  ⎿  You've hit your session limit · resets 3:{}pm (UTC)\n\n"


@pytest.mark.parametrize(("cli", "turn"), [("codex", CODEX), ("claude", CLAUDE)])
def test_a_second_limit_is_seen_below_the_first(cli: str, turn: str) -> None:
    detectors = PROFILES[cli].detectors
    limits = OldLimits(detectors)

    def state(screen: str) -> State | None:
        found = detect(screen, limits.heeded(screen))
        return found[0] if found is not None else None

    first = turn.format("Make it", 10)
    assert state(first) is State.LIMITED
    limits.are_over(first)
    assert state(first) is None
    assert state(first + "› continue\n") is not State.LIMITED
    assert state(first + turn.format("continue", 12)) is State.LIMITED


OPENCODE = "  ┃\n  ┃  {}\n  ┃\n\n  ┃\n  ┃  You exceeded your current quota\n  ┃\n\n     ▣  Build · m\n"


def test_a_conversation_that_begins_with_a_limit_is_no_limit_and_no_failure_of_who_goes_on_with_it() -> None:
    detectors = PROFILES["opencode"].detectors
    limits, screen = OldLimits(detectors), OPENCODE.format("Make it")
    found = detect(screen, detectors)
    assert found == (State.LIMITED, "You exceeded your current quota")
    limits.was_told("Go on.", history=True)
    assert detect(screen, limits.heeded(screen)) is None
    other = screen.replace("You exceeded your current quota", "Internal server error")
    assert detect(screen + other, limits.heeded(screen + other)) == (State.FAILED, "Internal server error")
    at_work = screen + "  ┃\n  ┃  Go on.\n  ┃\n\n     ▣  Build · m\n  ■⬝⬝  esc interrupt\n"
    assert detect(at_work, limits.heeded(at_work)) == (State.WORKING, "")
    asked = "  ┃\n  ┃  Mend the rate limit\n  ┃\n\n     ▣  Build · m\n  ■⬝⬝  esc interrupt\n"
    assert detect(asked, detectors) == (State.WORKING, "")
