"""The way back of one good answer: bytes as they come, what they cost, and a proper end."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from aiohttp import web

from agentdeck.core.providers import faults
from agentdeck.core.providers import token_usage as usage
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.faults import ProviderFault
from agentdeck.gateway import streams
from agentdeck.gateway.upstream import AttemptFailed, Reply, Waits, read

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import Timeouts


class Pump:
    """Passes one answer on. Afterwards `usage` holds its token counts and `fault` what was wrong with its end."""

    def __init__(self, request: web.Request, api: Api, reply: Reply, times: Timeouts) -> None:
        self._request = request
        self._api = api
        self._user_agent = request.headers.get("user-agent", "")
        self._reply = reply
        self._times = times
        self._complete = False
        self.usage = usage.NOTHING
        self.fault: ProviderFault | None = None

    async def run(self, provider: str) -> web.StreamResponse:
        """Pass all of it on; `provider` is the name for a message about its end.

        Raises ConnectionError, or is cancelled, when the client goes away.
        """
        reply = self._reply
        if reply.whole and reply.events is None:
            self._read_document(reply.plain)
            return web.Response(status=reply.response.status, headers=reply.headers, body=reply.held)
        answer = web.StreamResponse(status=reply.response.status, headers=reply.headers)
        await answer.prepare(self._request)
        if reply.events is None:
            await self._raw(answer)
        else:
            await self._events(answer, reply.events, provider)
        return answer

    def _read_document(self, body: bytes) -> None:
        try:
            self.usage = usage.of_document(self._api, json.loads(body))
        except (ValueError, RecursionError):
            return

    async def _raw(self, answer: web.StreamResponse) -> None:
        """What can't be looked into. If it breaks, so does the client's connection: nothing may look whole."""
        try:
            if self._reply.held:
                await answer.write(self._reply.held)
            while data := await read(self._reply.response, self._times.idle):
                await answer.write(data)
        except AttemptFailed as failure:
            self.fault = failure.fault
            if self._request.transport is not None:
                self._request.transport.abort()
            return
        await answer.write_eof()

    async def _events(self, answer: web.StreamResponse, cutter: streams.Events, provider: str) -> None:
        await self._pass(answer, self._reply.held)
        waits = Waits(self._api, self._times)
        waits.saw(self._reply.held)
        try:
            while not self._reply.whole and (data := await read(self._reply.response, waits.seconds)):
                block = cutter.feed(data)
                waits.saw(block)
                await self._pass(answer, block)
            rest = cutter.rest()
            if rest and self._seen(rest) and self._complete:
                await answer.write(rest)
            broken = None if self._complete else faults.unreachable("ended its stream too early")
        except AttemptFailed as failure:
            broken = None if self._complete else failure.fault
        if broken is not None:
            self.fault = broken
            message = f"AgentDeck: {provider} {broken.reason}; the answer is incomplete."
            await answer.write(streams.ending(self._api, message, self._user_agent))
        await answer.write_eof()

    async def _pass(self, answer: web.StreamResponse, block: bytes) -> None:
        if block and (block := self._seen(block)):
            await answer.write(block)

    def _seen(self, block: bytes) -> bytes:
        """Learn from these events; give back those that the client is to get."""
        if not streams.tells(self._api, block):
            return block
        kept: list[bytes] = []
        for raw in streams.events(block):
            event = streams.parsed(raw)
            self._complete = self._complete or streams.is_last(self._api, event)
            fault = faults.of_event(self._api, event.data, now=time.time())
            if fault is not None:
                self.fault = fault
                self._complete = True
                if streams.wants_bare_end(self._api, self._user_agent):
                    break
            self.usage = self.usage.updated(usage.of_document(self._api, event.data))
            if not (self._reply.usage_asked and streams.is_usage_only(event)):
                kept.append(raw)
        return b"".join(kept)
