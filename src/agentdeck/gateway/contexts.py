"""How much each model holds, and whether a request fits: so that no target is asked for what it can't read.

Sizes come from the configuration, from what a provider said of one that was too long, from local servers, or from the
published lists, in this order. Who knows none is never passed over.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from agentdeck.core.frozen import dataclass
from agentdeck.gateway import bodies
from agentdeck.system.gateway import modelservers, pricing
from agentdeck.system.gateway.tokens import Bearer

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import ProviderConfig
    from agentdeck.gateway.calls import ProviderCall

_ASK_AGAIN = 60.0
"""Seconds for which a local server's answer holds."""
_SPARE = 1.1
"""An estimate can be too low by so much."""
_ANSWER_MAX = 8_192
"""Tokens of an answer for which there has to be room, however many more the request allows."""
_LEAST_ANSWER = 1_024
_OUTPUTS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


@dataclass(frozen=True, slots=True)
class Fit:
    """A request beside a model that is known to hold `size` tokens."""

    prompt: int
    size: int
    fits: bool
    output: tuple[str, int] | None = None
    """The key of the answer's limit, and the number that there is room for, where the request asks for more."""


class Contexts:
    """One for the whole process."""

    def __init__(self) -> None:
        self._learned: dict[tuple[str, str], int] = {}
        self._asked: dict[tuple[str, str], tuple[float, int]] = {}
        self._ratios: dict[Bearer, float] = {}
        """Tokens that each byte of an agent's requests was, as the last answer said."""

    def learn_size(self, provider: ProviderConfig, model: str, size: int) -> None:
        if size > 0:
            self._learned[provider.base_url, model] = size

    def learn_count(self, bearer: Bearer, call: ProviderCall, prompt: int) -> None:
        """The prompt of `call` was so many tokens."""
        if prompt > 1_000 and call.body:
            self._ratios[bearer] = prompt / len(call.body)

    async def size(self, provider: ProviderConfig, model: str) -> int:
        """Tokens that prompt and answer may have together; 0 where nobody knows."""
        known = provider.contexts.get(model) or self._learned.get((provider.base_url, model))
        if known:
            return known
        if not provider.local:
            return pricing.context_of(model, provider.base_url)
        at, found = self._asked.get((provider.base_url, model), (0.0, 0))
        if time.monotonic() > at + _ASK_AGAIN or not at:
            found = await asyncio.to_thread(modelservers.context_of, provider.base_url, model)
            self._asked[provider.base_url, model] = time.monotonic(), found
        return found

    def estimate(self, bearer: Bearer, call: ProviderCall) -> int:
        ratio = self._ratios.get(bearer)
        return int(len(call.body) * ratio) if ratio else bodies.estimated_tokens(call.document)

    async def fit(self, bearer: Bearer, call: ProviderCall, provider: ProviderConfig, model: str) -> Fit | None:
        """How `call` fits; None where it surely does, or nobody knows."""
        size = await self.size(provider, model)
        asked = [(key, value) for key in _OUTPUTS if isinstance(value := call.document.get(key), int)]
        output = max((value for _, value in asked), default=0)
        if not size or len(call.body) / 2 + output < size:
            return None
        prompt = self.estimate(bearer, call)
        room = size - int(prompt * _SPARE)
        lowered = (asked[0][0], max(room, _LEAST_ANSWER)) if asked and output > room else None
        return Fit(prompt, size, room >= min(output, _ANSWER_MAX), lowered)
