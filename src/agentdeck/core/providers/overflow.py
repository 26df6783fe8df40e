"""How providers say that a prompt is larger than the model's context, and how much of it they say."""

from __future__ import annotations

import re

from agentdeck.core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Overflow:
    """Tokens; 0 where the provider did not say."""

    prompt: int = 0
    limit: int = 0


_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "model_max_prompt_tokens_exceeded"})
_N, _L = r"(?P<prompt>[\d,]+)", r"(?P<limit>[\d,]+)"
_TEXTS = tuple(
    re.compile(text, re.IGNORECASE)
    for text in (
        rf"prompt is too long(?:\D*{_N}\s*tokens?\s*>\s*{_L})?",
        rf"input token count \(?{_N}\)? exceeds the maximum number of tokens allowed \(?{_L}",
        rf"maximum context length is {_L} tokens(?:\D*{_N})?",
        rf"prompt tokens \({_N}\) exceed model maximum \({_L}\)",
        rf"maximum prompt length is {_L} but the request contains {_N}",
        rf"too large for model with {_L} maximum context length",
        rf"exceeded model token limit: {_L}(?: \(requested: {_N}\))?",
        rf"prompt token count of {_N} exceeds the limit of {_L}",
        rf"current length is {_N} while limit is {_L}",
        rf"request \({_N} tokens\) exceeds the available context size \({_L} tokens\)",
        r"exceeds? the (?:model's )?context (?:window|length|size)",
        r"context window exceeds limit",
        r"input is too long for requested model",
        r"reduce the length of the (?:messages|prompt|input)",
        r"greater than the context length",
    )
)
_SIZES = {name: re.compile(rf'"{name}"\s*:\s*(\d+)') for name in ("n_prompt_tokens", "n_ctx")}


def overflow(codes: frozenset[str] | set[str], message: str, raw: str = "") -> Overflow | None:
    """The overflow that an error with these codes and this message tells of; None where it is about something else."""
    if "string_above_max_length" in codes:
        return None
    found = next((match for text in _TEXTS if (match := text.search(message))), None)
    if found is None and not codes & _CODES:
        return None
    sizes = {name: int(text.replace(",", "")) for name, text in (found.groupdict() if found else {}).items() if text}
    prompt, limit = (int(match[1]) if (match := size.search(raw)) else 0 for size in _SIZES.values())
    return Overflow(sizes.get("prompt", prompt), sizes.get("limit", limit))
