"""Gemini, as a client and as a provider."""

from __future__ import annotations

import json
from typing import Any

from agentdeck.core.formats import schemas, seals, translate
from agentdeck.core.formats.names import Names
from agentdeck.core.formats.seals import NO_SEAL
from agentdeck.core.providers.apis import Api
from tests.core.formats.samples import CLAUDE_CODE, GEMINI_CLI
from tests.core.formats.test_messages_chat import CLAUDE_ANSWER, dialect, sent, streamed


def parts_of(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for event in events for part in event["candidates"][0]["content"]["parts"]]


def test_gemini_cli_reaches_claude() -> None:
    written = translate.written(translate.request_of(Api.GEMINI, GEMINI_CLI), dialect(Api.MESSAGES, "claude-opus-4-5"))
    found = written.document
    assert written.left_out == ("tool googleSearch",)
    calls, results = found["messages"][1]["content"], found["messages"][2]["content"]
    assert [call["id"] for call in calls] == [result["tool_use_id"] for result in results] == ["call_0", "call_1"]
    assert results[0]["content"] == [{"type": "text", "text": "first"}]
    assert results[1]["is_error"] is True
    assert results[1]["content"][1]["type"] == "image"
    assert found["tools"][1]["input_schema"] == {"type": "object", "properties": {"a": {"type": "string"}}}
    assert "googles-own" not in json.dumps(found)


def test_claude_code_reaches_gemini() -> None:
    found = sent(Api.MESSAGES, CLAUDE_CODE, dialect(Api.GEMINI, "gemini-3.8-flash"))
    assert [content["role"] for content in found["contents"]] == ["user", "model", "user"]
    model, user = found["contents"][1]["parts"], found["contents"][2]["parts"]
    calls = [part for part in model if "functionCall" in part]
    assert [call.get("thoughtSignature") for call in calls] == [NO_SEAL, None]
    assert [part["functionResponse"]["name"] for part in user[:2]] == ["Bash", "Read"]
    assert user[0]["functionResponse"]["response"] == {"error": "no such file"}
    assert user[1]["functionResponse"]["parts"][0]["inlineData"]["mimeType"] == "image/png"
    assert found["generationConfig"]["thinkingConfig"] == {"includeThoughts": True, "thinkingLevel": "HIGH"}
    older = sent(Api.MESSAGES, CLAUDE_CODE, dialect(Api.GEMINI, "gemini-2.5-pro"))
    kinds = [next(iter(part)) for part in older["contents"][2]["parts"]]
    assert kinds == ["functionResponse", "functionResponse", "text", "inlineData"]


def test_gemini_gets_its_own_seal_back_on_the_first_call() -> None:
    target = dialect(Api.GEMINI, "gemini-3.8-flash")
    answer: list[dict[str, Any]] = [
        {"candidates": [{"content": {"parts": [{"text": "Hm.", "thought": True}]}}]},
        {
            "candidates": [
                {
                    "content": {
                        "parts": [
                            {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "sealed"},
                            {"functionCall": {"name": "f", "args": {}}},
                        ]
                    },
                    "finishReason": "STOP",
                }
            ],
            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 3},
        },
    ]
    reader, writer = translate.reader(Api.GEMINI), translate.writer(Api.MESSAGES, Names([]), "m", target.seal, "i")
    for event in answer:
        writer.feed(reader.feed(event))
    message = writer.document()
    assert (message["stop_reason"], message["usage"]["output_tokens"]) == ("tool_use", 5)
    assert message["content"][0] == {"type": "thinking", "thinking": "Hm.", "signature": target.seal + "sealed"}
    history = [{"role": "user", "content": "x"}, {"role": "assistant", "content": message["content"]}]
    back = sent(Api.MESSAGES, {"messages": history}, target)["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in back] == ["sealed", None]


def test_claudes_seal_rides_on_a_gemini_call_and_comes_back() -> None:
    target = dialect(Api.MESSAGES, "claude-opus-4-5")
    reader, writer = translate.reader(Api.MESSAGES), translate.writer(Api.GEMINI, Names([]), "m", target.seal, "i")
    out = b"".join(writer.feed(reader.feed(event)) for event in CLAUDE_ANSWER) + writer.end()
    events = [json.loads(line.removeprefix(b"data: ")) for line in out.split(b"\n\n") if line]
    calls = [part for part in parts_of(events) if "functionCall" in part]
    assert [call["functionCall"]["args"] for call in calls] == [{"a": 1}, {}]
    assert seals.own(calls[0]["thoughtSignature"], target.seal) == "sig"
    assert events[-1]["candidates"][0]["finishReason"] == "STOP"
    assert events[-1]["usageMetadata"]["totalTokenCount"] == 15
    stripped = seals.stripped(Api.GEMINI, {"contents": [{"role": "model", "parts": calls}]})
    assert stripped["contents"][0]["parts"][0]["thoughtSignature"] == NO_SEAL
    history = [{"role": "user", "parts": [{"text": "x"}]}, {"role": "model", "parts": calls}]
    back = sent(Api.GEMINI, {"contents": history}, target)["messages"][1]["content"]
    assert back[0] == {"type": "thinking", "thinking": "", "signature": "sig"}


def test_a_prompt_that_is_blocked_is_a_refusal_and_a_malformed_call_a_fault() -> None:
    events = streamed(Api.GEMINI, [{"promptFeedback": {"blockReason": "SAFETY"}}], Api.MESSAGES)
    assert events[-2]["delta"]["stop_reason"] == "refusal"
    reader, writer = translate.reader(Api.GEMINI), translate.writer(Api.CHAT, Names([]), "m", "", "i")
    writer.feed(reader.feed({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}))
    assert writer.broken == "stopped with MALFORMED_FUNCTION_CALL"


def test_a_schema_loses_what_gemini_refuses() -> None:
    schema = {
        "$schema": "x",
        "type": "object",
        "$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}, "v": {"const": 1}}}},
        "properties": {"a": {"$ref": "#/$defs/n", "description": "A"}, "const": {"type": "string", "x-y": 1}},
        "required": ["a", "gone"],
        "additionalProperties": False,
    }
    found = schemas.for_gemini(schema)
    assert found["required"] == ["a"]
    assert found["properties"]["const"] == {"type": "string"}
    assert found["properties"]["a"]["properties"]["v"] == {"enum": [1]}
    assert found["properties"]["a"]["description"] == "A"
    text = json.dumps(found)
    assert not [word for word in ("$ref", "$defs", "$schema", "additionalProperties") if word in text]
