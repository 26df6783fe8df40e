"""What an agent asks a person: the question, its options and what it is about. Standard library only: the runner uses
it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_TEXT_MAX = 300
_ABOUT_MAX = 4000
"""Characters of a command or a diff that are kept."""
_OPTIONS_MAX = 9
"""A key from 1 to 9 for each."""
_YES = re.compile(r"(?:yes|allow|approve|accept|proceed|trust|ok)\b", re.IGNORECASE)
_NO = re.compile(r"(?:no|deny|reject|refuse|decline|cancel|don.t|exit|quit|back)\b", re.IGNORECASE)


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

    @property
    def is_yes(self) -> bool:
        return _YES.match(self.label) is not None

    @property
    def is_no(self) -> bool:
        return _NO.match(self.label) is not None


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
    at: float = 0.0
    """When it was asked, in seconds since the epoch."""

    @property
    def is_of_deck(self) -> bool:
        """Whether the deck's own tool asks it: neither the CLI's screen nor its state knows of it."""
        return self.tool == ASK_PERSON

    @property
    def yes(self) -> int | None:
        """The number, from 1, of the first option that says yes; None where the question has no yes and no."""
        return self._first(yes=True) if self._is_yes_or_no else None

    @property
    def no(self) -> int | None:
        return self._first(yes=False) if self._is_yes_or_no else None

    @property
    def _is_yes_or_no(self) -> bool:
        return self._first(yes=True) is not None and self._first(yes=False) is not None

    def _first(self, *, yes: bool) -> int | None:
        wanted = (number for number, each in enumerate(self.options, 1) if (each.is_yes if yes else each.is_no))
        return next(wanted, None)

    def only(self, pattern: str) -> int | None:
        """The number of the one option whose label matches `pattern`; None where none or several do."""
        found = [number for number, each in enumerate(self.options, 1) if pattern and re.search(pattern, each.label)]
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
        return ["Down" if number > self.marked else "Up"] * abs(number - self.marked)

    @property
    def choices(self) -> str:
        """The options in one line."""
        return "  ".join(f"{number} {option.label}" for number, option in enumerate(self.options, 1))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Question:
        """Raise TypeError, KeyError or ValueError where `data` is not a question."""
        options = tuple(Option(**each) for each in data["options"])
        return cls(**{**data, "kind": Asks(data["kind"]), "options": options})


ASK_PERSON = "ask_person"
"""The deck's own tool by which an agent asks a person."""


def from_agent(text: str, choices: Any, hook: str, at: float) -> Question:
    """What an agent asks by the deck's own tool."""
    options = tuple(Option(str(each)[:_TEXT_MAX]) for each in _list(choices)[:_OPTIONS_MAX])
    more = text if len(text) > _TEXT_MAX else ""
    return Question(text[:_TEXT_MAX], Asks.CHOICE, options, ASK_PERSON, "", more[:_ABOUT_MAX], hook, at=at)


def permission(payload: Mapping[str, Any], hook: str, at: float) -> tuple[Question, ...]:
    """What a `PermissionRequest` hook of Claude Code's or Codex' asks: one question, or those of the model."""
    tool, given = _word(payload.get("tool_name")) or "a tool", payload.get("tool_input")
    given = given if isinstance(given, Mapping) else {}
    if tool == "AskUserQuestion" and isinstance(given.get("questions"), Sequence):
        return _of_model(given, hook, at)
    if tool == "ExitPlanMode":
        plan = _word(given.get("plan"))
        answers = (Option("Yes"), Option("No, keep planning"))
        text = "asks to carry out its plan"
        return (Question(text, Asks.PERMISSION, answers, tool, "", plan[:_ABOUT_MAX], hook, at=at),)
    subject = subject_of(given)[:_ABOUT_MAX]
    text = f"asks to use {tool}" + (f": {' '.join(subject.split())[:80]}" if subject else "")
    always = tuple(_always(each) for each in _list(payload.get("permission_suggestions")) if isinstance(each, Mapping))
    options = (Option("Yes"), *always[: _OPTIONS_MAX - 2], Option("No"))
    return (Question(text, Asks.PERMISSION, options, tool, subject, _detail(given), hook, at=at),)


def _of_model(given: Mapping[str, Any], hook: str, at: float) -> tuple[Question, ...]:
    from agentdeck.core.transcripts.claude import questions_in

    found = []
    for asked in questions_in(given):
        options = tuple(Option(each.label, each.description[:_TEXT_MAX]) for each in asked.options)
        text, tool = asked.text[:_TEXT_MAX], "AskUserQuestion"
        found.append(Question(text, Asks.CHOICE, options, tool, hook=hook, multiple=asked.many, at=at))
    return tuple(found)


