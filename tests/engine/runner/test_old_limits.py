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
