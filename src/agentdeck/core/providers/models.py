"""What a model can do, by its name, as far as that changes how a request to it is written.

The names age in weeks: a pattern covers a family, and an unknown model gets the careful defaults.
"""

from __future__ import annotations

import re
from typing import Literal

from agentdeck.core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class ModelFacts:
    efforts: tuple[str, ...] = ()
    """The levels of thinking that can be asked for; none: the request says nothing of it."""
    thinking: Literal["", "adaptive", "budget"] = ""
    """How Claude and Gemini models are told how much to think."""
    sampling: bool = True
    """Whether it takes `temperature` and its like."""
    stops: bool = True
    """Whether it takes stop texts."""
    output: int = 0
    """The most tokens of an answer; 0: unknown."""
    pictures: bool = True
    forced_tools: bool = True
    """Whether it can be made to call a tool."""
    reasoning: Literal["", "kept", "wanted"] = ""
    """Of Chat: whether earlier `reasoning_content` may be sent back, or has to be."""


_LOW_TO_MAX = ("low", "medium", "high", "max")
_LOW_TO_XHIGH = ("low", "medium", "high", "xhigh", "max")
_GPT = ("none", "low", "medium", "high", "xhigh")
_SPARSE = ("low", "high", "max")

_FAMILIES: tuple[tuple[str, ModelFacts], ...] = (
    (r"claude-fable-5", ModelFacts(_LOW_TO_XHIGH, "adaptive", sampling=False, output=128_000, forced_tools=False)),
    (r"claude-(?:opus|sonnet|haiku)-5", ModelFacts(_LOW_TO_XHIGH, "adaptive", sampling=False, output=128_000)),
    (r"claude-opus-4-[7-9]", ModelFacts(_LOW_TO_XHIGH, "adaptive", sampling=False, output=128_000)),
    (r"claude-(?:opus|sonnet)-4-6", ModelFacts(_LOW_TO_MAX, "adaptive", output=64_000)),
    (r"claude-opus-4-5", ModelFacts(_LOW_TO_MAX, "budget", output=64_000)),
    (r"claude-opus-4", ModelFacts(_LOW_TO_MAX, "budget", output=32_000)),
    (r"claude-(?:sonnet|haiku)-4|claude-3-7", ModelFacts(_LOW_TO_MAX, "budget", output=64_000)),
    (r"claude-3-5", ModelFacts(output=8_192)),
    (r"claude-(?:3|2)", ModelFacts(output=4_096)),
    (r"gpt-5-pro|gpt-5-codex", ModelFacts(("low", "medium", "high"), sampling=False, stops=False, output=128_000)),
    (r"gpt-5(?!\.)", ModelFacts(("minimal", "low", "medium", "high"), sampling=False, stops=False, output=128_000)),
    (r"gpt-(?:5\.|[6-9])", ModelFacts(_GPT, sampling=False, stops=False, output=128_000)),
    (r"o[1-9](?:-|$)", ModelFacts(("low", "medium", "high"), sampling=False, stops=False, output=100_000)),
    (r"gpt-4\.1", ModelFacts(output=32_768)),
    (r"gpt-4o|chatgpt-4o", ModelFacts(output=16_384)),
    (r"gpt-4-turbo|gpt-4-vision", ModelFacts(output=4_096)),
    (r"gpt-oss", ModelFacts(("low", "medium", "high"), pictures=False, reasoning="kept")),
    (r"gemini-2\.5", ModelFacts(("none", "low", "medium", "high"), "budget", output=65_536)),
    (r"gemini-3", ModelFacts(("minimal", "low", "medium", "high"), "adaptive", output=65_536)),
    (r"gemini-2", ModelFacts(output=8_192)),
    (r"deepseek", ModelFacts(_SPARSE, pictures=False, reasoning="wanted", output=65_536)),
    (r"glm-", ModelFacts(_SPARSE, reasoning="kept")),
    (r"kimi-", ModelFacts(_SPARSE, sampling=False, reasoning="wanted")),
    (r"qwen-?3|qwq", ModelFacts(reasoning="kept")),
    (r"codellama|starcoder|codestral|devstral", ModelFacts(pictures=False)),
)
_PATTERNS = tuple((re.compile(rf"(?:^|[/:.]){pattern}", re.IGNORECASE), facts) for pattern, facts in _FAMILIES)


def facts_of(model: str) -> ModelFacts:
    return next((facts for pattern, facts in _PATTERNS if pattern.search(model)), ModelFacts())
