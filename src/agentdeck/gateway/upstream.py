"""One attempt at one provider: send the request, hold its answer until it is known to be good."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from agentdeck.core.frozen import dataclass
from agentdeck.core.providers import faults
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.faults import ProviderFault
from agentdeck.gateway import bodies, streams
from agentdeck.gateway.calls import ProviderCall, body_for, headers_for, path_for, query_of, returned_headers
from agentdeck.gateway.proxies import Proxies, ProxyUnusable

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import ProviderConfig, Timeouts

HELD_MAX = 8 * 1024 * 1024
"""Bytes of an answer that is not streamed, up to which it is held until it is there in full."""
_AFTER_END = 2.0
"""Seconds that a stream may stay open behind its last event."""
_DOCUMENTS = frozenset({"application/json", "text/html"})


@dataclass(slots=True)
class Reply:
    """The good beginning of an answer. The caller reads on from `response` unless `whole`, and closes it."""

    response: aiohttp.ClientResponse
    held: bytes
    whole: bool
    events: streams.Events | None
    """Set for a stream of events: what cuts it into whole ones, with what it still keeps back."""
    usage_asked: bool
    """Whether a chunk with token counts comes that the agent did not ask for."""
    plain: bytes = b""
    """`held` without its compression, of an answer that is not streamed, is whole and can be read."""

    @property
    def headers(self) -> CIMultiDict[str]:
        return returned_headers(self.response.headers)


class AttemptFailed(Exception):
    """The provider did not serve. `status`, `headers` and `body` are what it answered, if it did (status 0: no)."""

    def __init__(
        self, fault: ProviderFault, status: int = 0, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        super().__init__(fault.reason)
        self.fault = fault
        self.status = status
        self.headers = returned_headers(headers or {})
        self.body = body


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one attempt may take until its first byte and its first content, in seconds."""

    first_byte: float
    content: float
    others: bool = False
    """Whether another provider takes over after that; if not, a stream without content is passed on then."""

    @classmethod
    def of(cls, call: ProviderCall, times: Timeouts, hold: float, *, others: bool) -> Patience:
        if call.is_inference and not call.streams:
            return cls(times.answer, times.answer)
        if others:
            return cls(min(times.first_byte, times.content), times.content, others=True)
        return cls(max(times.first_byte, times.idle), hold)


class Waits:
    """How long the rest of a stream may be awaited: signs of life alone do not count for ever, and after the end only
    a moment, for some servers keep the connection open."""

    def __init__(self, api: Api, times: Timeouts) -> None:
        self._api, self._times = api, times
        self._content_at = time.monotonic()
        self._over = False

    @property
    def seconds(self) -> float:
        if self._over:
            return min(self._times.idle, _AFTER_END)
        return min(self._times.idle, self._content_at + self._times.stalled - time.monotonic())

    def saw(self, block: bytes) -> None:
        self._over = self._over or streams.is_over(self._api, block)
        if not streams.is_quiet(self._api, block):
            self._content_at = time.monotonic()


class ProviderClient:
    """Keeps the connections to all providers."""

    def __init__(self) -> None:
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_mark_reused)
        self._proxies = Proxies()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=15),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            read_bufsize=256 * 1024,
            max_line_size=64 * 1024,
            max_field_size=64 * 1024,
        )

    async def close(self) -> None:
        await self._session.close()

    async def open(
        self, call: ProviderCall, provider: ProviderConfig, model: str, key: str, patience: Patience
    ) -> Reply:
        """Ask `provider` for `model` (empty: as asked) and return once its answer is good so far.

        Raises AttemptFailed.
        """
        usage_asked = call.streams and call.api is Api.CHAT and provider.ask_usage and not call.asks_usage
        body = body_for(call, model, usage_asked)
        started = time.monotonic()
        response = await self._send(call, provider, model, key, body, patience.first_byte)
        try:
            return await _StreamReader(call, provider, response, started, patience, usage_asked).judge()
        except BaseException:
            response.close()
            raise

    async def _send(
        self, call: ProviderCall, provider: ProviderConfig, model: str, key: str, body: bytes, wait: float
    ) -> aiohttp.ClientResponse:
        url = URL(provider.url(call.api) + path_for(call, model) + query_of(call), encoded=True)
        try:
            proxy = None if provider.local else self._proxies.of(url)
        except ProxyUnusable as reason:
            raise AttemptFailed(faults.unreachable(str(reason))) from None
        for last in (False, True):
            trace = SimpleNamespace(reused=False)
            try:
                async with asyncio.timeout(wait):
                    return await self._session.request(
                        call.method,
                        url,
                        headers=headers_for(call, provider, key),
                        data=body or None,
                        allow_redirects=False,
                        proxy=proxy,
                        timeout=aiohttp.ClientTimeout(total=None, sock_connect=provider.timeouts.connect),
                        trace_request_ctx=trace,
                    )
            except aiohttp.ConnectionTimeoutError:
                raise AttemptFailed(faults.too_slow("no connection", provider.timeouts.connect)) from None
            except TimeoutError:
                raise AttemptFailed(faults.too_slow("no first byte", wait)) from None
            except aiohttp.ClientConnectorError as error:
                raise AttemptFailed(faults.unreachable(_why_unreachable(error, proxy))) from None
            except (aiohttp.ClientConnectionError, ConnectionError):
                # A kept connection that the server had closed meanwhile says nothing about the server.
                if last or not trace.reused:
                    raise AttemptFailed(faults.unreachable("reset the connection")) from None
            except aiohttp.ClientHttpProxyError as error:
                raise AttemptFailed(faults.unreachable(f"is behind a proxy, which answered {error.status}")) from None
            except aiohttp.ClientError:
                raise AttemptFailed(faults.unreachable("did not answer with HTTP")) from None
        raise AssertionError("unreachable")


