"""A model server that speaks the three APIs and plays each fault on demand, and a gateway in front of two of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from agentdeck.core.providers.apis import Api
from agentdeck.gateway.plans import Plans
from agentdeck.gateway.server import EVENTS_FILE, Gateway
from agentdeck.system.gateway import tokens
from agentdeck.system.gateway.ledger import Ledger, LedgerRecord
from agentdeck.system.gateway.tokens import Bearer

APIS = (Api.MESSAGES, Api.CHAT, Api.RESPONSES)
"""Those that `Server` speaks."""
PATHS = {Api.MESSAGES: "/v1/messages", Api.CHAT: "/v1/chat/completions", Api.RESPONSES: "/v1/responses"}
KEYS = {"MAIN_KEY": "sk-main-secret-1", "SPARE_KEY": "sk-spare-secret-2"}
QUICK = {
    "retry_budget": 2.0,
    "retries": 1,
    "backoff": 0.02,
    "backoff_max": 0.1,
    "hold": 0.3,
    "breaker_seconds": 30.0,
    "breaker_failures": 3,
}
TIMES = {"connect": 1.0, "first_byte": 0.8, "content": 0.8, "answer": 0.8, "idle": 0.8, "stalled": 1.5}
LONG = dict.fromkeys(TIMES, 60.0)

_EXHAUSTED: dict[Api, tuple[int, dict[str, Any]]] = {
    Api.MESSAGES: (400, {"type": "invalid_request_error", "message": "Your credit balance is too low to go on."}),
    Api.CHAT: (429, {"type": "insufficient_quota", "code": "insufficient_quota", "message": "You exceeded …"}),
    Api.RESPONSES: (429, {"type": "insufficient_quota", "code": "insufficient_quota", "message": "You exceeded …"}),
}


def event(data: dict[str, Any], api: Api) -> bytes:
    head = b"" if api is Api.CHAT else b"event: " + data["type"].encode() + b"\n"
    return head + b"data: " + json.dumps(data).encode() + b"\n\n"


def stream_of(api: Api, name: str, model: str, words: int = 3) -> list[bytes]:
    """A good stream whose text names the server, as single events."""
    if api is Api.MESSAGES:
        start = {"id": "m1", "model": model, "usage": {"input_tokens": 11, "cache_read_input_tokens": 5}}
        datas: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
        datas.append({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        datas += [
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"{name}-{n} "}}
            for n in range(words)
        ]
        datas.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}})
        return [event(data, api) for data in [*datas, {"type": "message_stop"}]]
    if api is Api.RESPONSES:
        done = {"status": "completed", "error": None, "usage": usage_of(api)}
        datas = [{"type": "response.created", "response": {"id": "r1", "error": None}}]
        datas += [{"type": "response.output_text.delta", "delta": f"{name}-{n} "} for n in range(words)]
        return [event(data, api) for data in [*datas, {"type": "response.completed", "response": done}]]
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}]
    chunks += [{"choices": [{"index": 0, "delta": {"content": f"{name}-{n} "}}]} for n in range(words)]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return [*(event(chunk, api) for chunk in chunks), b"data: [DONE]\n\n"]


def usage_of(api: Api) -> dict[str, Any]:
    if api is Api.MESSAGES:
        return {"input_tokens": 11, "cache_read_input_tokens": 5, "output_tokens": 7}
    if api is Api.RESPONSES:
        return {"input_tokens": 16, "input_tokens_details": {"cached_tokens": 5}, "output_tokens": 7}
    return {"prompt_tokens": 16, "prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens": 7}


def document_of(api: Api, name: str, model: str) -> bytes:
    text = {"type": "text", "text": f"{name}-0 "}
    answer: dict[str, Any] = {"content": [text], "stop_reason": "end_turn"}
    if api is Api.CHAT:
        answer = {"choices": [{"index": 0, "message": {"content": text["text"]}, "finish_reason": "stop"}]}
    if api is Api.RESPONSES:
        said = {"type": "message", "role": "assistant", "content": [{**text, "type": "output_text"}]}
        answer = {"status": "completed", "output": [said]}
    whole = {"model": model, "text": text["text"], "error": None, "usage": usage_of(api), **answer}
    return json.dumps(whole, indent=1).encode()


def error_of(api: Api, kind: str, message: str = "no") -> dict[str, Any]:
    if api is Api.MESSAGES:
        return {"type": "error", "error": {"type": kind, "message": message}}
    return {"error": {"type": kind, "code": kind, "message": message}}


def error_event(api: Api) -> bytes:
    if api is Api.MESSAGES:
        return event(error_of(api, "overloaded_error"), api)
    if api is Api.RESPONSES:
        error = {"code": "server_error", "message": "sorry"}
        return event({"type": "response.failed", "response": {"status": "failed", "error": error}}, api)
    return event(error_of(api, "server_error"), api)


@dataclass
class Seen:
    """A request as the server got it."""

    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """Plays `fault` for each request, or good answers when it is `ok`."""

    name: str
    fault: str = "ok"
    words: int = 3
    pause: float = 0.0
    requests: list[Seen] = field(default_factory=list)
    cut_off: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client left before it had its answer."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append(Seen(request.path, request.query_string, dict(request.headers), body))
        try:
            return await self._answer(request, body)
        except (asyncio.CancelledError, ConnectionError):
            self.cut_off.set()
            raise

    async def _answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if request.path.startswith("/v1/models"):
            return web.json_response({"data": [{"id": f"{self.name}-model"}]})
        if request.path.endswith("/count_tokens"):
            return web.json_response({"input_tokens": 4242})
        api = next(api for api, path in PATHS.items() if path == request.path)
        asked = json.loads(body)
        early = await self._early(request, api, asked)
        if early is not None:
            return early
        if not asked.get("stream"):
            return await self._document(request, document_of(api, self.name, asked["model"]), api)
        chunks = stream_of(api, self.name, asked["model"], self.words)
        if api is Api.CHAT and asked.get("stream_options", {}).get("include_usage"):
            chunks.insert(-1, event({"choices": [], "usage": usage_of(api)}, api))
        return await self._stream(request, chunks, api)

    async def _early(self, request: web.Request, api: Api, asked: dict[str, Any]) -> web.StreamResponse | None:
        """The faults that come before any byte of a good answer."""
        fault = self.fault
        if fault == "hang":
            await asyncio.sleep(60)
        if fault == "reset":
            _reset(request)
        odd = self._odd(api, streamed=bool(asked.get("stream"))) or self._blind(api, json.dumps(asked))
        if odd is not None:
            return odd
        if fault == "too long":
            error = {"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 4024, "n_ctx": 2048}
            return web.json_response({"error": {**error, "message": "too many tokens"}}, status=400)
        if fault == "exhausted":
            status, error = _EXHAUSTED[api]
            return web.json_response({"type": "error", "error": error}, status=status)
        thinks = b'"thinking"' in json.dumps(asked.get("messages", [])).encode()
        if fault == "always signature" or (fault == "signature" and thinks):
            message = "messages.1.content.0: Invalid `signature` in `thinking` block"
            return web.json_response(error_of(api, "invalid_request_error", message), status=400)
        if fault.split()[0].isdigit():
            status = int(fault.split()[0])
            kinds = {429: "rate_limit_error", 401: "authentication_error", 400: "invalid_request_error"}
            headers = {"retry-after-ms": "600"} if "retry-after" in fault else {}
            kind = "not_found_error" if status == 404 else kinds.get(status, "server_error")
            return web.json_response(error_of(api, kind), status=status, headers=headers)
        return None

    def _odd(self, api: Api, *, streamed: bool) -> web.Response | None:
        """Answers with status 200 that no client of the format can read."""
        if self.fault == "html":
            return web.Response(text="<html>Please log in</html>", content_type="text/html")
        if self.fault not in ("foreign", "other way"):
            return None
        if self.fault == "foreign":
            api = Api.CHAT if api is not Api.CHAT else Api.MESSAGES
        if streamed == (self.fault == "foreign"):
            return web.Response(body=b"".join(stream_of(api, self.name, "m")), content_type="text/event-stream")
        return web.Response(body=document_of(api, self.name, "m"), content_type="application/json")

    def _blind(self, api: Api, asked: str) -> web.Response | None:
        """What llama.cpp says to pictures where its model sees none."""
        if self.fault != "blind" or "image/png" not in asked or "left out" in asked:
            return None
        message = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
        return web.json_response(error_of(api, "server_error", message), status=500)

    async def _document(self, request: web.Request, good: bytes, api: Api) -> web.StreamResponse:
        fault = self.fault
        if fault.startswith("error"):
            return web.json_response(error_of(api, "server_error"))
        if fault == "malformed":
            return web.Response(body=good[:-9] + b"}}]", content_type="application/json")
        answer = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(good))})
        await answer.prepare(request)
        for piece in (good[:10], good[10:20], good[20:]):
            await answer.write(piece)
            if piece != good[20:]:
                await self._middle(request)
        await answer.write_eof()
        return answer

    async def _stream(self, request: web.Request, chunks: list[bytes], api: Api) -> web.StreamResponse:
        fault = self.fault
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Kept": "yes"})
        await answer.prepare(request)
        if fault == "malformed":
            chunks = [b"data: {broken\n\n", b"<html>\n\n"]
        if fault == "error first":
            chunks = [error_event(api)]
        if fault == "error after start":
            chunks = [chunks[0], error_event(api)]
        for number, chunk in enumerate(chunks):
            if number == 3 and fault == "error mid":
                await answer.write(error_event(api))
                return answer
            if number == 3 and not fault.startswith(("start and silence", "pings")):
                await answer.write(chunk[:9] if fault.endswith(" mid") else b"")
                await self._middle(request)
                if fault == "eof mid":
                    return answer
            if (number == 1 and fault in ("start and silence", "pings")) or (
                number == 3 and fault in ("start and silence mid", "pings mid")
            ):
                await self._silence(answer, pings=fault.startswith("pings"))
            for piece in [chunk[i : i + 7] for i in range(0, len(chunk), 7)] if fault == "drip" else [chunk]:
                await answer.write(piece)
                await asyncio.sleep(0.004 if fault == "drip" else self.pause)
        if fault == "open end":
            await asyncio.sleep(60)
        await answer.write_eof()
        return answer

    async def _silence(self, answer: web.StreamResponse, *, pings: bool) -> None:
        """Nothing, or signs of life without end."""
        while True:
            await asyncio.sleep(0.1 if pings else 60)
            await answer.write(b": still here\n\n")

    async def _middle(self, request: web.Request) -> None:
        if self.fault == "hang mid":
            await asyncio.sleep(60)
        if self.fault == "reset mid":
            await asyncio.sleep(0.05)
            _reset(request)
        if self.fault == "eof mid" and request.transport is not None and not _streams(request):
            request.transport.close()
            raise ConnectionResetError
        if self.fault == "drip":
            await asyncio.sleep(0.05)


def _streams(request: web.Request) -> bool:
    return b'"stream": true' in (request._read_bytes or b"")


def _reset(request: web.Request) -> None:
    """Close the connection with RST instead of FIN."""
    assert request.transport is not None
    sock = request.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    request.transport.abort()
    raise ConnectionResetError


@dataclass
class Play:
    """A gateway in front of a main and a spare server, with an agent `fox` of the tier `work`."""

    state: Path
    main: Server
    spare: Server
    gateway: Gateway
    port: int
    client: aiohttp.ClientSession
    token: str

    def url(self, api: Api, token: str = "") -> str:
        return f"http://127.0.0.1:{self.port}/{token or self.token}{PATHS[api]}"

    async def ask(self, api: Api, *, stream: bool, **more: Any) -> tuple[int, bytes]:
        body = {"model": "asked-model", "stream": stream, "messages": [], **more}
        async with self.client.post(self.url(api), json=body) as answer:
            return answer.status, await answer.read()

    def breakers(self) -> dict[tuple[str, str], dict[str, Any]]:
        report = self.gateway.board.report(asyncio.get_running_loop().time())
        return {(entry["provider"], entry["what"]): entry for entry in report["breakers"]}

    def records(self) -> list[LedgerRecord]:
        with Ledger(self.state) as ledger:
            return list(ledger.records())

    def events(self) -> list[dict[str, Any]]:
        path = self.state / EVENTS_FILE
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def provider(port: int, key: str = "", **more: Any) -> dict[str, Any]:
    table = {"base_url": f"http://127.0.0.1:{port}/v1", "apis": ["messages", "chat", "responses"], "timeouts": TIMES}
    return {**table, "key_env": key, "key_header": "x-api-key", **more}


@contextlib.asynccontextmanager
async def served(app: web.Application | web.AppRunner) -> AsyncIterator[int]:
    """`app` on a port of loopback."""
    runner = app
    if isinstance(app, web.Application):
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
    assert isinstance(runner, web.AppRunner)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def app_of(server: Server) -> web.Application:
    app = web.Application(client_max_size=100 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", server.handle)
    return app


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        assert isinstance(port, int)
        return port


@contextlib.asynccontextmanager
async def playing(
    state: Path,
    fault: str = "ok",
    spare_fault: str = "ok",
    *,
    plan: dict[str, Any] | None = None,
    spare_key: str = "SPARE_KEY",
    **main: Any,
) -> AsyncIterator[Play]:
    """The servers and the gateway; `main` goes into the main provider's table, `plan` over the tables."""
    first, second = Server("main", fault), Server("spare", spare_fault)
    async with contextlib.AsyncExitStack() as stack:
        port = free_port() if fault == "refused" else await stack.enter_async_context(served(app_of(first)))
        spare = free_port() if spare_fault == "refused" else await stack.enter_async_context(served(app_of(second)))
        tables: dict[str, dict[str, Any]] = {
            "providers": {
                "main": provider(port, "MAIN_KEY", **main),
                "spare": provider(spare, spare_key, **({"timeouts": LONG} if spare_fault == "ok" else {})),
            },
            "tiers": {"work": ["main:big-model", "spare:small-model"], "only": ["main:big-model"]},
            "gateway": QUICK,
        }
        for name, table in (plan or {}).items():
            tables[name] = {**tables.get(name, {}), **table}
        config = state / "config.json"
        config.write_text(json.dumps({"decks": {"": tables}}))
        gateway = Gateway(state, Plans(config), KEYS)
        client = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
        at = await stack.enter_async_context(served(gateway.runner(0.2)))
        token = tokens.mint(tokens.secret(state), Bearer("deck", "fox", "work"))
        yield Play(state, first, second, gateway, at, client, token)
