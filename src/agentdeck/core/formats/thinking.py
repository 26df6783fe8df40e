"""How much a model is to think, in each provider's words."""

from __future__ import annotations

from agentdeck.core.formats.ir import EFFORTS

_BUDGETS = {"minimal": 512, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 32_768, "max": 128_000}
SMALLEST_BUDGET = 1_024


def nearest(effort: str, known: tuple[str, ...]) -> str:
    """The level of `known` that is nearest to `effort`, rather less than more; empty where none is known."""
    if not effort or not known or effort not in EFFORTS:
        return ""
    at = EFFORTS.index(effort)
    return min(known, key=lambda level: (abs(EFFORTS.index(level) - at), EFFORTS.index(level)))


def budget(effort: str) -> int:
    return _BUDGETS.get(effort, 0)


def effort_of_budget(tokens: int) -> str:
    """The level whose budget is the first to hold `tokens`."""
    return next((level for level, most in _BUDGETS.items() if tokens <= most), "max")
