"""The loopback provider with a fault: each that a real one was seen to have, for as long as the server lives."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agentdeck.core.providers.apis import Api
from tests.gateway.upstream import error_event, error_of
from tests.support.fake_api import ApiHandler, FakeApi, fake_api

FAULTS = (
    "ok",
    "429",
    "429 retry-after",
    "429 exhausted",
    "500",
    "503",
    "529",
    "401",
    "400",
    "refused",
    "reset before bytes",
    "hang before bytes",
    "hang mid-stream",
    "reset mid-stream",
    "EOF mid-stream",
    "EOF behind a block",
    "error event first",
    "error event mid-stream",
    "slow drip",
    "malformed SSE",
)
_KINDS = {429: "rate_limit_error", 401: "authentication_error", 400: "invalid_request_error", 529: "overloaded_error"}
_LINGER = b"\x01\x00\x00\x00\x00\x00\x00\x00"


@contextmanager
def faulty_api(fault: str) -> Iterator[FakeApi]:
    class Handler(_FaultyHandler):
        pass

    Handler.fault = fault
    with fake_api(Handler) as api:
        yield api


class _FaultyHandler(ApiHandler):
    fault = "ok"

    @property
    def _api(self) -> Api:
        return Api.MESSAGES if "/messages" in self.path else Api.RESPONSES

    def _json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        """A whole answer, which faults in the middle of a stream spoil too."""
        if self.command != "POST" or self.path.partition("?")[0].endswith("/count_tokens") or not self._spoil():
            super()._json(status, value, headers)

    def _events(self, events: list[dict[str, Any]]) -> None:
        if self._spoil():
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        good = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
        cut = 3 if self._api is Api.MESSAGES else 2
        chunks = {
            "error event first": [error_event(self._api)],
            "malformed SSE": [b"data: {broken\n\n", b"<html>\n\n"],
            "EOF behind a block": good[: cut + 1],
            "error event mid-stream": [*good[:cut], error_event(self._api)],
        }.get(self.fault, good[:cut] if self.fault.endswith(" mid-stream") else good)
        for chunk in chunks:
            step = 16 if self.fault == "slow drip" else len(chunk)
            for at in range(0, len(chunk), step):
                self.wfile.write(chunk[at : at + step])
                self.wfile.flush()
                time.sleep(0.01 if self.fault == "slow drip" else 0)
        if self.fault == "hang mid-stream":
            self._hang()
        if self.fault == "reset mid-stream":
            time.sleep(0.05)
            self._reset()

    def _spoil(self) -> bool:
        """Play what comes before any byte of a good answer; whether there was such a fault."""
        first = self.fault.split(maxsplit=1)[0]
        if first.isdigit():
            status = int(first)
            headers = {"retry-after": "1"} if "retry-after" in self.fault else {}
            body = error_of(self._api, _KINDS.get(status, "server_error"))
            if "exhausted" in self.fault:
                body["error"] |= {"code": "insufficient_quota"}
                headers = {"x-should-retry": "false"}
            super()._json(status, body, headers)
        elif self.fault == "reset before bytes":
            self._reset()
        elif self.fault == "hang before bytes":
            self._hang()
        else:
            return False
        return True

    def _hang(self) -> None:
        """Say nothing until the other side goes away."""
        self.close_connection = True
        self.connection.settimeout(30)
        try:
            while self.connection.recv(1024):
                continue
        except OSError:
            return

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        self.connection.close()

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ValueError):  # the other side, or we, closed the connection
            return

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            return
