"""Token counts as the servers report them, in one shape for all formats."""

from __future__ import annotations

from typing import Any

from agentdeck.core.frozen import dataclass
from agentdeck.core.providers.apis import Api


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, or of several. `input` is what was not in the cache."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def prompt(self) -> int:
        """Of the whole prompt, as all providers count it: cached or not."""
        return self.input + self.cache_read + self.cache_write

    @property
    def total(self) -> int:
        """Of prompt and answer, as budgets count them."""
        return self.prompt + self.output

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
        )

    def updated(self, newer: Usage) -> Usage:
        """The counts so far with those of a later event, which are totals and not additions."""
        return Usage(
            max(self.input, newer.input),
            max(self.output, newer.output),
            max(self.cache_read, newer.cache_read),
            max(self.cache_write, newer.cache_write),
        )


NOTHING = Usage()


def of_document(api: Api, document: Any) -> Usage:
    """The counts in an answer, or in one event of a stream; zeros where it has none."""
    if not isinstance(document, dict):
        return NOTHING
    for key in ("message", "response"):
        if isinstance(inner := document.get(key), dict) and "usage" in inner:
            document = inner
    if api is Api.GEMINI:
        return _of_gemini(document.get("usageMetadata"))
    usage = document.get("usage")
    if not isinstance(usage, dict):
        return NOTHING
    if api is Api.MESSAGES:
        return Usage(
            _count(usage, "input_tokens"),
            _count(usage, "output_tokens"),
            _count(usage, "cache_read_input_tokens"),
            _count(usage, "cache_creation_input_tokens"),
        )
    asked, answered, details = ("prompt_tokens", "completion_tokens", "prompt_tokens_details")
    if api is Api.RESPONSES:
        asked, answered, details = ("input_tokens", "output_tokens", "input_tokens_details")
    inner = usage.get(details)
    cached = _count(inner, "cached_tokens") if isinstance(inner, dict) else 0
    return Usage(max(_count(usage, asked) - cached, 0), _count(usage, answered), cached)


def _of_gemini(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return NOTHING
    cached = _count(usage, "cachedContentTokenCount")
    output = _count(usage, "candidatesTokenCount") + _count(usage, "thoughtsTokenCount")
    return Usage(max(_count(usage, "promptTokenCount") - cached, 0), output, cached)


def _count(fields: dict[str, Any], key: str) -> int:
    value = fields.get(key)
    return value if isinstance(value, int) and value >= 0 else 0
