"""What an agent asks a person, as its hooks, its screen and the deck's own tool tell it. Standard library only: the
runner uses it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from agentdeck.core.agents import buttons
from agentdeck.core.frozen import replace
from agentdeck.core.question import ASK_PERSON, CHOSEN, Asks, Option, Question
from agentdeck.core.text.patterns import late
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
    subject = subject_of(given, word(payload.get("cwd")))[:_ABOUT_MAX]
    text = f"asks to use {tool}" + (f": {' '.join(subject.split())[:80]}" if subject else "")
    cwd = word(payload.get("cwd"))
    always = tuple(_always(each, cwd) for each in mappings(payload.get("permission_suggestions")))
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


def _always(suggestion: Mapping[str, Any], cwd: str) -> Option:
    import json

    rules = mappings(suggestion.get("rules"))
    named = [f"{word(each.get('toolName'))}({word(each.get('ruleContent'))})".removesuffix("()") for each in rules]
    named += ["in this folder" if word(each) == cwd else word(each) for each in items(suggestion.get("directories"))]
    what = ", ".join(named) or word(suggestion.get("type"))
    label = "Yes, and don't ask again"
    if not named and (mode := word(suggestion.get("mode"))):
        label, what = _MODES.get(mode, f"Yes, and go on in the mode {mode}"), ""
    return Option(label, what[:_TEXT_MAX], json.dumps(suggestion))


_MODES = {"acceptEdits": "Yes, and allow all edits in this session"}


def subject_of(given: Any, cwd: str = "") -> str:
    """The command, the path or the address in a tool's input; a path below `cwd` without that."""
    if not isinstance(given, Mapping):
        return ""
    for key in ("command", "file_path", "notebook_path", "path", "url", "pattern", "query"):
        value = given.get(key)
        if isinstance(value, str):
            return value.removeprefix(f"{cwd.rstrip('/')}/") if cwd and key.endswith("path") else value
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


_LINE = late(r"^[\s│┃|]*(?P<mark>[❯›▶→●◉>]\s*)?(?:(?P<number>[1-9])[.)]\s+)?(?P<label>\S.*?)[\s│┃|]*$")
_SIDES = " │┃|"
_DRAWN = frozenset("─━═╌")
_RULE = _DRAWN | frozenset("╭╮╰╯┌┐└┘│┃ ")
_SPOKEN = late(r"\s*[•●✻⏺⎿✦❯›>▣]\s")
"""How a line begins that tells what was said or done before the dialog."""
_NOTICE = late(r"press enter to continue", re.IGNORECASE)
_CHOSEN = "✔"
_BY_ESCAPE = late(r"\(esc(?: to \w+)?\)\Z", re.IGNORECASE)
_PLAIN_LIST = late(r"↑↓ select\s+enter (?:submit|confirm)")
"""What stands below a list whose mark is only a colour."""
_ABOVE = 14
"""Lines above the options that belong to the question."""
_NEAR = 3
"""Lines between the options and a question that stands below them."""
_REASON = 40
"""Characters of a reason by which its line is known: a longer one may be cut."""

_List = tuple[int, int, tuple[Option, ...], int]
"""Where a list begins and ends, its options, and which of them is marked."""
_Reader = Callable[[Sequence[str], int, int], _List | None]
_Found = tuple[_Reader | None, int | None, _List]
"""What has read the options, the line of the question, and the options."""


def shown(screen: str, reason: str, at: float = 0.0) -> Question:
    """The dialog on a screen that waits because of `reason`: its options, one of which is marked."""
    lines = screen.splitlines()
    found = _lettered(lines) or _dialog(lines, reason)
    if found is None:
        notice = (Option("Continue"),) if _NOTICE.search(reason) else ()
        return Question(reason, options=notice, numbered=False, marked=len(notice), at=at)
    read, asked, (top, _, options, marked) = found
    yes_and_no = any(option.is_yes for option in options) and any(option.is_no for option in options)
    kind = Asks.PERMISSION if yes_and_no else Asks.CHOICE
    subject = _about(lines[:top], asked)
    is_numbered, in_row = read is _numbered, read is _in_row
    return Question(reason, kind, options, "", subject, numbered=is_numbered, marked=marked, in_row=in_row, at=at)


