"""What agent CLIs report of their own use when nothing of ours stands between them and their provider."""

from __future__ import annotations

import json
from typing import Any

from agentdeck.core.frozen import dataclass
from agentdeck.core.providers.token_usage import Usage

MARKS = ('"type":"result"', '"type": "result"', '"type":"turn.completed"', '"type": "turn.completed"')
"""One of these is in every line that reports something."""


@dataclass(frozen=True, slots=True)
class OwnResult:
    model: str
    """Empty where it is not told."""
    usage: Usage
    cost: float | None
    """In US dollars, as the CLI reckons it; None where it does not."""


def read_result(line: str) -> list[OwnResult]:
    """What one line of headless output reports: Claude Code's `result`, Codex's `turn.completed`; else []."""
    if not any(mark in line for mark in MARKS):
        return []
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return []
    if not isinstance(data, dict):
        return []
    usage = data.get("usage")
    if data.get("type") == "turn.completed" and isinstance(usage, dict):
        cached = _count(usage, "cached_input_tokens")
        return [
            OwnResult("", Usage(_count(usage, "input_tokens") - cached, _count(usage, "output_tokens"), cached), None)
        ]
    models = data.get("modelUsage")
    if data.get("type") == "result" and isinstance(models, dict):
        return [_claude(model, used) for model, used in models.items() if isinstance(used, dict)]
    return []


def _claude(model: str, used: dict[str, Any]) -> OwnResult:
    names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
    cost = used.get("costUSD")
    return OwnResult(
        model,
        Usage(*(_count(used, name) for name in names)),
        float(cost) if isinstance(cost, int | float) else None,
    )


def _count(fields: dict[str, Any], key: str) -> int:
    value = fields.get(key)
    return value if isinstance(value, int) and value > 0 else 0
