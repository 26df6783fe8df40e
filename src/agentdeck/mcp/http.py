"""The same tools over HTTP, for a person's own clients: loopback only, and every route wants the bearer token."""

from __future__ import annotations

import hmac
import json
import os
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agentdeck.mcp.server import make_server

TOKEN = "AGENTDECK_MCP_TOKEN"  # noqa: S105 - the variable that has it
HOSTS = ("127.0.0.1", "localhost", "[::1]")
_BURST, _PER_SECOND = 60.0, 20.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """In front of every route: who asks, from where, and how often."""

    def __init__(self, app: App, token: str) -> None:
        self._app, self._token = app, token
        self._left, self._at = _BURST, time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif (refused := self._refusal(scope)) is not None:
            await _answer(send, *refused)
        elif scope["path"] == "/health":
            await _answer(send, 200, "ok")
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if _host(headers.get("host", "")) not in HOSTS:
            return 403, "this host name is not served"
        origin = headers.get("origin", "")
        if origin and _host(urlsplit(origin).netloc) not in HOSTS:
            return 403, "pages of other origins may not call this"
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token.encode()):
            return 401, "the bearer token is missing or wrong"
        return None if self._has_room() else (429, "too many requests")

    def _has_room(self) -> bool:
        now = time.monotonic()
        self._left, self._at = min(_BURST, self._left + (now - self._at) * _PER_SECOND), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _host(text: str) -> str:
    """The name without its port."""
    name, colon, port = text.rpartition(":")
    return name if colon and port.isdecimal() else text


async def _answer(send: Send, status: int, text: str) -> None:
    body = json.dumps({"ok": status == 200, "text": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def make_app(root: Path, token: str) -> App:
    """One ASGI entry, for any server of such."""
    return Guard(make_server(root, "").http_app(path="/mcp", stateless_http=True), token)


def token_of() -> tuple[str, bool]:
    """The token of the environment, or a new one and that it is new."""
    given = os.environ.get(TOKEN, "")
    return (given, False) if given else (secrets.token_urlsafe(32), True)


def serve(root: Path, port: int) -> None:
    import asyncio
    import socket
    import sys

    import uvicorn

    token, is_new = token_of()
    listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    sys.stderr.write(f"The tools are at {address}\n")
    if is_new:
        sys.stderr.write(f"Authorization: Bearer {token}\n")
    sys.stderr.flush()
    config = uvicorn.Config(make_app(root, token), log_level="warning", access_log=False)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
