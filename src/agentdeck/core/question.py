"""A question to a person and its options, wherever it was found. Standard library only: the runner uses it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.patterns import late

_YES = late(r"(?:yes|allow|approve|accept|proceed|trust|ok)\b", re.IGNORECASE)
_NO = late(r"(?:no|deny|reject|refuse|decline|cancel|don.t|exit|quit|back)\b", re.IGNORECASE)
_OWN_WORDS = late(r"(?:other\b|type (?:something|your own)|enter a custom)", re.IGNORECASE)

ASK_PERSON = "ask_person"
"""The deck's own tool by which an agent asks a person."""
CHOSEN = "now"
"""The description of the option of a dialog that is what is set now."""


class Asks(StrEnum):
    """What kind of answer a question wants."""

    PERMISSION = "permission"
    """Whether a tool may be used: there is a yes and a no."""
    CHOICE = "choice"
    """One of several options."""
    TEXT = "text"
    """Words: the agent is at its prompt, and what is typed reaches it as a message."""


@dataclass(frozen=True, slots=True)
class Option:
    label: str
    description: str = ""
    suggestion: str = ""
    """The rule, as JSON, that a permission hook adds to the allowed ones with this answer."""
    keys: str = ""
    """The keys that choose it, by tmux's names, where the screen names them; else its number or the mark does."""
    profile: str = ""
    """The profile that goes on with this answer, where the failover asks."""

    @property
    def is_yes(self) -> bool:
        return _YES.match(self.label) is not None

    @property
    def is_no(self) -> bool:
        return _NO.match(self.label) is not None

    @property
    def is_own_words(self) -> bool:
        """Whether it stands for an answer that no option gives."""
        return _OWN_WORDS.match(self.label) is not None


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    kind: Asks = Asks.CHOICE
    options: tuple[Option, ...] = ()
    tool: str = ""
    """The tool that wants to run."""
    subject: str = ""
    """The command, the path or the address that it is about."""
    detail: str = ""
    """More of that, such as the new text of a file."""
    hook: str = ""
    """The hook that waits for the answer; empty: keys are pressed."""
    multiple: bool = False
    """Whether several options may be chosen."""
    numbered: bool = True
    """Whether the key of its number chooses an option; else the mark is moved there."""
    marked: int = 0
    """The number of the option that Enter takes, where a screen shows it."""
    in_row: bool = False
    """Whether the options stand side by side, and a colour is the mark."""
    at: float = 0.0
    """When it was asked, in seconds since the epoch."""

    @property
    def is_of_deck(self) -> bool:
        """Whether the deck's own tool asks it: neither the CLI's screen nor its state knows of it."""
        return self.tool == ASK_PERSON

    @property
    def is_of_failover(self) -> bool:
        """Whether it is how to go on at a limit: the agent's runner asks it, and no program of the agent's runs."""
        return any(option.profile for option in self.options)

    @property
    def yes(self) -> int | None:
        """The number, from 1, of the first option that says yes, or of the only one; None where the question has no yes
        and no."""
        if len(self.options) == 1:
            return 1
        return self._first(yes=True) if self._is_yes_or_no else None

    @property
    def no(self) -> int | None:
        return self._first(yes=False) if self._is_yes_or_no else None

    @property
    def about(self) -> tuple[str, ...]:
        """The lines of its subject and detail that tell more than its text does."""
        found, lines = list[str](), self.subject.splitlines()
        asked = {line for line in (*lines[:1], *lines[-1:]) if line.endswith("?") and len(lines) > 1}
        for line in (*(each for each in lines if each not in asked), *self.detail.splitlines()):
            more = line.partition(self.text)[2].strip() if self.text in line else line
            if more.strip() and more.strip() not in self.head:
                found.append(more)
        return tuple(found)

    @property
    def head(self) -> str:
        """Its text, without the beginning of a subject that is too long for it: `about` has all of that."""
        bare = f"asks to use {self.tool}"
        is_cut = self.text.startswith(f"{bare}: ") and " ".join(self.subject.split()) not in self.text
        return bare if is_cut else self.text

    @property
    def words(self) -> tuple[str, ...]:
        """Which of “yes” and “no” answer it."""
        if self.kind is Asks.TEXT:
            return ()
        if not self.options:
            return ("yes", "no")
        return tuple(word for word, number in (("yes", self.yes), ("no", self.no)) if number is not None)

    @property
    def _is_yes_or_no(self) -> bool:
        return self._first(yes=True) is not None and self._first(yes=False) is not None

    def _first(self, *, yes: bool) -> int | None:
        wanted = (number for number, each in enumerate(self.options, 1) if (each.is_yes if yes else each.is_no))
        return next(wanted, None)

    def only(self, pattern: str) -> int | None:
        """The number of the one option whose label or description matches `pattern`; None where none or several do."""
        texts = [f"{each.label} {each.description}".strip() for each in self.options]
        found = [number for number, text in enumerate(texts, 1) if pattern and re.search(pattern, text)]
        return found[0] if len(found) == 1 else None

    def is_same_as(self, other: Question) -> bool:
        """Whether an answer to the one answers the other. A dialog on a screen is known by its options and what stands
        above them: it is read again and again, and each reader calls it by another name."""
        if self.hook != other.hook or (self.hook and self.at != other.at):
            return False
        if not (self.options or other.options):
            return self.text == other.text
        # A smaller screen shows less of what stands above, and breaks its lines elsewhere.
        mine, theirs = (" ".join(each.subject.split()) for each in (self, other))
        is_about_it = mine.endswith(theirs) or theirs.endswith(mine)
        return is_about_it and (self.options, self.detail) == (other.options, other.detail)

    def way_to(self, number: int) -> list[str]:
        """The keys that move the mark to that option."""
        back, on = ("Left", "Right") if self.in_row else ("Up", "Down")
        return [on if number > self.marked else back] * abs(number - self.marked)

    @property
    def own_words(self) -> int | None:
        """The number of the option that takes an answer in words."""
        return next((number for number, each in enumerate(self.options, 1) if each.is_own_words), None)

    @property
    def choices(self) -> str:
        """The options in one line."""
        return "  ".join(f"{number} {option.label}" for number, option in enumerate(self.options, 1))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Question:
        """Raise TypeError, KeyError or ValueError where `data` is not a question."""
        options = tuple(Option(**each) for each in data["options"])
        return cls(**{**data, "kind": Asks(data["kind"]), "options": options})
