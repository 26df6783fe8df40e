"""Which programs the terminal is lent to."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.errors import DeckError
from agentdeck.system.machine.host import run_in_terminal

if TYPE_CHECKING:
    from textual.app import App


def lend(app: App[None], argv: list[str]) -> int:
    """Give the terminal to `argv` until it ends; return its exit code.

    Raise SuspendNotSupported where there is no terminal, DeckError where the program is not there.
    """
    problem: DeckError | None = None
    code = 1
    with app.suspend():
        # An error that leaves `suspend` would leave the terminal as it is in there.
        try:
            code = run_in_terminal(argv)
        except DeckError as error:
            problem = error
        except OSError as error:
            problem = DeckError(f"{argv[0]} can't be run: {error.strerror}.")
    if problem is not None:
        raise problem
    return code


def in_folder(folder: Path, argv: list[str]) -> list[str]:
    """`argv` so that it runs in `folder`."""
    return ["/bin/sh", "-c", 'cd -- "$1" && shift && exec "$@"', "sh", str(folder), *argv]


def editor() -> list[str]:
    """The person's editor as the beginning of a command line."""
    for variable in ("AGENTDECK_EDITOR", "VISUAL", "EDITOR"):
        if value := os.environ.get(variable, "").strip():
            return shlex.split(value)
    return ["vi"]


def shell() -> str:
    return os.environ.get("SHELL") or "/bin/sh"
