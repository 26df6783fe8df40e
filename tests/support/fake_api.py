"""A server on loopback that speaks the providers' own protocols, for running real agent CLIs without an account.

It knows the Anthropic Messages API, the OpenAI Responses and Chat Completions APIs and the Gemini API, streaming and
not. Its model has one idea: where a request has tools and the task has not been done yet, it asks for a tool that
writes `made-by-agent.txt`; after that it says that it is finished. `fault` makes it answer with a status and an error
body instead, `delay` lets it think first.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SHELLS = ("bash", "run_shell_command", "shell")
"""The names under which CLIs offer a shell to chat models."""
FILE, CONTENT, FINISHED = "made-by-agent.txt", "made by a real agent CLI\n", "I have made the file."


@dataclass
class FakeApi:
    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    fault: tuple[int, dict[str, str], dict[str, Any]] | None = None
    """Status, headers, body."""
    delay: float = 0.0
    """Seconds that pass before it answers."""
    escalate: bool = False
    """Whether Codex's shell is asked to leave its sandbox, for which Codex asks a person."""
    asks: tuple[dict[str, Any], ...] = ()
    """The questions that Claude Code is to put to the person first, as its AskUserQuestion takes them."""
    commands: tuple[str, ...] = (f"printf '{CONTENT.strip()}\\n' > {FILE}",)
    """What the shells of Claude Code and Codex are asked to run, one call after the other."""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    """Tools of MCP servers that these two are asked to use instead, with their arguments."""


