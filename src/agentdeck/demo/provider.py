"""A model provider for trying the failover: a server on loopback that speaks the Chat Completions API.

    python -m agentdeck.demo.provider NAME

It prints its port. Its model only says who it is. `POST /fault` with a status such as 529 makes it answer with that
from then on, and with 200 makes it well again.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class DemoProvider(BaseHTTPRequestHandler):
    name = "demo"
    status = 200
    answered = 0
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/fault":
            type(self).status = int(body)
            self._json(200, {})
        elif self.status != 200:
            self._json(self.status, {"error": {"type": "overloaded", "message": "The demo provider has an outage."}})
        else:
            type(self).answered += 1
            asked = json.loads(body)
            text = f"step {self.answered}, says {asked.get('model')} of {self.name}"
            self._stream(text) if asked.get("stream") else self._whole(text)

    def do_GET(self) -> None:
        self._json(200, {"object": "list", "data": [{"id": f"{self.name}-model", "object": "model"}]})

    def _whole(self, text: str) -> None:
        usage = {"prompt_tokens": 20, "completion_tokens": 10}
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        self._json(200, {"object": "chat.completion", "choices": choices, "usage": usage})

    def _stream(self, text: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        pieces: list[dict[str, Any]] = [{"delta": {"content": word + " "}} for word in text.split(" ")]
        for piece in [*pieces, {"delta": {}, "finish_reason": "stop"}]:
            self.wfile.write(b"data: " + json.dumps({"choices": [{"index": 0, **piece}]}).encode() + b"\n\n")
        usage = {"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 10}}
        self.wfile.write(b"data: " + json.dumps(usage).encode() + b"\n\ndata: [DONE]\n\n")
        self.close_connection = True

    def _json(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: it would be noise."""


def main() -> None:
    DemoProvider.name = sys.argv[1]
    server = ThreadingHTTPServer(("127.0.0.1", 0), DemoProvider)
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
