"""Responses: what Codex asks, and what it gets from providers of other formats."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentdeck.core.formats import translate
from agentdeck.core.formats.ir import CannotCarry
from agentdeck.core.formats.names import Names
from agentdeck.core.providers.apis import Api
from tests.core.formats.samples import CLAUDE_CODE, CODEX, CODEX_OLD
from tests.core.formats.test_messages_chat import CLAUDE_ANSWER, called, chunk, dialect, sent, streamed


def tools_of(document: dict[str, Any]) -> Names:
    return translate.written(translate.request_of(Api.RESPONSES, document), dialect(Api.CHAT)).tools


def items_done(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event["item"] for event in events if event["type"] == "response.output_item.done"]


def test_codex_reaches_a_chat_server_with_all_its_tools() -> None:
    written = translate.written(translate.request_of(Api.RESPONSES, CODEX), dialect(Api.CHAT, "m", full=False))
    functions = {tool["function"]["name"]: tool["function"] for tool in written.document["tools"]}
    assert list(functions) == ["exec", "wait", "mcp__docs__find"]
    assert functions["exec"]["parameters"]["required"] == ["input"]
    assert "start: begin" in functions["exec"]["description"]
    assert "encrypted" not in json.dumps(functions)
    roles = [message["role"] for message in written.document["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool", "user"]
    calls = written.document["messages"][2]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["exec", "mcp__docs__find"]
    assert json.loads(calls[0]["function"]["arguments"]) == {"input": "a();"}
    assert "openais-own" not in json.dumps(written.document)
    assert written.document["parallel_tool_calls"] is False


def test_codex_reaches_claude() -> None:
    found = sent(Api.RESPONSES, CODEX, dialect(Api.MESSAGES, "claude-opus-4-5"))
    assert found["max_tokens"] == 64_000
    assert [message["role"] for message in found["messages"]] == ["user", "assistant", "user"]
    assert found["messages"][2]["content"][1]["content"][1]["type"] == "image"
    assert "thinking" not in found


@pytest.mark.parametrize("field", ["previous_response_id", "conversation", "background"])
def test_state_at_the_provider_can_not_be_carried(field: str) -> None:
    with pytest.raises(CannotCarry, match=field):
        sent(Api.RESPONSES, {**CODEX, field: "x"}, dialect(Api.CHAT))


def test_a_compacted_past_can_not_be_carried() -> None:
    items = [*CODEX["input"], {"type": "compaction", "encrypted_content": "x"}]
    with pytest.raises(CannotCarry, match="compaction"):
        sent(Api.RESPONSES, {**CODEX, "input": items}, dialect(Api.CHAT))


def test_a_search_that_is_switched_off_is_left_out_in_silence() -> None:
    written = translate.written(translate.request_of(Api.RESPONSES, CODEX_OLD), dialect(Api.CHAT))
    assert written.left_out == ("tool tool_search",)
    assert [tool["type"] for tool in written.document["tools"]] == ["function", "custom", "function"]


def test_a_custom_call_comes_back_as_one_and_a_namespace_as_its_own_field() -> None:
    answer = [
        called(0, '{"input":', id="c1", name="exec"),
        called(0, '"a();"}'),
        called(1, "{}", id="c2", name="mcp__docs__find"),
        called(2, '{"cmd":"x"}', id="c3", name="wait"),
        chunk({}, "stop"),
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}},
    ]
    events = streamed(Api.CHAT, answer, Api.RESPONSES, tools_of(CODEX))
    custom, found, waiting = items_done(events)
    assert (custom["type"], custom["name"], custom["input"]) == ("custom_tool_call", "exec", "a();")
    assert (found["name"], found["namespace"], found["arguments"]) == ("find", "mcp__docs", "{}")
    assert (waiting["type"], waiting["name"]) == ("function_call", "wait")
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    last = events[-1]
    assert last["type"] == "response.completed"
    assert last["response"]["output"] == [custom, found, waiting]
    assert last["response"]["usage"]["total_tokens"] == 11


def test_a_call_that_the_limit_cut_off_is_never_told_as_done() -> None:
    answer = [called(0, '{"cmd":"rm', id="c1", name="wait"), chunk({}, "length")]
    events = streamed(Api.CHAT, answer, Api.RESPONSES, tools_of(CODEX))
    assert items_done(events) == []
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_reasoning_of_claude_rides_in_codex_own_field_and_comes_back() -> None:
    target = dialect(Api.MESSAGES, "claude-opus-4-5")
    reader = translate.reader(Api.MESSAGES)
    writer = translate.writer(Api.RESPONSES, Names([]), "asked", target.seal, "i")
    out = b"".join(writer.feed(reader.feed(event)) for event in CLAUDE_ANSWER) + writer.end()
    reasoning = writer.document()["output"][0]
    assert reasoning["encrypted_content"] == target.seal + "sig"
    assert reasoning["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert out.count(b"response.output_item.done\n") == 4
    history = [CODEX["input"][2], *writer.document()["output"]]
    back = sent(Api.RESPONSES, {"input": history}, target)
    assert back["messages"][1]["content"][0] == {"type": "thinking", "thinking": "Hm.", "signature": "sig"}
    elsewhere = sent(Api.RESPONSES, {"input": history}, dialect(Api.CHAT))
    assert "sig" not in json.dumps(elsewhere)


def test_local_shell_calls_come_back_as_such() -> None:
    answer = [called(0, '{"command":["ls"],"workdir":"/x"}', id="c1", name="local_shell"), chunk({}, "stop")]
    (item,) = items_done(streamed(Api.CHAT, answer, Api.RESPONSES, tools_of(CODEX_OLD)))
    assert item["type"] == "local_shell_call"
    assert item["action"]["command"] == ["ls"]
    items = [*CODEX_OLD["input"], item, {"type": "local_shell_call_output", "call_id": "c1", "output": "a"}]
    call = sent(Api.RESPONSES, {**CODEX_OLD, "input": items}, dialect(Api.CHAT))["messages"][-2]["tool_calls"][0]
    assert json.loads(call["function"]["arguments"]) == {"command": ["ls"], "workdir": "/x"}


def test_claude_code_reaches_openai_in_its_own_words() -> None:
    found = sent(Api.MESSAGES, CLAUDE_CODE, dialect(Api.RESPONSES, "gpt-5.5"))
    assert found["store"] is False
    assert found["reasoning"] == {"effort": "high", "summary": "auto"}
    assert [tool["strict"] for tool in found["tools"]] == [False, False]
    kinds = [item["type"] for item in found["input"]]
    assert kinds == [
        "message",
        "message",
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
        "message",
    ]
    assert found["input"][4]["output"] == "Error: no such file"
    assert found["input"][5]["output"][0]["type"] == "input_image"
    assert "anthropics-own" not in json.dumps(found)


def item(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "id": f"{kind}_1", **more}


CALL = item("function_call", call_id="c1", name="Bash", arguments='{"c":"ls"}')
MESSAGE = item("message", role="assistant", content=[{"type": "output_text", "text": "Hello"}])
REASONING = item("reasoning", summary=[], content=[{"type": "reasoning_text", "text": "Hm."}], encrypted_content="enc")
ENDING = {"type": "response.completed", "response": {"status": "completed", "output": [REASONING, MESSAGE, CALL]}}


def done(at: int, what: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": at, "item": what}


def added(at: int, what: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": at, "item": {**what, "arguments": "", "content": []}}


STREAMS = {
    "only the last event": [ENDING],
    "only whole items": [done(0, REASONING), done(1, MESSAGE), done(2, CALL), ENDING],
    "deltas and whole items": [
        added(0, REASONING),
        {"type": "response.reasoning_text.delta", "output_index": 0, "item_id": "x", "delta": "Hm."},
        done(0, REASONING),
        added(1, MESSAGE),
        {"type": "response.output_text.delta", "output_index": 1, "item_id": "y", "delta": "Hel"},
        {"type": "response.output_text.delta", "output_index": 1, "item_id": "y", "delta": "lo"},
        done(1, MESSAGE),
        added(2, CALL),
        {"type": "response.function_call_arguments.delta", "output_index": 2, "item_id": "z", "delta": '{"c":'},
        {"type": "response.function_call_arguments.done", "output_index": 2, "item_id": "z", "arguments": '{"c":"ls"}'},
        done(2, CALL),
        ENDING,
    ],
    "arguments only with the end": [added(2, CALL), done(2, CALL), ENDING],
}


@pytest.mark.parametrize("how", STREAMS)
def test_every_way_to_stream_an_item_tells_the_same(how: str) -> None:
    events = streamed(Api.RESPONSES, STREAMS[how], Api.MESSAGES)
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("thinking", "") for delta in deltas) == "Hm."
    assert "".join(delta.get("text", "") for delta in deltas) == "Hello"
    assert "".join(delta.get("partial_json", "") for delta in deltas) == '{"c":"ls"}'
    assert [delta["signature"] for delta in deltas if "signature" in delta] == ["agentdeck.1.x.enc"]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