def _always(suggestion: Mapping[str, Any]) -> Option:
    import json

    rules = [each for each in _list(suggestion.get("rules")) if isinstance(each, Mapping)]
    named = [f"{_word(each.get('toolName'))}({_word(each.get('ruleContent'))})".removesuffix("()") for each in rules]
    named += [_word(each) for each in _list(suggestion.get("directories"))]
    what = ", ".join(named) or _word(suggestion.get("mode")) or _word(suggestion.get("type"))
    return Option("Yes, and don't ask again", what[:_TEXT_MAX], json.dumps(suggestion))


def subject_of(given: Any) -> str:
    """The command, the path or the address in a tool's input."""
    if not isinstance(given, Mapping):
        return ""
    for key in ("command", "file_path", "notebook_path", "path", "url", "pattern", "query"):
        value = given.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            return " ".join(map(str, value))
    return ""


def _detail(given: Mapping[str, Any]) -> str:
    """The change that a tool wants to make, as the lines that go and come; else what it says of itself."""
    old, new = _word(given.get("old_string")), _word(given.get("new_string")) or _word(given.get("content"))
    if old or new:
        lines = [f"-{line}" for line in old.splitlines()] + [f"+{line}" for line in new.splitlines()]
        return "\n".join(lines)[:_ABOUT_MAX]
    return (_word(given.get("patch")) or _word(given.get("description")))[:_ABOUT_MAX]


_LINE = re.compile(r"^[\s│┃|]*(?P<mark>[❯›▶→●◉>]\s*)?(?:(?P<number>[1-9])[.)]\s+)?(?P<label>\S.*?)[\s│┃|]*$")
_DRAWN = frozenset("─━═╌")
_RULE = _DRAWN | frozenset("╭╮╰╯┌┐└┘│┃ ")
_ABOVE = 14
"""Lines above the options that belong to the question."""


def shown(screen: str, reason: str, at: float = 0.0) -> Question:
    """The dialog on a screen that waits because of `reason`: its options, one of which is marked."""
    lines = screen.splitlines()
    numbered = _numbered(lines)
    top, options, marked = numbered or _marked(lines) or (len(lines), (), 0)
    yes_and_no = any(option.is_yes for option in options) and any(option.is_no for option in options)
    subject = _above(lines[:top]) if options else ""
    kind = Asks.PERMISSION if yes_and_no else Asks.CHOICE
    return Question(reason, kind, options, subject=subject, numbered=numbered is not None, marked=marked, at=at)


def _numbered(lines: Sequence[str]) -> tuple[int, tuple[Option, ...], int] | None:
    """The last list of numbers from 1 on that has a mark: where it begins, its options, and which one is marked."""
    found = None
    run: list[Option] = []
    top = marked = 0
    for index, line in enumerate(lines):
        match = _LINE.match(line)
        if match is None or match["number"] is None:
            continue
        number = int(match["number"])
        if number == 1:
            run, top, marked = [], index, 0
        if number != len(run) + 1:
            continue
        run.append(Option(match["label"][:_TEXT_MAX]))
        marked = number if match["mark"] else marked
        if marked and len(run) > 1:
            found = top, tuple(run), marked
    return found


def _marked(lines: Sequence[str]) -> tuple[int, tuple[Option, ...], int] | None:
    """The lines around the last marked one whose text begins in the same column."""
    for index in range(len(lines) - 1, -1, -1):
        match = _LINE.match(lines[index])
        if match is None or not match["mark"] or match["mark"][0] not in "❯›":
            continue
        column = match.start("label")
        first = last = index
        while first > 0 and _begins_at(lines[first - 1], column):
            first -= 1
        while last + 1 < len(lines) and _begins_at(lines[last + 1], column):
            last += 1
        if first == last:
            return None
        options = tuple(Option(line[column:].strip(" │┃")[:_TEXT_MAX]) for line in lines[first : last + 1])
        return first, options[:_OPTIONS_MAX], index - first + 1
    return None


def _begins_at(line: str, column: int) -> bool:
    return len(line) > column and not line[:column].strip(" │┃") and line[column] not in " │┃"


def _above(lines: Sequence[str]) -> str:
    """The paragraphs right above the options, up to a line that is drawn; one around a part of them is left out."""
    kept: list[str] = []
    for line in reversed(lines[-_ABOVE:]):
        if set(line) <= _RULE and _DRAWN & set(line):
            if sum(map(bool, kept)) > 1:
                break
            continue
        kept.insert(0, line.strip(" │┃"))
    return "\n".join(kept).strip()[:_ABOUT_MAX]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
