"""What an agent asks a person, as its hooks, its screen and the deck's own tool tell it. Standard library only: the
runner uses it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agentdeck.core.question import ASK_PERSON, Asks, Option, Question
from agentdeck.core.transcripts.reading import items, mapping, mappings, word

_TEXT_MAX = 300
_ABOUT_MAX = 4000
"""Characters of a command or a diff that are kept."""
_OPTIONS_MAX = 9
"""A key from 1 to 9 for each."""


def from_agent(text: str, choices: Any, hook: str, at: float) -> Question:
    """What an agent asks by the deck's own tool."""
    options = tuple(Option(str(each)[:_TEXT_MAX]) for each in items(choices)[:_OPTIONS_MAX])
    more = text if len(text) > _TEXT_MAX else ""
    return Question(text[:_TEXT_MAX], Asks.CHOICE, options, ASK_PERSON, "", more[:_ABOUT_MAX], hook, at=at)


def permission(payload: Mapping[str, Any], hook: str, at: float) -> tuple[Question, ...]:
    """What a `PermissionRequest` hook of Claude Code's or Codex' asks: one question, or those of the model."""
    tool, given = word(payload.get("tool_name")) or "a tool", payload.get("tool_input")
    given = mapping(given)
    if tool == "AskUserQuestion" and isinstance(given.get("questions"), Sequence):
        return _of_model(given, hook, at)
    if tool == "ExitPlanMode":
        plan = word(given.get("plan"))
        answers = (Option("Yes"), Option("No, keep planning"))
        text = "asks to carry out its plan"
        return (Question(text, Asks.PERMISSION, answers, tool, "", plan[:_ABOUT_MAX], hook, at=at),)
    subject = subject_of(given)[:_ABOUT_MAX]
    text = f"asks to use {tool}" + (f": {' '.join(subject.split())[:80]}" if subject else "")
    always = tuple(map(_always, mappings(payload.get("permission_suggestions"))))
    options = (Option("Yes"), *always[: _OPTIONS_MAX - 2], Option("No"))
    return (Question(text, Asks.PERMISSION, options, tool, subject, _detail(given), hook, at=at),)


def _of_model(given: Mapping[str, Any], hook: str, at: float) -> tuple[Question, ...]:
    from agentdeck.core.transcripts.claude import questions_in

    found = []
    for asked in questions_in(given):
        options = tuple(Option(each.label, each.description[:_TEXT_MAX]) for each in asked.options)
        text, tool = asked.text[:_TEXT_MAX], "AskUserQuestion"
        found.append(replace(asked, text=text, options=options, tool=tool, hook=hook, at=at))
    return tuple(found)


def _always(suggestion: Mapping[str, Any]) -> Option:
    import json

    rules = mappings(suggestion.get("rules"))
    named = [f"{word(each.get('toolName'))}({word(each.get('ruleContent'))})".removesuffix("()") for each in rules]
    named += [word(each) for each in items(suggestion.get("directories"))]
    what = ", ".join(named) or word(suggestion.get("mode")) or word(suggestion.get("type"))
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
    old, new = word(given.get("old_string")), word(given.get("new_string")) or word(given.get("content"))
    if old or new:
        lines = [f"-{line}" for line in old.splitlines()] + [f"+{line}" for line in new.splitlines()]
        return "\n".join(lines)[:_ABOUT_MAX]
    return (word(given.get("patch")) or word(given.get("description")))[:_ABOUT_MAX]


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
