"""The dialogs of agent CLIs that are no question of an agent: trust, login, theme, update.

They are answered by choosing an option on the screen, for versions differ in which one is marked at first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_MARK = re.compile(r"^\s*[❯›>●]\s*(?=\S)")


def keys_for(lines: Sequence[str], option: str) -> tuple[str, ...] | None:
    """The keys that choose the option matching `option` in the list whose marked line is the last one on the screen;
    None where there is no such list or option."""
    marked = [row for row, line in enumerate(lines) if _MARK.match(line)]
    if not marked:
        return None
    at = marked[-1]
    column = _begin(lines[at])
    first = last = at
    while first > 0 and _begin(lines[first - 1]) == column:
        first -= 1
    while last + 1 < len(lines) and _begin(lines[last + 1]) == column:
        last += 1
    wanted = [row for row in range(first, last + 1) if re.search(option, lines[row])]
    if len(wanted) != 1:
        return None
    move = wanted[0] - at
    return (*(["Down"] * move if move > 0 else ["Up"] * -move), "Enter")


def _begin(line: str) -> int:
    """The column in which the text of an option begins, behind its mark; -1 for an empty line."""
    text = _MARK.sub(lambda mark: " " * len(mark[0]), line)
    return len(text) - len(text.lstrip()) if text.strip() else -1
