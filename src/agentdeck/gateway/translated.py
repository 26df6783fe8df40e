"""An attempt in another format than the client's: which format, what is sent, and the answer's way back."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from agentdeck.core.formats import seals, translate
from agentdeck.core.formats.answers.chat import ChatWriter
from agentdeck.core.formats.answers.writing import AnswerWriter
from agentdeck.core.formats.ir import CannotCarry, Dialect
from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.providers import faults, token_usage
from agentdeck.core.providers.apis import PATHS, Api
from agentdeck.core.providers.faults import ProviderFault
from agentdeck.core.providers.models import facts_of
from agentdeck.core.providers.tiers import Target
from agentdeck.gateway import bodies, streams
from agentdeck.gateway.calls import ProviderCall
from agentdeck.gateway.upstream import AttemptFailed, Reply, Waits, read
from agentdeck.system.files.files import from_json

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import ProviderConfig, Timeouts

PING_SECONDS = 15.0
"""After so long a silence of the provider's the client gets a sign of life, or it hangs up."""
_PING = {Api.MESSAGES: b'event: ping\ndata: {"type": "ping"}\n\n'}
_COMMENT = b": still at it\n\n"
_STREAM_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}


@dataclass(slots=True)
class Translation:
    """A request as its target takes it, and what is needed to translate the answer."""

    call: ProviderCall
    client: ProviderCall
    writer: Callable[[], AnswerWriter]
    left_out: tuple[str, ...]


def api_for(call: ProviderCall, provider: ProviderConfig) -> Api:
    """The format in which `provider` is asked: the client's own where it takes the request as it is, else its best."""
    if call.api not in provider.apis:
        return provider.apis[0]
    if provider.local and _exceeds(call, provider):
        return provider.apis[0]  # local servers are at their best in Chat, whatever else they offer
    return call.api


def needs_translation(call: ProviderCall, provider: ProviderConfig) -> bool:
    return api_for(call, provider) is not call.api or _exceeds(call, provider)


def _exceeds(call: ProviderCall, provider: ProviderConfig) -> bool:
    """Whether the request holds more of its format than the provider takes."""
    return call.api in provider.basic and call.is_inference and not translate.is_basic(call.api, call.document)


