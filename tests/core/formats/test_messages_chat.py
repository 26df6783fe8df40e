"""Between Messages and Chat: what a request becomes, and what an answer becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentdeck.core.formats import seals, translate
from agentdeck.core.formats.ir import CannotCarry, Dialect
from agentdeck.core.formats.names import Names
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.models import facts_of
from tests.core.formats.samples import CLAUDE_CODE, PICTURE


def dialect(api: Api, model: str = "gpt-4o", *, full: bool = True, local: bool = False) -> Dialect:
    return Dialect(api, full, model, seals.mark_of(api, "https://x.example/v1"), facts_of(model), local)


def sent(source: Api, document: dict[str, Any], target: Dialect) -> dict[str, Any]:
    return translate.written(translate.request_of(source, document), target).document


def streamed(
    source: Api, events: list[dict[str, Any]], target: Api, tools: Names | None = None
) -> list[dict[str, Any]]:
    """What a client of `target` gets from a provider of `source`, decoded."""
    reader, writer = (
        translate.reader(source),
        translate.writer(target, tools or Names([]), "asked", "agentdeck.1.x.", "i"),
    )
    out = b"".join(writer.feed(reader.feed(event)) for event in events) + writer.feed(reader.end()) + writer.end()
    lines = [line.removeprefix(b"data: ") for line in out.splitlines() if line.startswith(b"data: {")]
    return [json.loads(line) for line in lines]


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"id": "c1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def called(index: int | None, arguments: str | None, **more: Any) -> dict[str, Any]:
    function = {} if arguments is None else {"arguments": arguments}
    name = more.pop("name", None)
    call = {
        **({} if index is None else {"index": index}),
        "function": function | ({"name": name} if name else {}),
        **more,
    }
    return chunk({"tool_calls": [call]})


def test_claude_codes_request_becomes_one_that_every_chat_server_takes() -> None:
    found = sent(Api.MESSAGES, CLAUDE_CODE, dialect(Api.CHAT))
    messages = found["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool", "tool", "user"]
    assert messages[0]["content"] == "You are Claude Code.\n\nBe brief."
    assert "<system-reminder>\nThe date is today." in messages[1]["content"]
    calls = messages[2]["tool_calls"]
    assert [call["id"] for call in calls] == [message["tool_call_id"] for message in messages[3:5]]
    assert json.loads(calls[0]["function"]["arguments"]) == {"c": "ls"}
    assert messages[3]["content"] == "Error: no such file"
    assert messages[4]["content"] == "(image below)"
    assert messages[5]["content"][1]["image_url"]["url"] == f"data:image/png;base64,{PICTURE}"
    assert [tool["function"]["name"] for tool in found["tools"]] == ["Bash", "Read"]
    assert found["max_completion_tokens"] == 16_384
    assert found["stream_options"] == {"include_usage": True}
    for foreign in ("anthropics-own", "cache_control", "billing", "user_id", "thinking"):
        assert foreign not in json.dumps(found)


def test_what_is_left_out_is_said() -> None:
    written = translate.written(translate.request_of(Api.MESSAGES, CLAUDE_CODE), dialect(Api.CHAT, "codellama"))
    assert written.left_out == ("tool web_search", "image")
    assert "[image left out: image/png]" in json.dumps(written.document)


@pytest.mark.parametrize(
    ("api", "more", "field"),
    [
        (Api.MESSAGES, {"mcp_servers": [{"url": "x"}]}, "mcp_servers"),
        (Api.MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools: web_search"),
        (Api.CHAT, {"n": 2}, "n"),
    ],
)
def test_what_no_other_format_has_and_can_not_be_left_out_is_named(api: Api, more: dict[str, Any], field: str) -> None:
    with pytest.raises(CannotCarry, match=field):
        sent(api, {"messages": [{"role": "user", "content": "x"}], **more}, dialect(Api.CHAT))


def test_a_local_server_is_sent_no_limit_that_may_exceed_its_window() -> None:
    found = sent(Api.MESSAGES, CLAUDE_CODE, dialect(Api.CHAT, "my-model", full=False, local=True))
    assert not found.keys() & {"max_tokens", "max_completion_tokens"}


def test_a_chat_request_becomes_one_for_claude() -> None:
    asked: dict[str, Any] = {
        "model": "m",
        "temperature": 1.7,
        "reasoning_effort": "medium",
        "parallel_tool_calls": False,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Go"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "x"}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
            {"role": "tool", "tool_call_id": "gone", "content": "orphan"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": "c2", "function": {"name": "f", "arguments": ""}}],
            },
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    }
    found = sent(Api.CHAT, asked, dialect(Api.MESSAGES, "claude-opus-4-5"))
    assert found["system"][-1] == {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}
    assert found["messages"][1]["content"] == [{"type": "tool_use", "id": "c1", "name": "f", "input": {"input": "x"}}]
    results = found["messages"][2]["content"]
    assert (results[0]["type"], results[0]["tool_use_id"]) == ("tool_result", "c1")
    assert [block["text"] for block in results[1:]] == ["(result of an earlier call)", "orphan"]
    last = found["messages"][-1]["content"][0]
    assert (last["tool_use_id"], last["is_error"]) == ("c2", True)
    assert found["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert found["max_tokens"] == 64_000
    assert found["temperature"] == 1.0
    assert "thinking" not in found, "the running round of calls has no thinking of its own"
    fresh = sent(Api.CHAT, {**asked, "messages": asked["messages"][:2]}, dialect(Api.MESSAGES, "claude-opus-4-5"))
    assert fresh["thinking"] == {"type": "enabled", "budget_tokens": 8_192}
    assert "temperature" not in fresh


PLAIN = [
    called(0, "", id="c1", name="Bash"),
    called(0, '{"c":'),
    called(0, '"ls"}'),
    called(1, "", id="c2", name="Bash"),
    called(1, '{"c":"pwd"}'),
]
CALLS = {
    "as OpenAI": PLAIN,
    "interleaved": [PLAIN[0], PLAIN[1], PLAIN[3], PLAIN[4], PLAIN[2]],
    "no index": [called(None, '{"c":"ls"}', id="c1", name="Bash"), called(None, '{"c":"pwd"}', id="c2", name="Bash")],
    "one index": [called(0, '{"c":"ls"}', id="c1", name="Bash"), called(0, '{"c":"pwd"}', id="c2", name="Bash")],
    "ids anew": [
        called(0, "", id="c1", name="Bash"),
        called(0, '{"c":"ls"}', id="other"),
        called(1, '{"c":"pwd"}', id="c2", name="Bash"),
    ],
    "name in pieces": [called(0, None, id="c1", name="Ba"), called(0, '{"c":"ls"}', name="sh"), *PLAIN[3:]],
    "name repeated": [
        called(0, '{"c":', id="c1", name="Bash"),
        called(0, '"ls"}', id="c1", name="Bash"),
        called(1, '{"c":"pwd"}', id="c2", name="Bash"),
    ],
}


@pytest.mark.parametrize("how", CALLS)
@pytest.mark.parametrize("finish", ["stop", "tool_calls"])
def test_two_parallel_calls_reach_claude_code_one_after_the_other(how: str, finish: str) -> None:
    end = [chunk({}, finish), chunk({}, finish), {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}]
    events = streamed(Api.CHAT, [chunk({"role": "assistant", "content": None}), *CALLS[how], *end], Api.MESSAGES)
    blocks: dict[int, tuple[str, str]] = {}
    open_at = -1
    for event in events:
        if event["type"] == "content_block_start":
            assert (open_at, event["index"]) == (-1, len(blocks))
            open_at = event["index"]
            assert event["content_block"]["input"] == {}
            blocks[open_at] = (event["content_block"]["id"], "")
        elif event["type"] == "content_block_delta":
            assert event["index"] == open_at
            identity, text = blocks[open_at]
            blocks[open_at] = (identity, text + event["delta"]["partial_json"])
        elif event["type"] == "content_block_stop":
            open_at = -1
    assert {identity: json.loads(text) for identity, text in blocks.values()} == {"c1": {"c": "ls"}, "c2": {"c": "pwd"}}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert events[-2]["usage"]["input_tokens"] == 9


def test_a_call_without_an_id_gets_one_and_arguments_may_be_an_object() -> None:
    calls = [{"function": {"name": "Bash", "arguments": {"c": "ls"}}}]
    events = streamed(Api.CHAT, [chunk({"tool_calls": calls}, "stop")], Api.MESSAGES)
    assert events[1]["content_block"]["id"] == "call_i_0"
    assert events[2]["delta"]["partial_json"] == '{"c":"ls"}'


@pytest.mark.parametrize("cut", [1, 3, 7, 100])
def test_a_think_element_at_the_beginning_is_thought_and_later_it_is_text(cut: int) -> None:
    text = "<think>one two</think>\n\nHello <think>x</think>"
    chunks = [chunk({"content": text[at : at + cut]}) for at in range(0, len(text), cut)]
    events = streamed(Api.CHAT, [*chunks, chunk({}, "stop")], Api.MESSAGES)
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("thinking", "") for delta in deltas) == "one two"
    assert "".join(delta.get("text", "") for delta in deltas).strip() == "Hello <think>x</think>"
    assert [delta["signature"] for delta in deltas if "signature" in delta] == ["agentdeck.1.x."]


CLAUDE_ANSWER: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 7, "cache_read_input_tokens": 5}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "ping"},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "I look."}},
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
    {"type": "content_block_stop", "index": 2},
    {
        "type": "content_block_start",
        "index": 3,
        "content_block": {"type": "tool_use", "id": "t2", "name": "f", "input": {}},
    },
    {"type": "content_block_stop", "index": 3},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
]


def test_an_answer_of_claudes_reaches_a_chat_client() -> None:
    events = streamed(Api.MESSAGES, CLAUDE_ANSWER, Api.CHAT)
    deltas = [event["choices"][0]["delta"] for event in events if event["choices"]]
    assert "".join(delta.get("reasoning_content") or "" for delta in deltas) == "Hm."
    assert "".join(delta.get("content") or "" for delta in deltas) == "I look."
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert [(call["index"], call.get("id")) for call in calls] == [(0, "t1"), (0, None), (1, "t2"), (1, None)]
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    assert events[-1]["usage"] == {**usage, "prompt_tokens_details": {"cached_tokens": 5}}


def test_a_custom_tool_comes_back_as_one() -> None:
    grammar = {"syntax": "lark", "definition": "start: x"}
    custom = {"name": "apply_patch", "description": "Patch", "format": {"type": "grammar", "grammar": grammar}}
    asked: dict[str, Any] = {
        "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "custom", "custom": custom}],
    }
    written = translate.written(translate.request_of(Api.CHAT, asked), dialect(Api.MESSAGES, "claude-opus-4-5"))
    assert "grammars of tools" in written.left_out
    tool = written.document["tools"][0]
    assert tool["input_schema"]["required"] == ["input"]
    assert "start: x" in tool["description"]
    block = {"type": "tool_use", "id": "t", "name": "apply_patch", "input": {}}
    given = {"type": "input_json_delta", "partial_json": json.dumps({"input": "*** Begin Patch"})}
    answer: list[dict[str, Any]] = [
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": given},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
    ]
    events = streamed(Api.MESSAGES, answer, Api.CHAT, written.tools)
    calls = [event["choices"][0]["delta"].get("tool_calls") for event in events if event["choices"]]
    found = [call[0] for call in calls if call]
    assert found[0]["type"] == "custom"
    assert "".join(call["custom"]["input"] for call in found) == "*** Begin Patch"
    history = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "t", "type": "custom", "custom": {"name": "apply_patch", "input": "P"}}],
    }
    again = {**asked, "messages": [*asked["messages"], history, {"role": "tool", "tool_call_id": "t", "content": "ok"}]}
    messages = sent(Api.CHAT, again, dialect(Api.MESSAGES, "claude-opus-4-5"))["messages"]
    assert messages[1]["content"][0]["input"] == {"input": "P"}


def test_only_its_own_seals_come_back_to_a_provider() -> None:
    target = dialect(Api.MESSAGES, "claude-opus-4-5")

    def kept(signature: str) -> list[Any]:
        block = {"type": "thinking", "thinking": "Hm.", "signature": signature}
        messages = [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [block, {"type": "text", "text": "b"}]},
        ]
        written = sent(Api.MESSAGES, {"messages": [*messages, {"role": "user", "content": "c"}]}, target)
        return [each.get("signature") for each in written["messages"][1]["content"] if each["type"] == "thinking"]

    assert kept(target.seal + "mine") == ["mine"]
    assert kept(seals.encoded(target.seal + "mine")) == ["mine"]
    assert kept(target.seal) == []
    assert kept("agentdeck.1.chat.0123456789ab.theirs") == []
    assert kept("unmarked, from who knows where") == []


def test_long_names_map_there_and_back() -> None:
    name = "mcp__a_server_with_a_very_long_name__and_a_tool_with_a_longer_one_still"
    asked = {"messages": [{"role": "user", "content": "x"}], "tools": [{"name": name, "input_schema": {}}]}
    written = translate.written(translate.request_of(Api.MESSAGES, asked), dialect(Api.CHAT))
    short = written.document["tools"][0]["function"]["name"]
    assert len(short) == 64
    assert written.tools.meant(short).name == name
    events = streamed(Api.CHAT, [called(0, "{}", id="c", name=short), chunk({}, "stop")], Api.MESSAGES, written.tools)
    assert events[1]["content_block"]["name"] == name


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_tokens"), ("content_filter", "refusal"), ("stop", "end_turn")]
)
def test_a_finish_keeps_its_meaning(finish: str, reason: str) -> None:
    events = streamed(Api.CHAT, [chunk({"content": "x"}), chunk({}, finish)], Api.MESSAGES)
    assert events[-2]["delta"]["stop_reason"] == reason