def _dialog(lines: Sequence[str], reason: str) -> _Found | None:
    """What reads the options, in which line the question stands, and the options. A list that was on the screen before
    the question is none of its own, unless the question stands right below it."""
    words = reason.removesuffix("…")[:_REASON].strip()
    asked = [at for at in range(len(lines) - 1, -1, -1) if words and words in " ".join(lines[at].split())]
    readers = (_numbered, _in_row, _marked)
    for at, read in product(asked, readers):
        if (found := read(lines, at + 1, len(lines))) is not None:
            return read, at, found
    for at, read in product(asked or [len(lines)], readers):
        found = read(lines, 0, at)
        if found is not None and (not asked or _near(lines[found[1] : at])):
            return read, None, found
    return None


def _lettered(lines: Sequence[str]) -> _Found | None:
    """A question at the end of the screen that is answered with a letter; it may be wrapped."""
    last = next((index for index in range(len(lines) - 1, -1, -1) if lines[index].strip()), -1)
    for top in range(last, max(last - 3, -1), -1):
        options = buttons.letters(" ".join(line.strip() for line in lines[top : last + 1]))
        if options:
            return None, None, (top, last + 1, options, 0)
    return None


def _near(between: Sequence[str]) -> bool:
    return sum(bool(line.strip(_SIDES)) for line in between) <= _NEAR


def _numbered(lines: Sequence[str], first: int, last: int) -> _List | None:
    """The last list of numbers from 1 on that has a mark and stands in one column."""
    found: _List | None = None
    run: list[Option] = []
    top = marked = column = 0
    for index in range(first, last):
        match = _LINE.match(lines[index])
        number = int(match["number"]) if match is not None and match["number"] else 0
        if match is not None and number == 1:
            run, top, marked, column = [], index, 0, match.start("number")
        if match is None or not run or number:
            if match is None or number != len(run) + 1 or match.start("number") != column:
                continue
            run.append(_option(match["label"]))
            marked = number if match["mark"] else marked
            if len(run) > 1 and (marked or _PLAIN_LIST.search("\n".join(lines[index:last]))):
                found = top, index + 1, tuple(run), marked
        elif not (_is_rule(lines[index]) or _begins(lines[index]) >= column):
            run = []
    return found


def _in_row(lines: Sequence[str], first: int, last: int) -> _List | None:
    for index in range(last - 1, first - 1, -1):
        if options := buttons.row(lines[index]):
            return index, index + 1, options, 0
    return None


def _marked(lines: Sequence[str], first: int, last: int) -> _List | None:
    """The lines around the last marked one whose text begins in the same column."""
    for index in range(last - 1, first - 1, -1):
        match = _LINE.match(lines[index])
        if match is None or not match["mark"] or match["mark"][0] not in "❯›":
            continue
        column = match.start("label")
        top, end = index, index + 1
        while top > first and _begins(lines[top - 1]) == column:
            top -= 1
        while end < last and _begins(lines[end]) == column:
            end += 1
        if end - top < 2:
            continue
        options = tuple(_option(line[column:].strip(_SIDES)) for line in lines[top:end])
        return top, end, options[:_OPTIONS_MAX], index - top + 1
    return None


def _option(label: str) -> Option:
    is_chosen = label.endswith(_CHOSEN)
    keys = "Escape" if _BY_ESCAPE.search(label) else ""
    return Option(label.removesuffix(_CHOSEN).strip()[:_TEXT_MAX], CHOSEN if is_chosen else "", keys=keys)


def _begins(line: str) -> int:
    """The column in which its text begins, within the sides of a box; -1 where it has none."""
    text = line.lstrip(_SIDES)
    return len(line) - len(text) if text else -1


def _is_rule(line: str) -> bool:
    return set(line) <= _RULE


def _about(lines: Sequence[str], asked: int | None) -> str:
    """What stands between the question and its options; where nothing does, or a box is around both, what stands right
    above them."""
    is_boxed = asked is not None and lines[asked].lstrip()[:1] in ("│", "┃")
    if asked is None or is_boxed or all(_is_rule(line) for line in lines[asked + 1 :]):
        return _above(lines)
    return _above(lines[asked:])


def _above(lines: Sequence[str]) -> str:
    """The last paragraphs, down from a line that is drawn or tells what was done before; a line that is drawn around a
    part of them is left out."""
    kept: list[str] = []
    for line in reversed(lines[-_ABOVE:]):
        if _SPOKEN.match(line):
            break
        if _is_rule(line) and _DRAWN & set(line):
            is_inner = line.strip()[:1] in "│┃" and "─" in line and bool(set("╭╰┌└") & set(line))
            if sum(map(bool, kept)) > 1 and not is_inner:
                break
            continue
        kept.insert(0, line.strip(" │┃"))
    return "\n".join(kept).strip()[:_ABOUT_MAX]
