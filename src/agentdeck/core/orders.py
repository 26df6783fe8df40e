"""What the engine tells a runner to do: one JSON file, read once when the runner starts.

Standard library only: the runner loads it at every start.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from agentdeck.core.agent import Mode


@dataclass(frozen=True, slots=True)
class Detectors:
    """Regular expressions over an agent's screen (its lines joined by newlines, colours stripped), tried in this order.

    The first of `waiting`, `limited`, `failed`, `working`, `done` that matches gives the state. A named group `reason`
    in the pattern becomes the reason shown; without one it is the matched line.
    """

    waiting: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    working: tuple[str, ...] = ()
    done: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the end of the agent's process is judged, where the exit code alone does not tell.

    The patterns are searched in the last 64 KiB of its output, escape sequences stripped. The first that matches of
    `limited`, `auth`, `provider`, `failed` names the fault, whatever the exit code; none and a code in `ok_codes` is
    success. Where `success` is set, an exit that matches none of its patterns has failed too.
    """

    ok_codes: tuple[int, ...] = (0,)
    limited: tuple[str, ...] = ()
    auth: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    success: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Orders:
    """One run of one agent. Paths are absolute strings; times are seconds; sizes are bytes."""

    agent: str
    run: str
    """Unique to this run; every process of it carries `AGENTDECK_RUN=<run>` in its environment."""
    deck: str
    argv: tuple[str, ...]
    cwd: str
    folder: str
    """The agent's folder in the store."""
    log: str
    """The time-stamped text log of this run."""
    runs_log: str
    """The deck's one greppable file of START, OK, FAIL and TIMEOUT lines."""
    env: dict[str, str] = field(default_factory=dict)
    """Added to the pane's environment; already holds ports, database and the env file's variables."""
    env_unset: tuple[str, ...] = ()
    mode: Mode = Mode.INTERACTIVE
    setup: tuple[str, ...] = ()
    """Shell lines run in `cwd` before the agent; one that fails ends the run as a `setup` fault."""
    typed: str = ""
    """Text typed to the agent once it is quiet, for a CLI that takes no prompt on its command line."""
    timeout: float | None = None
    quiet: float = 0.4
    """How long output must rest before the screen is looked at."""
    detectors: Detectors = field(default_factory=Detectors)
    outcome: Outcome = field(default_factory=Outcome)
    reports: bool = False
    """Whether the CLI's own hooks report through the inbox; then the screen decides only what they can't."""
    session_pattern: str = ""
    """A pattern whose group `session` finds the CLI's session id in its output."""
    grace_interrupt: float = 5.0
    grace_terminate: float = 5.0
    recording_max: int = 32 * 1024 * 1024
    """The recording and the log each rotate at this size, and `recording_keep` older files are kept."""
    recording_keep: int = 1

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Orders:
        fields = dict(data)
        for key in ("argv", "env_unset", "setup"):
            fields[key] = tuple(fields[key])
        fields["mode"] = Mode(fields["mode"])
        fields["detectors"] = Detectors(**{key: tuple(value) for key, value in fields["detectors"].items()})
        fields["outcome"] = Outcome(**{key: tuple(value) for key, value in fields["outcome"].items()})
        return cls(**fields)
