"""Requests of our own that ask whether a provider serves: as small as they can be."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict, CIMultiDictProxy

from agentdeck.core.frozen import dataclass, field, replace
from agentdeck.core.providers import faults
from agentdeck.core.providers.apis import PATHS, Api
from agentdeck.core.providers.faults import FaultKind
from agentdeck.gateway import bodies
from agentdeck.gateway.board import Board, BoardPlace
from agentdeck.gateway.calls import ProviderCall
from agentdeck.gateway.upstream import AttemptFailed, Patience, ProviderClient

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import GatewayConfig, ProviderConfig

_HEADERS = CIMultiDictProxy(CIMultiDict({"Content-Type": "application/json", "anthropic-version": "2023-06-01"}))
_SAY = "Say ok."
_GEMINI: dict[str, Any] = {
    "contents": [{"role": "user", "parts": [{"text": _SAY}]}],
    "generationConfig": {"maxOutputTokens": 16},
}
_KEPT = ("model", "system", "instructions", "store")


def tiny(api: Api, model: str, *, stream: bool = False) -> ProviderCall:
    """A request that needs nothing but a key."""
    if api is Api.GEMINI:
        path = f"/models/{model}:{'streamGenerateContent' if stream else 'generateContent'}"
        body = bodies.encoded(_GEMINI)
        return ProviderCall(api, "POST", path, "alt=sse" if stream else "", _HEADERS, body, _GEMINI)
    document: dict[str, Any] = {"model": model, "stream": stream}
    if api is Api.RESPONSES:
        document |= {"input": _SAY, "max_output_tokens": 16}
    else:
        document |= {"messages": [{"role": "user", "content": _SAY}], "max_tokens": 16}
    return ProviderCall(api, "POST", PATHS[api], "", _HEADERS, bodies.encoded(document), document)


def like(call: ProviderCall) -> ProviderCall:
    """The beginning of `call` with next to nothing to answer: for logins that serve only what their own CLI sends."""
    if call.api is Api.GEMINI:
        return replace(call, document=_GEMINI, body=bodies.encoded(_GEMINI))
    kept = {key: call.document[key] for key in _KEPT if key in call.document}
    document: dict[str, Any] = {**kept, "stream": call.streams}
    if call.api is Api.RESPONSES:
        document["input"] = [{"role": "user", "content": [{"type": "input_text", "text": _SAY}]}]
    else:
        document |= {"messages": [{"role": "user", "content": _SAY}], "max_tokens": 16}
    return replace(call, document=document, body=bodies.encoded(document))


@dataclass(frozen=True, slots=True)
class Probe:
    """A request of our own to a provider that was paused."""

    call: ProviderCall
    provider: ProviderConfig
    model: str
    key: str = field(repr=False)
    place: BoardPlace


class Prober:
    """Finds out whether paused providers serve again, beside the requests that others serve meanwhile."""

    def __init__(self, upstream: ProviderClient, board: Board) -> None:
        self._upstream, self._board = upstream, board
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, probe: Probe, rules: GatewayConfig) -> None:
        claimed = time.monotonic()
        self._board.claim(probe.place, claimed)
        task = asyncio.create_task(self._run(probe, claimed, rules))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, probe: Probe, claimed: float, rules: GatewayConfig) -> None:
        place, most = probe.place, probe.provider.timeouts.content
        try:
            async with asyncio.timeout(most):
                patience = Patience(most, most, others=True)
                reply = await self._upstream.open(probe.call, probe.provider, probe.model, probe.key, patience)
            reply.response.close()
            self._board.succeeded(place, time.monotonic())
        except (AttemptFailed, TimeoutError) as failure:
            slow = faults.too_slow("no content", most)
            fault = failure.fault if isinstance(failure, AttemptFailed) else slow
            self._board.failed(place, fault, time.monotonic(), rules)
            if fault.holds:
                self._board.hold(place, fault, time.monotonic(), rules)
            elif fault.kind is not FaultKind.TRANSIENT:
                self._board.succeeded(place, time.monotonic())  # it serves; only this request is not to its liking
        finally:
            self._board.leave(place, claimed)

    async def close(self) -> None:
        """End what no client waits for."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
