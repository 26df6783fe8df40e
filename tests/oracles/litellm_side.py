"""litellm between a client of one format and a provider of another, in an environment of its own.

One JSON line in: `{"client", "provider", "request", "answer"}`, where `answer` is what the provider says: a document,
or the events of a stream. One out: `{"sent", "path", "got"}`, the request that reached the provider and what the client
gets, or `{"error"}`.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

MODELS = {
    "messages": "anthropic/claude-sonnet-4-5",
    "chat": "lm_studio/gpt-4o",
    "responses": "openai/responses/gpt-4o",
    "gemini": "gemini/gemini-2.5-pro",
}


class Provider(BaseHTTPRequestHandler):
    """Says `answer` in the format that it is in."""

    provider = ""
    answer: Any = None
    sent: Any = None
    asked = ""

    def do_POST(self) -> None:
        kind = type(self)
        kind.asked = self.path
        kind.sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        stream = isinstance(self.answer, list)
        body = b"".join(self._event(each) for each in self.answer) if stream else json.dumps(self.answer).encode()
        if stream and self.provider == "chat":
            body += b"data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if stream else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _event(self, event: dict[str, Any]) -> bytes:
        name = f"event: {event['type']}\n" if self.provider in ("messages", "responses") else ""
        return f"{name}data: {json.dumps(event)}\n\n".encode()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def plain(value: Any) -> Any:
    """`value` as JSON has it."""
    if isinstance(value, bytes):
        return [json.loads(line.removeprefix(b"data: ")) for line in value.splitlines() if line.startswith(b"data: {")]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_none=True)
    return json.loads(json.dumps(value, default=lambda each: each.model_dump()))


def flat(chunks: list[Any]) -> list[Any]:
    return [each for chunk in map(plain, chunks) for each in (chunk if isinstance(chunk, list) else [chunk])]


async def client(litellm: Any, kind: str, where: dict[str, Any], request: dict[str, Any]) -> Any:
    """What litellm gives a client of that format."""
    request = {key: value for key, value in request.items() if key != "model"}
    if kind == "gemini":
        module = importlib.import_module("litellm.google_genai")
        stream = request.pop("stream", False)
        config = {**request.pop("generationConfig", {})}
        contents, tools = request.pop("contents"), request.pop("tools", None)
        more = {"systemInstruction": request["systemInstruction"]} if "systemInstruction" in request else {}
        more |= {"toolConfig": request["toolConfig"]} if "toolConfig" in request else {}
        ask = module.agenerate_content_stream if stream else module.agenerate_content
        answer = await ask(contents=contents, tools=tools, config=config, **more, **where)
    else:
        ask = {
            "chat": litellm.acompletion,
            "messages": litellm.anthropic.messages.acreate,
            "responses": litellm.aresponses,
        }[kind]
        answer = await ask(**request, **where)
    if hasattr(answer, "__aiter__"):
        return flat([each async for each in answer])
    return plain(answer)


async def main() -> None:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    litellm: Any = importlib.import_module("litellm")
    litellm.telemetry = False
    litellm.drop_params = True
    litellm.suppress_debug_info = True
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # litellm prints its own words
    for line in sys.stdin:
        job = json.loads(line)
        Provider.provider, Provider.answer, Provider.sent = job["provider"], job["answer"], None
        path = "" if job["provider"] in ("messages", "gemini") else "/v1"
        where = {"model": MODELS[job["provider"]], "api_base": base + path, "api_key": "sk-x"}
        try:
            got = await client(litellm, job["client"], where, job["request"])
            found = {"sent": Provider.sent, "path": Provider.asked, "got": got}
        except Exception as error:  # noqa: BLE001 whatever it raises is what it says
            found = {"error": f"{type(error).__name__}: {error}"[:600], "sent": Provider.sent, "path": Provider.asked}
        told.write(json.dumps({**found, "number": job["number"]}) + "\n")
        told.flush()


if __name__ == "__main__":
    asyncio.run(main())
