"""Take a conversation from one account of a CLI to another by the CLI's own commands, where its sessions are no files.

What the other account has of the conversation stays: opencode adds what is not there yet. Loaded only at a limit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from agentdeck.core.transcripts.formats import Place
from agentdeck.errors import CancelledError, DeckError
from agentdeck.system.files.files import text_of
from agentdeck.system.machine.process import run
from agentdeck.system.transcripts.finding import root_of

_LONGEST = 120.0
"""Seconds that each of the two commands may take."""


def hand_over(
    place: Place,
    ways: tuple[Sequence[str], Sequence[str]],
    session: str,
    cwd: Path,
    left: Mapping[str, str],
    to: Mapping[str, str],
    file: Path,
) -> bool:
    """Return whether the session is where a CLI with the environment `to` finds it, as far as it went with `left`.
    `ways` print the session and take it from a file; they run in `cwd`, which becomes the session's folder. `file` is
    where it lies meanwhile. May be repeated, whatever a crash left of it."""
    old, new = root_of(place, left), root_of(place, to)
    if old is None or new is None or not session or not old.is_dir():
        return False
    if os.path.realpath(old) == os.path.realpath(new):
        return True
    file.unlink(missing_ok=True)
    export, imports = ways
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as write:
            words = [word.replace("{session}", session) for word in export]
            done = run(words, cwd=cwd, env=_only(left), stdout=write, timeout=_LONGEST, group=True)
        if not done or session not in text_of(file):
            return False
        words = [word.replace("{file}", str(file)) for word in imports]
        return bool(run(words, cwd=cwd, env=_only(to), timeout=_LONGEST, group=True))
    except CancelledError:
        raise
    except (DeckError, OSError):
        return False
    finally:
        with suppress(OSError):
            file.unlink()


def _only(environment: Mapping[str, str]) -> dict[str, str | None]:
    """The environment without what this process has beside it."""
    return {**dict.fromkeys(os.environ), **environment}
