"""Advice on what agents are told: tasks, and files such as AGENTS.md. Rules by patterns, never by a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import StrEnum

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.secrets import masked


class Level(StrEnum):
    WARN = "warn"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class Advice:
    rule: str
    level: Level
    line: int
    """From 1."""
    text: str


FAST = ("routine", "local")
"""Tiers whose models follow a list of steps to the letter."""
_LINES_MAX, _WORDS_MAX = 200, 1500
_STEPS_MIN = 3
_CAPITALS_MIN = 4
_DEEDS = "fix|add|remove|rename|replace|update|write|implement|delete|move|make|support|document|translate|upgrade"
_OUTCOME = re.compile(
    r"\b(?:pass(?:es)?|works?|exits?|prints?|returns?|shows?|fails?|exists?|green|is|are|has|have|must|should|so that"
    rf"|until|{_DEEDS})\b",
    re.IGNORECASE,
)
_VERIFY = re.compile(
    r"`[^`]+`|\b(?:tests?|pytest|npm|cargo|lint|build|check|verify|passes|[\w-]+\.(?:py|ts|js|go|rs|md|toml|json|sh))\b"
    r"|[\w.-]+/[\w./-]+",
    re.IGNORECASE,
)
_STEP = re.compile(r"^\s*(?:\d+[.)]\s|step \d|(?:first|second|third|then|next|after that|finally)\b)", re.IGNORECASE)
_TREE = re.compile(r"^\s*(?:[│├└]|\|--|`--)")
_VAGUE = re.compile(
    r"\b(?:clean code|best practices?|be careful|high[- ]quality|production[- ]ready|scalable|step by step)\b",
    re.IGNORECASE,
)
_ROLE = re.compile(r"\byou are (?:an?|the) (?:expert|senior|world[- ]class|experienced|10x|brilliant)\b", re.IGNORECASE)
_CAPITALS = re.compile(r"\b(?:ALWAYS|NEVER|MUST|IMPORTANT|CRITICAL|DO NOT)\b")
_AGAINST = {
    r"git\s+push\b": "the deck lands and pushes for agents",
    r"git\s+worktree\b": "each agent has a worktree of its own already",
    r"git\s+(?:checkout|switch)\s+(?:main|master)\b": "an agent stays on its own branch",
    r"\b(?:port\s+3000|localhost:3000|:3000)\b": "each agent has ports of its own, in PORT",
    r"\brm\s+-rf?\s+[/~]": "it deletes outside of the worktree",
}
_LISTED = re.compile(rf"^\s*(?:[-*]|\d+[.)])\s+(?:{_DEEDS})\b", re.IGNORECASE)
_PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]+|[\w-]+\.(?:py|ts|tsx|js|go|rs|md|toml|json|sh|yml|yaml))`")


def lint(
    text: str, *, is_task: bool, tier: str = "", exists: Callable[[str], bool] = lambda path: True
) -> list[Advice]:
    """All advice in the order of lines; `exists` says whether a path of the repository is there."""
    found = list(_anywhere(text, exists))
    found += _of_task(text, tier) if is_task else _of_file(text)
    return sorted(found, key=lambda advice: (advice.line, advice.rule))


def _anywhere(text: str, exists: Callable[[str], bool]) -> Iterator[Advice]:
    for number, line in enumerate(text.splitlines(), 1):
        if (vague := _VAGUE.search(line)) is not None:
            yield Advice("vague", Level.HINT, number, f"“{vague[0]}” can't be checked: say what is true then")
        if _ROLE.search(line):
            yield Advice("role", Level.HINT, number, "a role changes nothing: say what you want")
        for pattern, why in _AGAINST.items():
            if re.search(pattern, line):
                yield Advice("against-deck", Level.WARN, number, f"{why}: leave it out")
        if masked(line) != line:
            yield Advice("secret", Level.WARN, number, "this looks like a secret, and every agent and log gets it")
        for path in _PATH.findall(line):
            if not exists(path):
                yield Advice("no-such-path", Level.WARN, number, f"{path} is not in the repository")
    if len(_CAPITALS.findall(text)) >= _CAPITALS_MIN:
        yield Advice("capitals", Level.HINT, 1, "many words in capitals: keep them for the one rule that matters")


def _of_task(text: str, tier: str) -> Iterator[Advice]:
    if not _OUTCOME.search(text):
        yield Advice("no-outcome", Level.WARN, 1, "say what is true when it is done")
    if not _VERIFY.search(text):
        yield Advice("no-check", Level.WARN, 1, "name a command, a test or a file by which it can be checked")
    steps = [number for number, line in enumerate(text.splitlines(), 1) if _STEP.match(line)]
    if len(steps) >= _STEPS_MIN:
        level = Level.WARN if tier in FAST else Level.HINT
        yield Advice("steps", level, steps[0], "a list of steps: state the outcome, and let the agent find the way")
    listed = [number for number, line in enumerate(text.splitlines(), 1) if _LISTED.match(line)]
    if len(listed) >= _STEPS_MIN:
        yield Advice("several", Level.HINT, listed[0], "several tasks: “agentdeck run -f TASKS” runs them side by side")


def _of_file(text: str) -> Iterator[Advice]:
    lines = text.splitlines()
    if (tree := next((number for number, line in enumerate(lines, 1) if _TREE.match(line)), None)) is not None:
        yield Advice("tree", Level.WARN, tree, "agents find folders by themselves: a tree costs tokens in each request")
    if len(lines) > _LINES_MAX or len(text.split()) > _WORDS_MAX:
        yield Advice(
            "long", Level.WARN, 1, f"{len(lines)} lines: every request pays for them; keep what can't be found out"
        )
