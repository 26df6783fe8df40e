"""The traps between the formats, one by one: what other translators and servers get wrong, and what is right.

Each is named after what went wrong elsewhere. Those of the gateway itself (a broken stream's end, times of silence, the
size of a context) are in tests/gateway.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from agentdeck.core.formats import translate
from agentdeck.core.formats.names import Names
from agentdeck.core.providers import faults
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.faults import FaultKind
from agentdeck.gateway import answers, streams
from tests.core.formats.samples import CLAUDE_CODE, CODEX, GEMINI_CLI, PICTURE
from tests.core.formats.test_messages_chat import called, chunk, dialect, sent, streamed
from tests.core.formats.test_responses import items_done, tools_of

CLAUDE = "claude-opus-4-5"
TRAPS: dict[str, Callable[[], None]] = {}


def trap(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def keep(check: Callable[[], None]) -> Callable[[], None]:
        TRAPS[name] = check
        return check

    return keep


@pytest.mark.parametrize("name", [f"{number:02}" for number in range(1, 32)])
def test_trap(name: str) -> None:
    found = [check for title, check in TRAPS.items() if title.startswith(name)]
    assert found, "each trap has a check"
    for check in found:
        check()


def user(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"max_tokens": 100, "messages": [{"role": "user", "content": list(blocks)}], **more}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def deltas(events: list[dict[str, Any]], key: str) -> str:
    return "".join(event["delta"].get(key, "") for event in events if event["type"] == "content_block_delta")


@trap("01 a local server “speaks Responses”, and knows neither Codex' tools nor its items")
def _() -> None:
    assert not translate.is_basic(Api.RESPONSES, CODEX)
    basic = sent(Api.RESPONSES, CODEX, dialect(Api.RESPONSES, "local", full=False, local=True))
    assert {item["type"] for item in basic["input"]} <= {"message", "function_call", "function_call_output"}
    assert {tool["type"] for tool in basic["tools"]} == {"function"}
    assert not basic.keys() & {"store", "include", "previous_response_id"}


@trap("02 a local server “speaks Chat”, and answers 500 to custom tools and to pictures")
def _() -> None:
    custom = {"type": "custom", "custom": {"name": "apply_patch"}}
    asked = {"messages": [{"role": "user", "content": "x"}], "tools": [custom]}
    assert not translate.is_basic(Api.CHAT, asked)
    (tool,) = sent(Api.CHAT, asked, dialect(Api.CHAT, "local", full=False, local=True))["tools"]
    assert tool["type"] == "function"
    body = json.dumps({"error": {"message": "image input is not supported - hint: mmproj", "code": 500}}).encode()
    fault = faults.of_response(Api.CHAT, 500, {}, body, now=0)
    assert fault is not None
    assert (fault.kind, fault.holds) == (FaultKind.NO_PICTURES, False)


@trap("03 thinking within a block of text, a block opened twice, a second message_start")
def _() -> None:
    pieces = [chunk({"reasoning_content": "a"}), chunk({"content": "b"}), chunk({"reasoning_content": "c"})]
    events = streamed(Api.CHAT, [*pieces, called(0, "{}", id="c", name="f"), chunk({}, "stop")], Api.MESSAGES)
    starts = [event["content_block"]["type"] for event in events if event["type"] == "content_block_start"]
    assert starts == ["thinking", "text", "thinking", "tool_use"]
    assert [event["index"] for event in events if event["type"] == "content_block_stop"] == [0, 1, 2, 3]
    assert sum(event["type"] == "message_start" for event in events) == 1


@trap("04 arguments that come only with “done”")
def _() -> None:
    item = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""}
    first = {"type": "response.output_item.added", "output_index": 0, "item": item}
    piece = {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"a"'}
    done = {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"a":1}'}
    end: dict[str, Any] = {"type": "response.completed", "response": {"status": "completed", "output": []}}
    for events in ([first, done, end], [first, piece, done, end]):
        assert deltas(streamed(Api.RESPONSES, events, Api.MESSAGES), "partial_json") == '{"a":1}'


@trap("05 reasoning as reasoning_text with an empty summary")
def _() -> None:
    item = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}
    end = {"type": "response.completed", "response": {"status": "completed", "output": [item]}}
    assert deltas(streamed(Api.RESPONSES, [end], Api.MESSAGES), "thinking") == "Hm."


@trap("06 “stop” beside a call ends the turn")
def _() -> None:
    answer = [called(0, "{}", id="c", name="f"), chunk({}, "stop")]
    assert streamed(Api.CHAT, answer, Api.MESSAGES)[-2]["delta"]["stop_reason"] == "tool_use"
    part = {"functionCall": {"name": "f", "args": {}}}
    gemini = [{"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}]
    assert streamed(Api.GEMINI, gemini, Api.CHAT)[-2]["choices"][0]["finish_reason"] == "tool_calls"


@trap("07 cached tokens counted twice, no counts without being asked, no total")
def _() -> None:
    assert sent(Api.MESSAGES, {**user(text("x")), "stream": True}, dialect(Api.CHAT))["stream_options"]
    usage = {"input_tokens": 7, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2}
    answer = [
        {"type": "message_start", "message": {"id": "m", "usage": usage}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
    ]
    told = streamed(Api.MESSAGES, answer, Api.RESPONSES)[-1]["response"]["usage"]
    assert (told["input_tokens"], told["output_tokens"], told["total_tokens"]) == (14, 3, 17)
    assert told["input_tokens_details"]["cached_tokens"] == 5


@trap("08 a failed result that looks like output")
def _() -> None:
    assert sent(Api.MESSAGES, CLAUDE_CODE, dialect(Api.CHAT))["messages"][3]["content"].startswith("Error: ")
    spoken = sent(Api.MESSAGES, CLAUDE_CODE, dialect(Api.RESPONSES, "gpt-5.5"))["input"]
    assert next(item["output"] for item in spoken if item["type"].endswith("output")).startswith("Error: ")


@trap("09 a picture in a result dropped, or between two tool messages")
def _() -> None:
    roles = [message["role"] for message in sent(Api.MESSAGES, CLAUDE_CODE, dialect(Api.CHAT))["messages"]]
    assert roles[-3:] == ["tool", "tool", "user"]
    assert PICTURE in json.dumps(sent(Api.MESSAGES, CLAUDE_CODE, dialect(Api.CHAT))["messages"][-1])


@trap("10 a PDF sent as a picture, dropped in silence, or as bare base64")
def _() -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    asked = user(text("Read."), {"type": "document", "source": source})
    (_, part) = sent(Api.MESSAGES, asked, dialect(Api.CHAT))["messages"][0]["content"]
    assert part["file"]["file_data"] == "data:application/pdf;base64,JVBERi0="
    local = translate.written(translate.request_of(Api.MESSAGES, asked), dialect(Api.CHAT, "m", full=False))
    assert (local.left_out, "[document left out" in json.dumps(local.document)) == (("document",), True)


@trap("11 a header that changes with each request, left in the prompt")
def _() -> None:
    for api in Api:
        assert "billing" not in json.dumps(sent(Api.MESSAGES, CLAUDE_CODE, dialect(api, CLAUDE)))
    assert not translate.is_basic(Api.MESSAGES, CLAUDE_CODE)


@trap("12 instructions within the conversation hoisted, or sent as a second system message")
def _() -> None:
    for api in Api:
        found = json.dumps(sent(Api.MESSAGES, CLAUDE_CODE, dialect(api, CLAUDE)))
        assert found.index("Look at both.") < found.index("<system-reminder>") < found.index("I look.")
    roles = [message["role"] for message in sent(Api.MESSAGES, CLAUDE_CODE, dialect(Api.CHAT))["messages"]]
    assert roles.count("system") == 1


@trap("13 a field that nobody knows yet refuses the whole request")
def _() -> None:
    asked = {**user({**text("x"), "new": {"a": 1}}), "brand_new": {"a": 1}, "thinking": {"type": "brand_new"}}
    written = translate.written(translate.request_of(Api.MESSAGES, asked), dialect(Api.CHAT))
    assert "brand_new" in written.left_out
    assert "brand_new" not in json.dumps(written.document)


@trap("14 tools in the input ignored, so that the backup has none")
def _() -> None:
    for api in Api:
        written = json.dumps(sent(Api.RESPONSES, CODEX, dialect(api, CLAUDE))["tools"])
        assert all(f'"{name}"' in written for name in ("exec", "wait", "mcp__docs__find"))


@trap("15 a free-form call answered as a function, a namespace as a dot")
def _() -> None:
    calls = [called(0, '{"input":"a();"}', id="c1", name="exec"), called(1, "{}", id="c2", name="mcp__docs__find")]
    custom, found = items_done(streamed(Api.CHAT, [*calls, chunk({}, "stop")], Api.RESPONSES, tools_of(CODEX)))
    assert (custom["type"], custom["input"]) == ("custom_tool_call", "a();")
    assert (found["name"], found["namespace"]) == ("find", "mcp__docs")


@trap("16 ids that a provider refuses, or that differ between call and result")
def _() -> None:
    for identity in ("call_a|fc:1.2", "x" * 300, ""):
        use = {"type": "tool_use", "id": identity, "name": "f", "input": {}}
        result = {"type": "tool_result", "tool_use_id": identity, "content": "r"}
        turns = [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
        ]
        messages = sent(Api.MESSAGES, {"messages": turns}, dialect(Api.CHAT))["messages"]
        assert messages[1]["tool_calls"][0]["id"] == messages[2]["tool_call_id"]
        assert 0 < len(messages[2]["tool_call_id"]) <= 64


@trap("17 a limit of 4,096 that nobody asked for, or 64,000 at a small server")
def _() -> None:
    assert sent(Api.RESPONSES, CODEX, dialect(Api.MESSAGES, CLAUDE))["max_tokens"] == 64_000
    assert "max_tokens" not in sent(Api.MESSAGES, CLAUDE_CODE, dialect(Api.CHAT, "my", full=False, local=True))


@trap("18 a key of a cache as cached content, a long user id as the user")
def _() -> None:
    found = sent(Api.RESPONSES, CODEX, dialect(Api.GEMINI, "gemini-3.8-flash"))
    assert not found.keys() & {"cachedContent", "labels"}
    assert not sent(Api.MESSAGES, CLAUDE_CODE, dialect(Api.CHAT)).keys() & {"user", "metadata"}


@trap("19 one call at a time, lost")
def _() -> None:
    tools = [{"name": "f", "input_schema": {}}]
    asked = user(text("x"), tools=tools, tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    for target in (dialect(Api.CHAT), dialect(Api.RESPONSES, "gpt-5.5")):
        assert sent(Api.MESSAGES, asked, target)["parallel_tool_calls"] is False


@trap("20 a forced tool beside thinking, a budget above the limit, a budget at models that refuse it")
def _() -> None:
    tool = {"type": "function", "name": "f", "parameters": {}}
    asked = {"input": "x", "tools": [tool], "reasoning": {"effort": "high"}, "max_output_tokens": 5_000}
    forced = sent(Api.RESPONSES, {**asked, "tool_choice": "required"}, dialect(Api.MESSAGES, CLAUDE))
    assert (forced["tool_choice"]["type"], "thinking" in forced) == ("any", False)
    free = sent(Api.RESPONSES, asked, dialect(Api.MESSAGES, CLAUDE))
    assert 1_024 <= free["thinking"]["budget_tokens"] < free["max_tokens"] == 5_000
    newer = sent(Api.RESPONSES, asked, dialect(Api.MESSAGES, "claude-opus-5"))
    assert (newer["thinking"], newer["output_config"]) == ({"type": "adaptive"}, {"effort": "high"})
    never = sent(Api.RESPONSES, {**asked, "tool_choice": "required"}, dialect(Api.MESSAGES, "claude-fable-5-1"))
    assert never["tool_choice"] == {"type": "auto"}


@trap("21 Gemini: parallel calls apart, results of another number, a required property that is not there")
def _() -> None:
    found = sent(Api.MESSAGES, CLAUDE_CODE, dialect(Api.GEMINI, "gemini-3.8-flash"))
    for content in found["contents"]:
        kinds = [next(iter(part)) for part in content["parts"]]
        assert kinds.count("functionCall") in (0, 2)
        assert kinds.count("functionResponse") in (0, 2)
    assert sent(Api.GEMINI, GEMINI_CLI, dialect(Api.CHAT))["tools"][0]["function"]["name"] == "read_file"


@trap("22 text between a call and its result")
def _() -> None:
    items = [
        {"role": "user", "content": "x"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"role": "assistant", "content": "I wait."},
        {"type": "function_call_output", "call_id": "c", "output": "r"},
    ]
    turns = sent(Api.RESPONSES, {"input": items}, dialect(Api.MESSAGES, CLAUDE))["messages"]
    assert [block["type"] for block in turns[1]["content"]] == ["text", "tool_use"]
    assert turns[2]["content"][0]["type"] == "tool_result"


@trap("23 an error in mid-stream that becomes an end")
def _() -> None:
    for api in Api:
        end = streams.ending(api, "broke")
        for good in (b"message_stop", b"response.completed", b'"finish_reason": "stop"', b"finishReason"):
            assert good not in end


@trap("24 a stream without a reason for its end that looks whole")
def _() -> None:
    for source, event in (
        (Api.CHAT, chunk({"content": "half"})),
        (Api.GEMINI, {"candidates": [{"content": {"parts": [{"text": "half"}]}}]}),
        (Api.RESPONSES, {"type": "response.output_text.delta", "output_index": 0, "delta": "half"}),
        (Api.MESSAGES, {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "half"}}),
    ):
        reader = translate.reader(source)
        writer = translate.writer(Api.MESSAGES, Names([]), "m", "", "i")
        writer.feed(reader.feed(event))
        writer.feed(reader.end())
        assert not writer.finish


@trap("25 comments, CRLF, several lines of data, pieces cut in a character")
def _() -> None:
    whole = ': hello\r\n\r\ndata: {"a":\r\ndata: "é"}\r\n\r\ndata: [DONE]\r\n\r\n'.encode()
    for size in (1, 3, 7):
        cutter = streams.Events()
        blocks = [cutter.feed(whole[at : at + size]) for at in range(0, len(whole), size)]
        found = [streams.parsed(raw) for raw in streams.events(b"".join(blocks))]
        assert (found[0].comment, found[1].data, found[2].done) == (True, {"a": "é"}, True)


@trap("26 Chat servers of every kind: no id, no index, arguments as an object, two ends, a role each time")
def _() -> None:
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    pieces = [chunk({"role": "assistant", "content": None}), chunk({"role": "assistant", "tool_calls": [call]})]
    events = streamed(Api.CHAT, [*pieces, chunk({}, "stop"), chunk({}, "stop")], Api.MESSAGES)
    assert deltas(events, "partial_json") == '{"a":1}'
    assert sum(event["type"] == "message_delta" for event in events) == 1
    assert next(e for e in events if e["type"] == "content_block_start")["content_block"]["id"]


@trap("27 <think> in the text, shown to the person")
def _() -> None:
    pieces = [chunk({"content": "<think>Hm.</think>\n"}), chunk({"content": "Yes <think>."}), chunk({}, "stop")]
    events = streamed(Api.CHAT, pieces, Api.MESSAGES)
    assert (deltas(events, "thinking"), deltas(events, "text").strip()) == ("Hm.", "Yes <think>.")


@trap("28 signs of life taken for content")
def _() -> None:
    signs = {
        Api.MESSAGES: b'event: ping\ndata: {"type": "ping"}\n\n',
        Api.CHAT: b": OPENROUTER PROCESSING\n\n",
        Api.RESPONSES: b'data: {"type":"response.in_progress"}\n\n',
        Api.GEMINI: b": still at it\n\n",
    }
    assert all(streams.is_quiet(api, sign) for api, sign in signs.items())


@trap("29 the provider's name of the model, which the client does not know")
def _() -> None:
    for api in (Api.MESSAGES, Api.CHAT, Api.RESPONSES):
        events = streamed(Api.CHAT, [{**chunk({"content": "x"}, "stop"), "model": "theirs"}], api)
        assert "asked" in json.dumps(events)
        assert "theirs" not in json.dumps(events)


@trap("30 an error in an envelope that the client can't open")
def _() -> None:
    told = {api: json.loads(answers.refused(api, 400, "no such tool").body) for api in Api}
    assert told[Api.MESSAGES]["error"]["message"] == "no such tool"
    assert told[Api.MESSAGES]["type"] == "error"
    assert told[Api.CHAT]["error"]["message"] == "no such tool"
    assert (told[Api.GEMINI]["error"]["code"], told[Api.GEMINI]["error"]["message"]) == (400, "no such tool")


@trap("31 too long a prompt that is said in words of its own, or within a stream that began well")
def _() -> None:
    own = {"code": 400, "type": "exceed_context_size_error", "message": "no", "n_prompt_tokens": 4024, "n_ctx": 2048}
    fault = faults.of_response(Api.MESSAGES, 400, {}, json.dumps({"error": own}).encode(), now=0)
    assert fault is not None
    assert fault.overflow is not None
    assert (fault.kind, fault.overflow.prompt, fault.overflow.limit) == (FaultKind.TOO_LONG, 4024, 2048)
    studio = "The number of tokens to keep from the initial prompt is greater than the context length"
    event = faults.of_event(Api.CHAT, {"error": {"message": studio}}, now=0)
    assert event is not None
    assert event.kind is FaultKind.TOO_LONG