def translation(call: ProviderCall, provider: ProviderConfig, target: Target, *, blind: bool = False) -> Translation:
    """The request `call` for `target`, where `needs_translation` says so; `blind`: without pictures. Raise CannotCarry
    where it can't be said."""
    api = api_for(call, provider)
    model = target.model or call.model
    mark = seals.mark_of(api, provider.url(api))
    facts = replace(facts_of(model), pictures=False) if blind else facts_of(model)
    dialect = Dialect(api, api not in provider.basic, model, mark, facts, provider.local)
    try:
        request = translate.request_of(call.api, call.document)
        request.stream = call.streams
        written = translate.written(request, dialect)
    except CannotCarry:
        raise
    except Exception as error:
        raise CannotCarry(f"a part that AgentDeck failed to translate ({type(error).__name__})") from error
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream" if request.stream else "*/*"}
    if api is Api.MESSAGES:
        headers["anthropic-version"] = "2023-06-01"
    body = bodies.encoded(written.document)
    path, query = PATHS.get(api, ""), ""
    if api is Api.GEMINI:
        path = f"/models/{quote(model, safe='')}:{'streamGenerateContent' if request.stream else 'generateContent'}"
        query = "alt=sse" if request.stream else ""
    theirs = ProviderCall(
        api, "POST", path, query, CIMultiDictProxy(CIMultiDict(headers)), body, written.document, translated=True
    )

    def writer() -> AnswerWriter:
        found = translate.writer(call.api, written.tools, call.model or model, mark, secrets.token_hex(12))
        found.created = int(time.time())
        if isinstance(found, ChatWriter):
            found.counts = request.counts_usage
        return found

    return Translation(theirs, call, writer, written.left_out)


def without_foreign_seals(call: ProviderCall) -> ProviderCall:
    """A request that is passed through, without what another provider sealed; the same bytes where there is nothing."""
    if not seals.mentions(call.body):
        return call
    document = seals.stripped(call.api, call.document)
    return replace(call, document=document, body=bodies.encoded(document))


class TranslatedPump:
    """Passes one answer on in the client's format. Afterwards `usage` and `fault` are as a `Pump` has them."""

    def __init__(self, request: web.Request, what: Translation, reply: Reply, times: Timeouts) -> None:
        self._request, self._what, self._reply = request, what, reply
        self._waits = Waits(what.call.api, times)
        self._api, self._client = what.call.api, what.client.api
        self._reader, self._writer = translate.reader(self._api), what.writer()
        self._over = False
        self._beginning = b""
        self.fault: ProviderFault | None = None

    @property
    def usage(self) -> token_usage.Usage:
        return self._writer.usage

    async def run(self, provider: str) -> web.StreamResponse:
        """As `Pump.run`; an answer that was held whole must have been `check`ed."""
        if self._reply.events is None:
            return await self._whole()
        if not self._what.client.streams:
            return await self._folded(provider)
        answer = web.StreamResponse(headers=_STREAM_HEADERS)
        await answer.prepare(self._request)
        try:
            await self._events(answer)
            self.fault = self.fault or self._wrong_end()
        except AttemptFailed as failure:
            self.fault = self.fault or (None if self._writer.finish else failure.fault)
        if self.fault is None:
            await answer.write(self._writer.end())
        else:
            message = f"AgentDeck: {provider} {self.fault.reason}; the answer is incomplete."
            user_agent = self._request.headers.get("user-agent", "")
            await answer.write(streams.ending(self._client, message, user_agent))
        await answer.write_eof()
        return answer

    def check(self) -> None:
        """Read an answer that came whole; raise AttemptFailed where it is none, so that the next target is asked."""
        if self._reply.events is not None:
            return
        try:
            document = from_json(self._reply.plain)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise AttemptFailed(faults.unreachable("sent a malformed answer"))
        self._beginning = self._writer.feed(self._reader.document(document))
        if wrong := self._wrong_end():
            raise AttemptFailed(wrong)

    async def _whole(self) -> web.StreamResponse:
        if not self._what.client.streams:
            return web.Response(body=bodies.encoded(self._writer.document()), content_type="application/json")
        return web.Response(body=self._beginning + self._writer.end(), headers=_STREAM_HEADERS)

    async def _folded(self, provider: str) -> web.StreamResponse:
        """A stream for a client that wants a document."""
        try:
            await self._events(None)
            self.fault = self.fault or self._wrong_end()
        except AttemptFailed as failure:
            self.fault = self.fault or (None if self._writer.finish else failure.fault)
        if self.fault is None:
            return await self._whole()
        fault, self.fault = self.fault, None
        raise AttemptFailed(fault)

    def _wrong_end(self) -> ProviderFault | None:
        if self._writer.broken:
            return faults.unreachable(self._writer.broken)
        return None if self._writer.finish else faults.unreachable("ended its stream too early")

    async def _events(self, answer: web.StreamResponse | None) -> None:
        cutter = self._reply.events
        assert cutter is not None
        self._waits.saw(self._reply.held)
        await self._pass(answer, self._reply.held)
        while not (self._over or self._reply.whole):
            data = await self._more(answer)
            block = cutter.feed(data) if data else cutter.rest()
            self._waits.saw(block)
            await self._pass(answer, block)
            if not data:
                break
        if answer is not None and self.fault is None:
            await answer.write(self._writer.feed(self._reader.end()))
        else:
            self._writer.feed(self._reader.end())

    async def _more(self, answer: web.StreamResponse | None) -> bytes:
        """Some bytes, none at the end; signs of life to the client meanwhile."""
        whole = self._waits.seconds
        deadline = time.monotonic() + whole
        while True:
            left = deadline - time.monotonic()
            try:
                return await read(self._reply.response, max(min(left, PING_SECONDS), 0.001))
            except AttemptFailed as failure:
                if not failure.fault.slow:
                    raise
                if left <= PING_SECONDS:
                    raise AttemptFailed(faults.too_slow("nothing more", round(whole, 1))) from None
            if answer is not None:
                await answer.write(_PING.get(self._client, _COMMENT))

    async def _pass(self, answer: web.StreamResponse | None, block: bytes) -> None:
        out = bytearray()
        for raw in streams.events(block):
            event = streams.parsed(raw)
            if self._over:
                break
            if event.done or event.kind in ("message_stop",):
                self._over = True
            if not isinstance(event.data, dict):
                continue
            if (fault := faults.of_event(self._api, event.data, now=time.time())) is not None:
                self.fault, self._over = fault, True
                break
            try:
                out += self._writer.feed(self._reader.feed(event.data))
            except Exception as error:  # noqa: BLE001 - the client still gets a proper end
                what = f"sent what AgentDeck failed to translate ({type(error).__name__})"
                self.fault, self._over = faults.unreachable(what), True
        if out and answer is not None:
            await answer.write(bytes(out))
        await asyncio.sleep(0)


def models_of(api: Api, names: list[str]) -> dict[str, Any]:
    """The models of a chain in the words of the client's format."""
    if api is Api.MESSAGES:
        made = "2025-01-01T00:00:00Z"
        data = [{"type": "model", "id": name, "display_name": name, "created_at": made} for name in names]
        first, last = (names[0], names[-1]) if names else (None, None)
        return {"data": data, "has_more": False, "first_id": first, "last_id": last}
    if api is Api.GEMINI:
        return {"models": [{"name": f"models/{name}", "displayName": name} for name in names]}
    owner = {"object": "model", "created": 0, "owned_by": "agentdeck"}
    return {"object": "list", "data": [{"id": name, **owner} for name in names]}
