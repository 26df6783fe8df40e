"""Terminal output to plain text, piece by piece as it arrives. Standard library only: the runner uses it."""

from __future__ import annotations

from agentdeck.core.text.patterns import late

_SEQUENCE = late(
    # Possessive, for what follows each of them is no part of it: a fifth less of what a runaway log costs most.
    r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]"  # CSI: colours, cursor, modes
    r"|[P\]X^_][^\x07\x1b]*+(?:\x07|\x1b\\)"  # strings: OSC (title, clipboard, links), DCS, SOS, PM, APC
    r"|[ -/]++[0-~]"  # character sets
    r"|[^\[P\]X^_ -/\x1b]"  # the two-letter ones
    r"|)"  # what is left of one that another one broke off
)
_UNFINISHED = late(r"\x1b(?:\[[0-?]*[ -/]*|[P\]X^_][^\x07\x1b]*\x1b?|[ -/]*)\Z")
_HELD_MAX = 4096
"""Characters of an unfinished sequence to wait for; what is longer is no sequence."""
_ASCII_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 27), *range(28, 32), 127))
_CONTROLS = late(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]+")


class Stripper:
    """Takes away escape sequences and control characters, also where a sequence is cut by the end of a piece."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """The plain text of the next piece; line feeds, carriage returns and tabs stay."""
        text = self._held + text
        self._held = ""
        if "\x1b" in text:
            tail = _unfinished(text)
            if len(tail) <= _HELD_MAX:
                self._held, text = tail, text.removesuffix(tail)
            # This reads the text once, however many sequences in it have no end: a hostile program may print that.
            text = _SEQUENCE.sub("", text)
        return text.translate(_ASCII_CONTROLS) if text.isascii() else _CONTROLS.sub("", text)


def _unfinished(text: str) -> str:
    """The sequence that the end of `text` cuts; “” for none."""
    last = text.rfind("\x1b")
    before = text.rfind("\x1b", 0, last) if text.endswith("\x1b") else -1  # the end of a string is cut itself
    for place in (before, last):
        if place >= 0 and _UNFINISHED.match(text, place):
            return text[place:]
    return ""


def strip(text: str) -> str:
    """All of `text` without escape sequences and controls."""
    return Stripper().feed(text)


def settle(line: str) -> str:
    """What is left to see of a line in which carriage returns went back to its start, as progress bars do."""
    if "\r" not in line:
        return line
    return next((part for part in reversed(line.split("\r")) if part.strip()), "")
