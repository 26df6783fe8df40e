"""An error as a sentence for a person; a sentence after the dashboard's end."""

from __future__ import annotations

import sys

from agentdeck.core.text.text import plain
from agentdeck.errors import DeckError


def sentence(error: BaseException | None, *, hint: bool = True) -> str:
    """What went wrong and, with `hint`, what to do."""
    if isinstance(error, DeckError):
        return plain(f"{error.title} {error.hint if hint else ''}".strip())
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return plain(f"Can't read it: {error.strerror or error}{where}.")
    return plain(f"Can't show it: {error!r}")


def say(text: str) -> None:
    """Print a line on the terminal that the dashboard has left."""
    sys.stderr.write(f"{plain(text)}\n")
    sys.stderr.flush()
