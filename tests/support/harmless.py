"""What may reach a terminal: text, line ends, tabs and colours."""

from __future__ import annotations

import os
import pty
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_DRAWN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Format characters that are seen: signs around and under numbers."""
_HIDDEN = frozenset("\u034f\u115f\u1160\u3164\uffa0")


def is_seen(char: str) -> bool:
    return (unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") or char in _DRAWN) and char not in _HIDDEN


def harm_in(text: str) -> set[str]:
    """The characters of `text` that a terminal would obey, or that a person would not see."""
    return {char for char in _COLOUR.sub("", text) if char not in "\r\n\t" and not is_seen(char)}


def printed_on_a_terminal(argv: Sequence[str], cwd: Path) -> str:
    """All that a program prints on a terminal of its own, where a person says yes."""
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execvp(argv[0], list(argv))
    os.write(master, b"y\n")
    got = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # how Linux tells of the other side's end
            break
        if not piece:
            break
        got += piece
    os.waitpid(pid, 0)
    os.close(master)
    return got.decode("utf-8", "surrogateescape")
