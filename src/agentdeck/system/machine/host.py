"""What a face needs of the person's own terminal and machine, whatever deck they look at: the one module of `system`
that the faces import."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from agentdeck.errors import DeckError
from agentdeck.system.files.files import home_path, refusal
from agentdeck.system.machine.skill import change_skill, skill_places, skill_text
from agentdeck.system.machine.telemetry import tracer_provider

__all__ = [
    "change_skill",
    "exit_code_of",
    "hold_signals",
    "home_path",
    "inside_agent",
    "interrupt_soon",
    "keep_crash",
    "refusal",
    "run_in_terminal",
    "scratch_folder",
    "skill_places",
    "skill_text",
    "tracer_provider",
]


def inside_agent(name: str = "") -> bool:
    """Whether an agent calls, whose terminal is no person's; with a name, whether it is that one."""
    from agentdeck.system.machine.tree import MARK

    return bool(os.environ.get(MARK)) and name in ("", os.environ.get("AGENTDECK_AGENT"))


def run_in_terminal(argv: Sequence[str]) -> int:
    """Give this terminal to `argv` until it ends; return its exit code."""
    from agentdeck.system.machine import process

    return process.run_in_terminal(argv)


def exit_code_of(argv: Sequence[str]) -> int:
    """What `argv` exits with, whatever it prints; it has half a minute."""
    from agentdeck.system.machine import process

    return process.run(argv, timeout=30.0).code


def scratch_folder() -> AbstractContextManager[Path]:
    """A folder of our own that goes when the block ends."""
    from agentdeck.system.files import scratch

    return scratch.scratch_folder()


def hold_signals() -> None:
    """Let INT, TERM and HUP wait for what must not be cut in two, from now on; for the main thread."""
    from agentdeck.system.machine import interrupts

    interrupts.prepare()


def interrupt_soon() -> None:
    """Interrupt this process once more, a moment later: who calls this is where it would be lost."""
    import signal
    import threading

    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()


def keep_crash(text: str) -> Path | None:
    """Put a traceback where it can be read and sent; None where nothing can be written."""
    import tempfile

    from agentdeck.system.files.files import private_folder, state_home, write_atomic

    name = f"crash-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    for place in (state_home, lambda: Path(tempfile.gettempdir())):
        with suppress(OSError, DeckError):
            path = private_folder(place()) / name
            write_atomic(path, text)
            return path
    return None
