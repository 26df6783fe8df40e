"""Ask a cluster by its command-line tools: what the providers that come with AgentDeck share."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentdeck.errors import DeckError, MissingToolError, UnreachableError
from agentdeck.system.machine.process import Result, run

_TIMEOUT = 60.0


def ask(argv: Sequence[str], hint: str, stdin: bytes | None = None) -> Result:
    """Run it. Raise MissingToolError where the tool is not installed, UnreachableError, with `hint`, where it does not
    answer in time."""
    try:
        return run(argv, stdin=stdin, timeout=_TIMEOUT)
    except MissingToolError:
        raise
    except DeckError as error:
        raise UnreachableError(error.title, hint=hint) from error


def last_word(done: Result) -> str:
    """What it complained of last, as the end of a sentence."""
    lines = done.complaint.splitlines() or ["it said nothing"]
    return re.sub(r"^((sbatch|squeue|scancel): )?(error: )?", "", lines[-1]).rstrip(".")
