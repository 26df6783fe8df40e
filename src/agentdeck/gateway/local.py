"""Model servers on this machine that the gateway can send requests to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from agentdeck.core.config.gateway import ProviderConfig
from agentdeck.core.providers.tiers import Target
from agentdeck.system.gateway import modelservers

_ASK_AGAIN = 30.0
"""Seconds for which an answer holds."""


class LocalServers:
    """Those that answer, asked at most every half minute, however many requests want to know it at once."""

    def __init__(self) -> None:
        self._asked: dict[tuple[tuple[str, str], ...], tuple[float, asyncio.Task[list[Target]]]] = {}

    async def targets(self, providers: Mapping[str, ProviderConfig]) -> list[Target]:
        """The first model of each local provider that answers, in the order of `providers`."""
        # By name and address, for decks may mean different servers by a name.
        key = tuple((name, provider.base_url) for name, provider in providers.items() if provider.local)
        asked = self._asked.get(key)
        if asked is None or time.monotonic() > asked[0] + _ASK_AGAIN:
            asked = self._asked[key] = time.monotonic(), asyncio.create_task(_ask(providers))
        return await asyncio.shield(asked[1])

    def forget(self) -> None:
        """Ask anew when it is wanted next."""
        self._asked.clear()


async def _ask(providers: Mapping[str, ProviderConfig]) -> list[Target]:
    found = await asyncio.to_thread(modelservers.offered, providers)
    return [Target(name, models[0]) for name, models in found.items() if models]
