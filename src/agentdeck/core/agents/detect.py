"""What an agent's screen, and the end of its process, say about its state. Standard library only, for the runner."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from agentdeck.core.agents.agent import Fault, State
from agentdeck.core.agents.orders import Detectors, Outcome
from agentdeck.core.text.patterns import late

_REASON_MAX = 120
"""Characters of a reason that a table can still show."""
_NEAR = 400
"""Characters around a match that may belong to the same message."""

_BELOW = 4
"""Lines at most of one message that a pattern matches."""

_BROKE_OFF = late(r"AgentDeck:\s[^;]{1,200};\s+the\s+answer\s+is\s+incomplete")


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


def detect(screen: str, detectors: Detectors) -> tuple[State, str] | None:
    """The state that the text on a screen shows, with a reason where there is one; None where nothing is known."""
    for state, patterns in (
        (State.WAITING, (*detectors.waiting, *detectors.at_limit)),
        (State.LIMITED, detectors.limited),
        (State.FAILED, detectors.failed),
        (State.WORKING, detectors.working),
        (State.DONE, detectors.done),
    ):
        for pattern in patterns:
            if (match := _compiled(pattern).search(screen)) is not None:
                return state, "" if state in (State.WORKING, State.DONE) else reason_of(match)
    return None


def reason_of(match: re.Match[str]) -> str:
    """The group `reason` of a match, or the whole line that it lies in."""
    text = match.groupdict().get("reason")
    if text is None:
        start = match.string.rfind("\n", 0, match.start()) + 1
        end = match.string.find("\n", match.end())
        text = match.string[start : end if end >= 0 else None]
    text = " ".join(text.split()).strip("│┃|╭╮╰╯─ ")
    return text if len(text) <= _REASON_MAX else text[: _REASON_MAX - 1] + "…"


def around(text: str, patterns: Sequence[str]) -> str:
    """The words at the last place in `text` that one of `patterns` matches: its line, as far as it is near, and the two
    below, into which a narrow screen breaks it. Empty where none matches."""
    matches = (match for pattern in patterns for match in _compiled(pattern).finditer(text))
    last = max(matches, key=lambda match: match.end(), default=None)
    if last is None:
        return ""
    start = max(text.rfind("\n", 0, last.start()) + 1, last.start() - _NEAR)
    end = last.end()
    for _ in range(3):
        found = text.find("\n", end + 1)
        end = found if found >= 0 else len(text)
    return text[start : min(end, last.end() + _NEAR)]


def count(text: str, patterns: Sequence[str]) -> int:
    """At how many lines of `text` the patterns match, each taken for the last one with the few below it: a pattern may
    want to be that."""
    ends = [match.start() for match in re.finditer(r"\n|\Z", text)]
    found, at = 0, 0
    for number, end in enumerate(ends):
        found += any(
            (match := _compiled(pattern).search(text, at, last)) is not None and match.start() <= end
            for last in ends[number : number + _BELOW]
            for pattern in patterns
        )
        at = end + 1
    return found


def broke_off(text: str) -> bool:
    """Whether a screen shows what the gateway writes at the end of an answer that broke off."""
    return _BROKE_OFF.search(text) is not None


def fault_shown(text: str, outcome: Outcome) -> Fault:
    """The provider's fault that a screen tells of; NONE where it tells of none."""
    for fault, patterns in _provider_faults(outcome):
        if any(_compiled(pattern).search(text) for pattern in patterns):
            return fault
    return Fault.NONE


def _provider_faults(outcome: Outcome) -> tuple[tuple[Fault, tuple[str, ...]], ...]:
    return (Fault.LIMITED, outcome.limited), (Fault.AUTH, outcome.auth), (Fault.PROVIDER, outcome.provider)


def judge(code: int, output: str, outcome: Outcome) -> tuple[State, Fault, str]:
    """How a process ended that exited with `code`, minus a signal's number, having printed `output` at the last."""
    if code in outcome.ok_codes and any(_compiled(pattern).search(output) for pattern in outcome.finished):
        return State.DONE, Fault.NONE, ""
    for fault, patterns in (*_provider_faults(outcome), (Fault.CRASHED, outcome.failed)):
        for pattern in patterns:
            if (match := _compiled(pattern).search(output)) is not None:
                return State.FAILED, fault, reason_of(match)
    if code < 0:
        return State.FAILED, Fault.CRASHED, f"killed by signal {-code}"
    if code not in outcome.ok_codes:
        return State.FAILED, Fault.CRASHED, f"exited with {code}"
    if outcome.success and not any(_compiled(pattern).search(output) for pattern in outcome.success):
        return State.FAILED, Fault.CRASHED, "ended without reporting that it finished"
    return State.DONE, Fault.NONE, ""
