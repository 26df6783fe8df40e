"""Text that a verb takes from a file or from standard input."""

from __future__ import annotations

import sys

from agentdeck.errors import NotFoundError, UsageError
from agentdeck.system.machine.host import home_path


def read_text(source: str) -> str:
    """The text of the file `source`, or of standard input for `-`; raise NotFoundError or UsageError."""
    try:
        data = sys.stdin.buffer.read() if source == "-" else home_path(source).read_bytes()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{_name(source)} is not UTF-8 text.") from error
    except OSError as error:
        raise NotFoundError(f"{_name(source)} can't be read.", detail=error.strerror or str(error)) from error


def _name(source: str) -> str:
    return "Standard input" if source == "-" else f"The file {source}"
