"""Captured screens of real agent CLIs against the rules that read them: the confusion matrix.

The files in tests/fixtures/screens are named CLI-VERSION-STATE-WHAT.txt; those that end in `-80` are of a terminal with
80 columns and 24 lines, where the CLIs wrap and leave out what does not fit.
"""

from __future__ import annotations

import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.detect import detect
from agentdeck.system.config.profiles import load_profiles

SCREENS = sorted((Path(__file__).parents[2] / "fixtures" / "screens").glob("*.txt"))
PROFILES = load_profiles(Path("/nowhere"))
UNKNOWN = "–"


def shown(path: Path) -> State:
    """What the screen shows, by the name of its file."""
    return State(path.stem.split("-")[2])


def read(path: Path) -> tuple[str, str]:
    """The state and the reason that the program reads off the screen."""
    found = detect(path.read_text(), PROFILES[path.stem.split("-")[0]].detectors)
    return (str(found[0]), found[1]) if found else (UNKNOWN, "")


def reports_its_turns(path: Path) -> bool:
    """Whether the CLI itself tells through its hooks when a turn is over, so that the screen need not."""
    return PROFILES[path.stem.split("-")[0]].reports.kind != "none"


def matrix() -> str:
    """How often each state was read as which, a row for each state that is shown."""
    counted = Counter((str(shown(path)), read(path)[0]) for path in SCREENS)
    states = [str(state) for state in (State.WORKING, State.WAITING, State.LIMITED, State.DONE, State.FAILED)]
    lines = [f"{'shown, read as →':18}" + "".join(f"{state:>9}" for state in (*states, UNKNOWN))]
    lines += [f"{row:18}" + "".join(f"{counted[row, column]:9}" for column in (*states, UNKNOWN)) for row in states]
    return "\n".join(lines)


def test_no_state_is_taken_for_another() -> None:
    """No `waiting` is missed, none is seen where there is none, and so with every other state."""
    wrong = []
    for path in SCREENS:
        state, reason = read(path)
        # A turn that is over may be left to the hooks; all else must be read off the screen.
        left = state == UNKNOWN and shown(path) in (State.DONE, State.WORKING) and reports_its_turns(path)
        if state != shown(path) and not left:
            wrong.append(f"{path.name} was read as {state}: {reason}")
        if shown(path) in (State.WAITING, State.LIMITED, State.FAILED):
            assert reason, f"{path.name} gives no reason"
    sys.stdout.write(f"\n{matrix()}\n")
    assert not wrong, "\n".join([*wrong, matrix()])


@pytest.mark.parametrize("cli", sorted({path.stem.split("-")[0] for path in SCREENS}))
def test_there_are_screens_of_each_cli_that_waits(cli: str) -> None:
    states = {shown(path) for path in SCREENS if path.name.startswith(f"{cli}-")}
    assert {State.WAITING, State.DONE} <= states


@pytest.mark.parametrize("path", [path for path in SCREENS if shown(path) is State.WAITING], ids=lambda path: path.stem)
def test_a_question_is_seen_among_blank_lines_and_in_a_corner(path: Path) -> None:
    """Panes are taller than what is printed, and their screens are captured with what is below."""
    detectors = PROFILES[path.stem.split("-")[0]].detectors
    for text in (path.read_text() + "\n" * 40, "\n" * 40 + path.read_text()):
        found = detect(text, detectors)
        assert found is not None
        assert found[0] is State.WAITING


PROSE = textwrap.dedent("""
    I looked at the code. Rate limit handling is in limits.py, the 429 path in retry.py.
    The quota is checked first; esc to quit is not needed. Do not trust the cache.
    Permissions are required for the folder, allow execution with chmod.
""")


@pytest.mark.parametrize("cli", sorted(PROFILES))
def test_what_an_agent_says_of_limits_and_permissions_is_no_state(cli: str) -> None:
    found = detect(PROSE, PROFILES[cli].detectors)
    assert found is None or found[0] in (State.WORKING, State.DONE), found
