"""What a person has to know who is to help an agent, in one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from agentdeck.core.agents.agent import Fault, Result, State
from agentdeck.core.frozen import dataclass
from agentdeck.core.question import Asks, Question
from agentdeck.core.text.patterns import late

_CALL = late(r"(?:\[[^\]]*\] )?(?P<tool>[A-Za-z_][\w.-]*): (?P<what>.+)")
_SAID = frozenset({"you", "agent", "thinks", "answered", "error", "asks", "denied", "agentdeck", "sub-agent"})
_FAILED = late(r"(?:\[[^\]]*\] )?(?:[A-Za-z_][\w.-]* failed\b|error: |denied\b)")
_TEST = late(r"\b(?:test|tests|pytest|jest|vitest|check|lint|mypy|ruff|tsc|cargo|gradle|mvn|make|tox|build)\b")
_SHOWN = 8
_FAILURES = 2


@dataclass(frozen=True, slots=True)
class Tried:
    """What the log says that the agent did."""

    tools: tuple[tuple[str, int], ...] = ()
    """Each tool and how often it was used, the most used first."""
    tests: tuple[str, ...] = ()
    """The last commands that look like tests, each with how it went."""
    errors: tuple[str, ...] = ()
    """The last failures, errors and denials."""
    last: tuple[str, ...] = ()
    """The last lines, where it tells of no tools."""


@dataclass(frozen=True, slots=True)
class Brief:
    agent: str
    state: State
    why: str
    """Why it needs a person; empty where it does not."""
    task: str
    question: Question | None
    tried: Tried
    changes: str
    """A table of the files, as git makes it."""
    environment: tuple[tuple[str, str], ...]
    next_steps: tuple[str, ...]

    def lines(self) -> list[str]:
        told = [f"{self.agent} is {self.state}{f': {self.why}' if self.why else ''}", "", *_part("Task", [self.task])]
        if self.question is not None:
            about = [line for part in (self.question.subject, self.question.detail) for line in part.splitlines()]
            options = [f"{number} {each.label}" for number, each in enumerate(self.question.options, 1)]
            told += _part("Question", [self.question.text, *about[:_SHOWN], *options])
        used = ", ".join(f"{tool} {count}×" for tool, count in self.tried.tools)
        told += _part("Tools used", [used] if used else [])
        told += _part("Tests", self.tried.tests)
        told += _part("Errors", self.tried.errors)
        told += _part("Last output", self.tried.last)
        told += _part("Changes", self.changes.splitlines() or ["none"])
        told += _part("Environment", [f"{key}: {value}" for key, value in self.environment if value])
        return [*told, "Next steps:", *(f"  {step}" for step in self.next_steps)]


def _part(title: str, lines: Sequence[str]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for text in lines for line in text.splitlines()), ""] if lines else []


def tried(lines: Iterable[str], *, has_tools: bool = True) -> Tried:
    """Read the lines of an agent's log, without those of its runner; `has_tools` says whether it is a transcript's."""
    kept = [line for line in lines if line.strip()]
    if not has_tools:
        return Tried(last=tuple(kept[-_SHOWN:]))
    tools, tests, errors = Counter[str](), list[str](), list[str]()
    for index, line in enumerate(kept):
        call = _CALL.fullmatch(line)
        if _FAILED.match(line):
            errors.append(line)
        elif call is not None and call["tool"] not in _SAID:
            tools[call["tool"]] += 1
            if _TEST.search(call["what"]):
                after = kept[index + 1] if index + 1 < len(kept) else ""
                tests.append(f"{call['what']}{' → failed' if _FAILED.match(after) else ''}")
    last = () if tools else tuple(kept[-_SHOWN:])
    return Tried(tuple(tools.most_common(_SHOWN)), tuple(tests[-_SHOWN:]), tuple(errors[-_SHOWN:]), last)


def why_needed(state: State, reason: str, fault: Fault, result: Result, failures: int) -> str:
    """Why an agent that stands like this needs a person, in a phrase; empty where it needs none. `failures` is how
    often it has failed since it was done last."""
    if state is State.WAITING:
        asks = "" if fault is Fault.PROVIDER else "asks you: " if reason else "asks you"  # a silent one asks nothing
        return f"{asks}{reason}"
    if fault is Fault.BUDGET:
        return "its budget is spent"
    if state is State.FAILED and failures >= _FAILURES:
        return f"failed {failures} times: {reason}"
    if state is State.FAILED:
        return f"gave up: {reason}" if reason else "gave up"
    if result in (Result.ASKED, Result.DENIED, Result.UNSERVED):
        return reason or str(result)
    return ""


def next_steps(name: str, state: State, question: Question | None, fault: Fault, *, alive: bool) -> tuple[str, ...]:
    """Commands that may come next, the likeliest first."""
    steps: list[str] = []
    if state is State.WAITING and question is not None:
        words = "--text “…”" if question.kind is Asks.TEXT else "1" if question.options else "yes"
        steps.append(f"agentdeck answer {name} {words}")
    if fault in (Fault.LIMITED, Fault.PROVIDER, Fault.AUTH):
        steps.append(f"agentdeck failover {name}")
    if fault is Fault.BUDGET:
        steps.append("agentdeck spend --by agent")
    steps += [f"agentdeck diff {name}", f"agentdeck attach {name}" if alive else f"agentdeck logs {name}"]
    if not alive and state is not State.LANDED:
        steps.append(f"agentdeck resume {name} “…”")
    if state is State.DONE:
        steps.append(f"agentdeck merge {name}")
    return tuple(steps)