class _StreamReader:
    """Reads the beginning of one answer."""

    def __init__(
        self,
        call: ProviderCall,
        provider: ProviderConfig,
        response: aiohttp.ClientResponse,
        started: float,
        patience: Patience,
        usage_asked: bool,
    ) -> None:
        self._call = call
        self._provider = provider
        self._response = response
        self._started, self._patience = started, patience
        self._usage_asked = usage_asked

    async def judge(self) -> Reply:
        call, kind = self._call, self._response.content_type
        is_stream = kind == "text/event-stream" or (call.streams and kind not in _DOCUMENTS)
        if self._response.status < 300 and call.is_inference and not call.streams and is_stream:
            raise AttemptFailed(faults.unreachable("sent a stream that was not asked for"))
        if self._response.status < 300 and is_stream:
            if "Content-Encoding" in self._response.headers:
                return Reply(self._response, b"", False, None, False)
            return await self._judge_stream()
        return await self._judge_document()

    async def _judge_document(self) -> Reply:
        status = self._response.status
        if self._call.is_inference and 300 <= status < 400:
            raise AttemptFailed(faults.unreachable(f"redirects elsewhere ({status}), as networks with a login page do"))
        body, whole = await self._collect()
        plain = _plain(self._response, body) if whole else None
        fault = faults.of_response(self._call.api, status, self._response.headers, plain or b"", now=time.time())
        if fault is not None:
            raise AttemptFailed(fault, status, self._response.headers, body)
        if plain is not None and status < 300 and self._call.is_inference:
            self._check_document(plain)
        return Reply(self._response, body, whole, None, False, plain or b"")

    def _check_document(self, body: bytes) -> None:
        """Raise AttemptFailed for what no client of this format could read, such as a login page of the network's."""
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            is_page = self._response.content_type == "text/html"
            raise AttemptFailed(
                faults.unreachable("sent a web page" if is_page else "sent a malformed answer")
            ) from None
        if self._call.streams:
            raise AttemptFailed(faults.unreachable("sent no stream"))
        if not streams.is_answer(self._call.api, document):
            raise AttemptFailed(faults.unreachable("answered in another format"))

    async def _collect(self) -> tuple[bytes, bool]:
        body = bytearray()
        wait = self._started + self._patience.first_byte - time.monotonic()
        while len(body) <= HELD_MAX:
            data = await read(self._response, wait, "no first byte" if not body else "nothing more")
            if not data:
                return bytes(body), True
            body += data
            wait = self._provider.timeouts.idle
        return bytes(body), False

    async def _judge_stream(self) -> Reply:
        cutter, patience = streams.Events(), self._patience
        held = bytearray()
        until, what = self._started + patience.first_byte, "no first byte"
        begun = False
        while True:
            try:
                data = await read(self._response, until - time.monotonic(), what)
            except AttemptFailed as failure:
                if not failure.fault.slow:
                    raise
                if begun and not patience.others:
                    return Reply(self._response, bytes(held), False, cutter, self._usage_asked)
                seconds = patience.content if begun else patience.first_byte
                raise AttemptFailed(faults.too_slow(what, seconds)) from None
            ended = not data
            if ended and not begun:
                raise AttemptFailed(faults.unreachable("sent nothing"))
            if not begun:
                begun, what = True, "no content"
                until = (self._started if patience.others else time.monotonic()) + patience.content
            block = cutter.rest() if ended else cutter.feed(data)
            held += block
            if self._has_content(block, bytes(held)):
                return Reply(self._response, bytes(held), ended, cutter, self._usage_asked)
            if ended:
                raise AttemptFailed(faults.unreachable("ended the stream before any content"))

    def _has_content(self, block: bytes, held: bytes) -> bool:
        """Whether these events settle that the stream is good; raises AttemptFailed where they say it is not."""
        for raw in streams.events(block):
            event = streams.parsed(raw)
            if event.malformed:
                raise AttemptFailed(faults.unreachable("sent a malformed stream"))
            fault = faults.of_event(self._call.api, event.data, now=time.time())
            if fault is not None:
                raise AttemptFailed(fault, self._response.status, self._response.headers, held)
            if streams.is_foreign(self._call.api, event):
                raise AttemptFailed(faults.unreachable("answered in another format"))
            if not streams.is_preamble(self._call.api, event):
                return True
        return False


async def read(response: aiohttp.ClientResponse, wait: float, what: str = "nothing more") -> bytes:
    """The bytes of `response` that are there, or come within `wait` seconds; none at its end. Raises AttemptFailed."""
    try:
        async with asyncio.timeout(max(wait, 0.001)):
            return await response.content.readany()
    except TimeoutError:
        raise AttemptFailed(faults.too_slow(what, wait)) from None
    except (aiohttp.ClientError, ConnectionError):
        raise AttemptFailed(faults.unreachable("cut off its answer")) from None


def _why_unreachable(error: aiohttp.ClientConnectorError, proxy: str | None) -> str:
    which = "is behind a proxy that " if proxy and error.host == URL(proxy).host else ""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"{which}has no address: the name can't be resolved"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return f"{which}has no trusted TLS connection"
    return f"{which}refused the connection"


def _plain(response: aiohttp.ClientResponse, body: bytes) -> bytes | None:
    """The answer without its compression; None where we don't know that, or it is too large to look into."""
    try:
        found = bodies.plain(body, response.headers.get("Content-Encoding", ""), 4 * HELD_MAX)
    except ValueError:
        return None
    return found if len(found) <= 4 * HELD_MAX else None


async def _mark_reused(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
    if (request := context.trace_request_ctx) is not None:
        request.reused = True