@contextmanager
def fake_api(base: type[ApiHandler] | None = None) -> Iterator[FakeApi]:
    """The server; `base` may be a handler that behaves worse."""

    class Handler(base or ApiHandler):  # type: ignore[misc]
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Handler.api = FakeApi(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Handler.api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class ApiHandler(BaseHTTPRequestHandler):
    api: FakeApi
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: it would be noise in the tests' output."""

    def do_HEAD(self) -> None:
        self._json(200, {})

    def do_GET(self) -> None:
        self._json(200, {"object": "list", "data": [{"id": "fake-model", "object": "model"}], "models": []})

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        try:
            body = json.loads(self.rfile.read(length) or b"{}")
        except ValueError:
            body = {}
        path = self.path.split("?")[0]
        self.api.requests.append({"path": path, "body": body, "headers": dict(self.headers)})
        time.sleep(self.api.delay)
        if self.api.fault is not None:
            status, headers, answer = self.api.fault
            self._json(status, answer, headers)
        elif path.endswith("/count_tokens"):
            self._json(200, {"input_tokens": 10})
        elif path.endswith("/messages"):
            self._messages(body)
        elif path.endswith("/responses"):
            self._responses(body)
        elif path.endswith("/chat/completions"):
            self._chat(body)
        elif "enerateContent" in path:
            self._gemini(body, stream="stream" in path)
        elif path.endswith(":countTokens"):
            self._json(200, {"totalTokens": 10})
        else:
            self._json(404, {"error": {"message": f"no such path: {path}"}})

    def _json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _events(self, events: list[dict[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in events:
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
        self.close_connection = True

    def _messages(self, body: dict[str, Any]) -> None:
        tools = {tool.get("name") for tool in body.get("tools", [])}
        did = json.dumps(body.get("messages", [])).count('"tool_result"') - bool(self.api.asks)
        empty: dict[str, Any]
        block: dict[str, Any] = {"type": "text", "text": FINISHED}
        if self.api.calls:
            call = self._next_call(json.dumps(body.get("messages", [])), tools, "Bash")
            if call is not None:
                block = {"type": "tool_use", "id": f"toolu_{did}", "name": call[0], "input": call[1]}
        elif did < 0 and "AskUserQuestion" in tools:
            block = {"type": "tool_use", "id": "toolu_ask", "name": "AskUserQuestion"}
            block["input"] = {"questions": list(self.api.asks)}
        elif "Bash" in tools and 0 <= did < len(self.api.commands):
            given = {"command": self.api.commands[did], "description": "Make the file"}
            block = {"type": "tool_use", "id": f"toolu_{did}", "name": "Bash", "input": given}
        stop = "tool_use" if block["type"] == "tool_use" else "end_turn"
        usage = {"input_tokens": 10, "output_tokens": 5}
        head = {
            "id": f"msg_{len(self.api.requests)}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model", "fake"),
            "stop_sequence": None,
        }
        if not body.get("stream"):
            self._json(200, {**head, "content": [block], "stop_reason": stop, "usage": usage})
            return
        if block["type"] == "text":
            empty = {"type": "text", "text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        self._events(
            [
                {"type": "message_start", "message": {**head, "content": [], "stop_reason": None, "usage": usage}},
                {"type": "content_block_start", "index": 0, "content_block": empty},
                {"type": "content_block_delta", "index": 0, "delta": delta},
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage},
                {"type": "message_stop"},
            ]
        )

    def _next_call(self, history: str, tools: set[Any], shell: str) -> tuple[str, dict[str, Any]] | None:
        """The next of `calls`; while its server is not there yet, a moment in the shell; None after the last one."""
        for name, given in self.api.calls:
            if re.search(rf'"name": "[^"]*{name}"', history) is None:
                found = next((tool for tool in tools if str(tool).endswith(name)), None)
                if found is None:
                    return shell, {"command": "sleep 2", "description": "Wait", "cmd": "sleep 2"}
                return found, given
        return None

    def _responses(self, body: dict[str, Any]) -> None:
        tools = {tool.get("name") for tool in body.get("tools", [])}
        did = sum(str(item.get("type", "")).endswith("_output") for item in body.get("input", []) if item)
        item: dict[str, Any] = {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "content": [{"type": "output_text", "text": FINISHED, "annotations": []}],
        }
        line = self.api.commands[min(did, len(self.api.commands) - 1)]
        calls: dict[str, dict[str, Any]] = {
            "exec_command": {"cmd": line},
            "shell_command": {"command": line},
            "shell": {"command": ["sh", "-c", line]},
        }
        if self.api.escalate:
            for given in calls.values():
                given |= {"sandbox_permissions": "require_escalated", "justification": "Make the file?"}
        more = did < len(self.api.commands)
        if self.api.calls:
            spaces = [tool for tool in body.get("tools", []) if tool.get("type") == "namespace"]
            inner = {each["name"]: space["name"] for space in spaces for each in space["tools"]}
            next_call = self._next_call(json.dumps(body.get("input", [])), tools | inner.keys(), "exec_command")
            if next_call is not None:
                tool, given = next_call
                space = {"namespace": inner[tool]} if tool in inner else {}
                words = {"name": tool, "arguments": json.dumps(given), **space}
                item = {"type": "function_call", "id": f"fc_{did}", "call_id": f"call_{did}", **words}
        elif more and (name := next((each for each in calls if each in tools), None)):
            call = {"id": f"fc_{did}", "call_id": f"call_{did}", "name": name, "arguments": json.dumps(calls[name])}
            item = {"type": "function_call", **call}
        answer = {
            "id": f"resp_{len(self.api.requests)}",
            "object": "response",
            "status": "completed",
            "model": body.get("model", "fake"),
            "output": [item],
            "usage": {
                "input_tokens": 10,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 5,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 15,
            },
        }
        self._events(
            [
                {"type": "response.created", "response": {**answer, "status": "in_progress", "output": []}},
                {"type": "response.output_item.added", "output_index": 0, "item": item},
                {"type": "response.output_item.done", "output_index": 0, "item": item},
                {"type": "response.completed", "response": answer},
            ]
        )

    def _chat(self, body: dict[str, Any]) -> None:
        tools = {tool.get("function", {}).get("name"): tool for tool in body.get("tools", [])}
        did = any(message.get("role") == "tool" for message in body.get("messages", []))
        shell = next((name for name in SHELLS if name in tools), None)
        message: dict[str, Any] = {"role": "assistant", "content": FINISHED}
        reason = "stop"
        if shell is not None and not did:
            call = {"name": shell, "arguments": json.dumps(_shell_arguments(tools[shell]["function"]["parameters"]))}
            message = {"role": "assistant", "content": None}
            message["tool_calls"] = [{"index": 0, "id": "call_1", "type": "function", "function": call}]
            reason = "tool_calls"
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        head = {"id": f"chat_{len(self.api.requests)}", "model": body.get("model", "fake"), "created": 1}
        if not body.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": reason}
            self._json(200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage})
            return
        chunk = {**head, "object": "chat.completion.chunk"}
        deltas = [
            {"index": 0, "delta": message, "finish_reason": None},
            {"index": 0, "delta": {}, "finish_reason": reason},
        ]
        self._data(
            [*({**chunk, "choices": [delta]} for delta in deltas), {**chunk, "choices": [], "usage": usage}], "[DONE]"
        )

    def _gemini(self, body: dict[str, Any], *, stream: bool) -> None:
        declared = [each for tool in body.get("tools", []) for each in tool.get("functionDeclarations", [])]
        tools = {each.get("name"): each for each in declared}
        parts = [part for content in body.get("contents", []) for part in content.get("parts", [])]
        did = any("functionResponse" in part for part in parts)
        part: dict[str, Any] = {"text": FINISHED}
        shell = next((name for name in SHELLS if name in tools), None)
        if shell is not None and not did:
            given = tools[shell].get("parametersJsonSchema") or tools[shell].get("parameters") or {}
            part = {"functionCall": {"name": shell, "args": _shell_arguments(given)}}
        schema = body.get("generationConfig", {}).get("responseJsonSchema") or body.get("generationConfig", {}).get(
            "responseSchema"
        )
        if schema and not tools:
            part = {"text": json.dumps(example(schema))}
        answer = {
            "candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
            "modelVersion": "fake",
        }
        if stream:
            self._data([answer])
        else:
            self._json(200, answer)

    def _data(self, values: list[dict[str, Any]], end: str = "") -> None:
        """A stream of events that have no names."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for text in [*map(json.dumps, values), *([end] if end else [])]:
            self.wfile.write(f"data: {text}\n\n".encode())
            self.wfile.flush()
        self.close_connection = True


def _shell_arguments(schema: dict[str, Any]) -> dict[str, Any]:
    """A call of a shell tool that writes the file, with what else the tool wants to be told."""
    given: dict[str, Any] = example(schema)
    given |= {"command": f"printf '{CONTENT.strip()}\\n' > {FILE}"}
    if "description" in schema.get("properties", {}):
        given["description"] = "Make the file"
    return given


def example(schema: dict[str, Any]) -> Any:
    """A value that a JSON schema allows, with what it requires and no more."""
    if schema.get("enum"):
        return schema["enum"][0]
    kind = str(schema.get("type", "object")).lower()
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: example(properties.get(name, {"type": "string"})) for name in schema.get("required", [])}
    return {"string": "x", "number": 1, "integer": 1, "boolean": False, "array": []}.get(kind, "x")
