"""The status that Claude Code keeps of each running session: `sessions/PID.json` in its own folder.

It changes within 0.1 s of everything that begins or ends a turn, also where no hook fires: after a “no”, and after Esc.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import State
from agentdeck.core.frozen import dataclass
from agentdeck.system.files.files import read_json

_STATES = {"busy": State.WORKING, "shell": State.WORKING, "waiting": State.WAITING, "idle": State.DONE}


@dataclass(frozen=True, slots=True)
class Told:
    state: State
    """DONE: it is at its prompt."""
    at: float
    """Since when, in seconds since the epoch."""
    waits_for: str = ""


class SessionStatus:
    def __init__(self, environment: Mapping[str, str]) -> None:
        home = environment.get("HOME", "")
        own = environment.get("CLAUDE_CONFIG_DIR") or (f"{home}/.claude" if home else "")
        self._folder = Path(own) / "sessions" if own else None

    def read(self, pid: int | None, session: str) -> Told | None:
        """What the process says of itself; None where it does not say."""
        if self._folder is None or pid is None:
            return None
        found = _read(self._folder / f"{pid}.json")
        if found is None and session:  # its own process may be another, below a wrapper or in a box
            each = (_read(path) for path in self._folder.glob("[0-9]*.json"))
            found = next((data for data in each if data is not None and data.get("sessionId") == session), None)
        if found is None or found.get("status") not in _STATES:
            return None
        at = found.get("statusUpdatedAt")
        waits_for = found.get("waitingFor")
        return Told(
            _STATES[found["status"]],
            at / 1000 if isinstance(at, int | float) else 0.0,
            waits_for if isinstance(waits_for, str) else "",
        )


def _read(path: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        data = read_json(path)
        return data if isinstance(data, dict) else None
    return None
