"""Which tier a task should get, by rules over its text and its repository: no model is asked."""

from __future__ import annotations

import re
from collections.abc import Callable

from agentdeck.core.frozen import dataclass

ROUTINE, REASONING, DEEP = ORDER = ("routine", "reasoning", "deep")
_DEEP = re.compile(
    r"\b(?:architect\w*|re-?design|design (?:a|an|the)|root cause|race condition|dead-?locks?|concurren\w+|distributed"
    r"|protocols?|cryptograph\w*|security|vulnerabilit\w+|migrat(?:e|ion)\b.*\b(?:schema|database|all|framework)"
    r"|rewrite (?:the|all)|investigate|prove|trade-?offs?|from scratch|consisten(?:cy|t across))\b",
    re.IGNORECASE,
)
_PLAN = re.compile(
    r"\b(?:plan|decide|compare|refactor\w*|optimi[sz]e|performance|why|debug|flaky|intermittent\w*|integrate|extend"
    r"|implement|introduce|support for|several|across)\b",
    re.IGNORECASE,
)
_ROUTINE = re.compile(
    r"\b(?:typos?|rename|bump|format(?:ting)?|lint(?:er|ing)?|changelog|comments?|docstrings?|spelling|readme|docs?"
    r"|translat\w+|copyright|licen[cs]e|imports?|dead code|unused|dependenc(?:y|ies)|version|log message|wording)\b",
    re.IGNORECASE,
)
_PATH = re.compile(
    r"(?:[\w.-]+/)+[\w.-]+|\b[\w-]+\.(?:py|tsx?|jsx?|go|rs|java|rb|c|h|cc|cpp|md|toml|ya?ml|json|sh|sql|css)\b"
)
_LONG_WORDS, _MANY_FILES, _BIG = 250, 6, 5000


@dataclass(frozen=True, slots=True)
class Route:
    tier: str
    reasons: tuple[str, ...]


def route(task: str, *, files: int, exists: Callable[[str], bool] = lambda path: True) -> Route:
    """The tier, and why. `files` is how many the repository has, `exists` says whether a path is one of them."""
    named = sorted({path for path in _PATH.findall(task) if exists(path)})
    words = len(task.split())
    spoken = _PATH.sub(" ", task)
    deep, plan, routine = (_found(pattern, spoken) for pattern in (_DEEP, _PLAN, _ROUTINE))
    reasons = []
    if deep:
        reasons.append(f"says {_quoted(deep)}")
    if len(named) >= _MANY_FILES:
        reasons.append(f"names {len(named)} files")
    if words >= _LONG_WORDS:
        reasons.append(f"has {words} words")
    if reasons:
        return Route(DEEP if deep or len(reasons) > 1 else REASONING, tuple(reasons))
    if routine and not plan:
        told = [f"says {_quoted(routine)}, and no word of planning"]
        return Route(ROUTINE, tuple(told + [f"names {', '.join(named)}"] * bool(named)))
    if plan:
        told = [f"says {_quoted(plan)}"]
        if not named and files >= _BIG:
            return Route(DEEP, (*told, f"names no file, in a repository of {files}"))
        return Route(REASONING, tuple(told))
    if named and words < _LONG_WORDS // 4:
        return Route(ROUTINE, (f"is short and names {', '.join(named)}",))
    told = [f"names no file, in a repository of {files}"] if files >= _BIG and not named else []
    return Route(REASONING, tuple(told or ["says nothing that makes it plainly simple or hard"]))


def _found(pattern: re.Pattern[str], task: str) -> list[str]:
    return list(dict.fromkeys(each.lower() for each in pattern.findall(task)))


def _quoted(words: list[str]) -> str:
    return ", ".join(f"“{word}”" for word in words[:3])
