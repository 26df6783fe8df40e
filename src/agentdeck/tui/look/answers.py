"""What a terminal answers to programs' questions, told apart from what a person presses.

A program that the terminal was lent to (tmux, an editor, a shell) asks it for its name, colours and abilities, and may
be gone when the answer comes. Textual takes what it does not know for keys, so `ESC P > | tmux ESC \\` would be `P`,
`t`, `m`, `u` and `x`.
"""

from __future__ import annotations

import re

FENCE, _PASSED = "\x1b[5n", "\x1b[0n"
"""A question that every terminal answers, and what it answers: all that was asked before is answered then."""
KEY_WAIT = 0.1
"""Seconds that the rest of a key may take after its escape; as long as Textual waits."""
_ANSWER_WAIT = 1.0
"""Seconds that the next part of an answer may take."""
_FENCE_WAIT = 0.5

_STRING = re.compile(r"\x1b(?:P[>!\d+$]|\][\dlL]|_G)")
"""How a string begins: XTVERSION, XTGETTCAP and the like; colours, titles and the clipboard; pictures."""
_STRING_END = re.compile(r"\x1b\\|\x07|[\x18\x1a]|\x1b(?=[^\\])")
_REPORT = re.compile(r"\x1b\[([<=>?]?)([\d:;]*)([ -/]*)([@-~])")
_HALF_REPORT = re.compile(r"\x1b\[[<=>?\d:;]+[ -/]*\Z")
_NO_KEYS = ("\x1b[", "\x1b]", "\x1b_")
"""Halves that Textual would take for the character alone."""
_HALF = re.compile(r"\x1b[P\]_\[]?\Z")
"""What may be a key of a person's, or the beginning of an answer."""
_TAIL = re.compile(r"[^\x1b]*\x1b\\|[\da-gr]*[:/;][\da-gr:/;]*\x07|[<=>?\d]*;[\d;$]*[cmnRtuyM]|\d+\$y")
"""The rest of an answer whose beginning another program read."""
_PASTE, _PASTED = "\x1b[200~", "\x1b[201~"


def _is_answer(report: re.Match[str]) -> bool:
    """Whether that is no key, no event of the mouse, and none of the answers that Textual waits for."""
    private, numbers, between, final = report.groups()
    if between:
        return not (private == "?" and between == "$" and final == "y")
    if private:
        return not (private == "<" and final in "mM")
    return final in "cnx" or (final == "t" and not numbers.startswith("48;"))


class Answers:
    """Takes answers out of what comes from a terminal, also where they come in pieces."""

    def __init__(self) -> None:
        self._held = ""
        self._patience = 0.0
        self._since = 0.0
        """When the last of what is held came."""
        self._alone = ""
        """The beginning of what is held, where that was passed on as a key already."""
        self._pastes = False
        self._fence: float | None = None
        """Until when all is held, for the terminal has not come to the fence yet."""

    @property
    def is_fenced(self) -> bool:
        """Whether the terminal has still to answer what it was asked at the beginning."""
        return self._fence is not None

    @property
    def waits(self) -> bool:
        """Whether `due` may have something soon."""
        return bool(self._held) or self._fence is not None

    def expect_fence(self, now: float) -> None:
        """Hold what comes until the terminal has answered to FENCE, or was too slow: it may begin with the rest of an
        answer."""
        self._fence = now + _FENCE_WAIT

    def feed(self, text: str, now: float) -> str:
        """Return what of `text`, which came just now, is a person's."""
        self._since = now
        if self._fence is not None:
            self._held += text
            if _PASSED not in self._held:
                return self.due(now)
            return self._lift(now)
        return self._sift(self._alone + self._held + text)

    def due(self, now: float) -> str:
        """Return what is a person's after all, for nothing came after it."""
        if self._fence is not None:
            return self._lift(now) if now >= self._fence else ""
        if not self._held or self._pastes or now < self._since + self._patience:
            return ""
        held, self._held = self._held, ""
        if self._patience == _ANSWER_WAIT:
            return ""  # the rest of an answer was lost
        self._alone = self._alone + held if _HALF.match(self._alone + held) else ""
        return "" if held in _NO_KEYS else held

    def _lift(self, now: float) -> str:
        held, self._held, self._fence = self._held, "", None
        tail = _TAIL.match(held)
        return self.feed(held[tail.end() :] if tail else held, now)

    def _sift(self, text: str) -> str:
        alone, self._alone, self._held = self._alone, "", ""
        kept: list[str] = []
        at = 0
        while at < len(text):
            if self._pastes:
                at = self._paste(text, at, kept)
            elif text[at] != "\x1b":
                end = text.find("\x1b", at)
                kept.append(text[at : end if end >= 0 else len(text)])
                at += len(kept[-1])
            elif (over := self._end_of_answer(text, at)) is None:
                self._held = text[at:]
                break
            elif over > at:
                at = over
            else:
                report = _REPORT.match(text, at)
                kept.append(report.group() if report else text[at : at + (1 if text[at + 1] == "\x1b" else 2)])
                at += len(kept[-1])
                self._pastes = kept[-1] == _PASTE
        return self._without(alone, kept)

    def _without(self, alone: str, kept: list[str]) -> str:
        """What is left but for `alone`, its beginning, which was passed on before."""
        if not alone:
            return "".join(kept)
        if not kept and self._held.startswith(alone):
            self._held, self._alone, self._patience = self._held[len(alone) :], alone, KEY_WAIT
            return "".join(kept)
        left = "".join(kept)
        if (late := _REPORT.match(left)) and late[2]:
            return left[late.end() :]  # of the mouse, or a key: its numbers are none of a person's
        return left.removeprefix(alone)

    def _paste(self, text: str, at: int, kept: list[str]) -> int:
        """Keep what a person pastes from `at` on, but for escapes, of which Textual would make keys; return where it
        ends."""
        end = text.find(_PASTED, at)
        self._pastes = end < 0
        if self._pastes:
            end = next((i for i in range(max(at, len(text) - 5), len(text)) if _PASTED.startswith(text[i:])), len(text))
            self._held = text[end:]
        kept.append(text[at:end].replace("\x1b", ""))
        if self._pastes:
            return len(text)
        kept.append(_PASTED)
        return end + len(_PASTED)

    def _end_of_answer(self, text: str, at: int) -> int | None:
        """Where the answer that begins at `at` ends: there, where it is none; None where more has to come."""
        if _HALF.match(text, at):
            self._patience = KEY_WAIT
            return None
        if string := _STRING.match(text, at):
            self._patience = _ANSWER_WAIT
            end = _STRING_END.search(text, string.end())
            if end is None:
                return None
            return end.start() if end.group() == "\x1b" else end.end()  # that one begins something else
        if report := _REPORT.match(text, at):
            return report.end() if _is_answer(report) else at
        if _HALF_REPORT.match(text, at):
            self._patience = _ANSWER_WAIT
            return None
        return at
