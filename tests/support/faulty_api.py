"""The loopback provider with a fault: each that a real one was seen to have, for as long as the server lives.

Its model speaks all four formats. It says that it begins, asks for a shell that makes the file, and says that it is
finished once the history holds a result; so it says the same however often a broken answer is asked for again.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agentdeck.core.providers.apis import Api
from tests.gateway.upstream import error_event
from tests.support.fake_api import CONTENT, FILE, FINISHED, FakeApi, fake_api
from tests.support.scripted_model import Block, Script, ScriptedHandler, run, say

GOOD = ("ok", "slow drip")
"""Whoever answers so serves."""
CALLERS = ("400",)
"""Whoever is answered so has to mend its request itself: nobody else is asked."""
EARLY = (
    "429",
    "429 retry-after",
    "429 exhausted",
    "400 credit",
    "402",
    "401",
    "403",
    "404",
    "408",
    "500",
    "503",
    "529",
    "refused",
    "reset before bytes",
    "hang before bytes",
    "HTML",
    "another format",
    "malformed SSE",
    "empty stream",
    "error event first",
    "start and silence",
    "pings without end",
)
"""Before any content: the client does not learn of it."""
BROKEN = (
    "error event mid-stream",
    "hang mid-stream",
    "reset mid-stream",
    "EOF mid-stream",
    "EOF behind a text",
    "EOF behind a call",
)
"""After content: the client has to ask again."""
FAULTS = (*GOOD, *CALLERS, *EARLY, *BROKEN)
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_LINGER = b"\x01\x00\x00\x00\x00\x00\x00\x00"
_TEXT = {Api.MESSAGES: 3, Api.RESPONSES: 2, Api.CHAT: 2, Api.GEMINI: 1}
"""After how many events of a stream some of the text has come."""
_TEXT_DONE = {Api.MESSAGES: 4, Api.RESPONSES: 3, Api.CHAT: 2, Api.GEMINI: 1}
_ENDS = {"message_delta", "message_stop", "response.completed"}


class _Task(Script):
    """What the model says, by how far the history is."""

    def __init__(self) -> None:
        super().__init__()
        self.is_aside = False
        """Whether the request is one of the CLI's own, such as for a title, whose answer does not break off."""

    def next(self, tools: Mapping[str, dict[str, Any]], body: dict[str, Any]) -> list[Block]:
        marks = ('"tool_result"', '"function_call_output"', '"role": "tool"', '"functionResponse"')
        done = any(mark in json.dumps(body) for mark in marks)
        line = f"printf '{CONTENT.strip()}\\n' > {FILE}"
        self.is_aside = not tools
        self.answers = [[say(FINISHED)] if done else [say("I begin."), run(line)]]
        return super().next(tools, body)


@contextmanager
def faulty_api(fault: str) -> Iterator[FakeApi]:
    class Handler(_FaultyHandler):
        pass

    Handler.fault, Handler.script = fault, _Task()
    with fake_api(Handler) as api:
        yield api


