"""Model servers on this machine, found by asking their ports."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp

from agentdeck.core.gateway_config import ProviderConfig
from agentdeck.core.routing import Target

PROBE_SECONDS = 1.0


async def discover(providers: Mapping[str, ProviderConfig]) -> list[Target]:
    """The first model of each local provider that answers, in the order of `providers`."""
    names = [name for name, provider in providers.items() if provider.local]
    timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        answers = await asyncio.gather(*(models(session, providers[name].base_url) for name in names))
    return [Target(name, offered[0]) for name, offered in zip(names, answers, strict=True) if offered]


async def models(session: aiohttp.ClientSession, base_url: str) -> list[str]:
    """The models that the server lists; none where it does not answer as a model server would."""
    try:
        async with session.get(f"{base_url}/models", allow_redirects=False) as response:
            document = await response.json(content_type=None) if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return []
    listed = document.get("data") if isinstance(document, dict) else None
    names = [entry.get("id") for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    return [name for name in names if isinstance(name, str) and name]