class _FaultyHandler(ScriptedHandler):
    fault = "ok"
    script: _Task

    @property
    def _api(self) -> Api:
        if "enerateContent" in self.path:
            return Api.GEMINI
        named = {"/messages": Api.MESSAGES, "/responses": Api.RESPONSES}
        return next((api for name, api in named.items() if name in self.path), Api.CHAT)

    def _json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        """A whole answer, which faults in the middle of a stream spoil too."""
        counts = self.path.partition("?")[0].endswith(("/count_tokens", ":countTokens"))
        if self.command != "POST" or counts or not self._spoil():
            super()._json(status, value, headers)

    def _events(self, events: list[dict[str, Any]]) -> None:
        self._stream([f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events], events)

    def _data(self, values: list[dict[str, Any]], end: str = "") -> None:
        good = [f"data: {json.dumps(value)}\n\n".encode() for value in values]
        self._stream(good + ([f"data: {end}\n\n".encode()] if end else []), values)

    def _stream(self, good: list[bytes], events: list[dict[str, Any]]) -> None:
        if self._spoil():
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        if self.fault in BROKEN and self.script.is_aside:
            self.wfile.write(b"".join(good))
            return
        for chunk in self._spoiled(good, events):
            step = 16 if self.fault == "slow drip" else len(chunk)
            for at in range(0, len(chunk), step):
                self.wfile.write(chunk[at : at + step])
                self.wfile.flush()
                time.sleep(0.01 if self.fault == "slow drip" else 0)
        if self.fault in ("hang mid-stream", "start and silence"):
            self._hang()
        while self.fault == "pings without end":
            time.sleep(0.2)
            self.wfile.write(b": still here\n\n")
        if self.fault == "reset mid-stream":
            time.sleep(0.05)
            self._reset()

    def _spoiled(self, good: list[bytes], events: list[dict[str, Any]]) -> list[bytes]:
        """What is sent of a good answer, or in its place."""
        cut = _TEXT[self._api]
        return {
            "error event first": [_error_event(self._api)],
            "malformed SSE": [b"data: {broken\n\n", b"<html>\n\n"],
            "empty stream": [],
            "start and silence": [] if self._api is Api.GEMINI else good[:1],
            "pings without end": [] if self._api is Api.GEMINI else good[:1],
            "EOF behind a text": good[: _TEXT_DONE[self._api]],
            "EOF behind a call": [_without_end(each) for each in events if each.get("type") not in _ENDS],
            "error event mid-stream": [*good[:cut], _error_event(self._api)],
        }.get(self.fault, good[:cut] if self.fault.endswith(" mid-stream") else good)

    def _spoil(self) -> bool:
        """Play what comes before any byte of a good answer; whether there was such a fault."""
        first = self.fault.split(maxsplit=1)[0]
        if first.isdigit():
            self._refuse(int(first))
        elif self.fault == "reset before bytes":
            self._reset()
        elif self.fault == "hang before bytes":
            self._hang()
        elif self.fault in ("HTML", "another format"):
            page = b"<html>Please log in</html>"
            foreign = b'data: {"type": "message_start", "message": {}}\n\n'
            if self._api is Api.MESSAGES:
                foreign = b'data: {"choices": [{"index": 0, "delta": {"content": "Hello"}}]}\n\n'
            self._raw(*((page, "text/html") if self.fault == "HTML" else (foreign, "text/event-stream")))
        else:
            return False
        return True

    def _refuse(self, status: int) -> None:
        headers = {"retry-after": "1"} if "retry-after" in self.fault else {}
        error: dict[str, Any] = {"message": "no", "type": _KINDS.get(status, "server_error")}
        if "exhausted" in self.fault:
            error |= {"type": "insufficient_quota", "code": "insufficient_quota", "message": "You exceeded your quota"}
            headers = {"x-should-retry": "false"}
        if "credit" in self.fault:
            error |= {"message": "Your credit balance is too low to access the API."}
        if self._api is Api.GEMINI:
            error = {"code": status, "message": error["message"], "status": error["type"].upper()}
        elif self._api is not Api.MESSAGES:
            error.setdefault("code", error["type"])
        super()._json(status, {"type": "error", "error": error}, headers)

    def _raw(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

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


def _error_event(api: Api) -> bytes:
    if api is Api.GEMINI:
        return b'data: {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}\n\n'
    return error_event(api)


def _without_end(event: dict[str, Any]) -> bytes:
    """The event without what it says of the end of the answer."""
    for key in ("choices", "candidates"):
        if key in event:
            ends = ("finish_reason", "finishReason")
            event = {
                **event,
                key: [{name: value for name, value in each.items() if name not in ends} for each in event[key]],
            }
            event.pop("usage", None)
            event.pop("usageMetadata", None)
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()
