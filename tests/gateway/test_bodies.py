from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.providers import token_usage as usage
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.token_usage import Usage
from agentdeck.gateway import bodies
from tests.gateway.upstream import APIS, usage_of

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["model", '"model":', "\\", "{"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "stream_options", "a", "{"]), inner, max_size=3)
    ),
    max_leaves=8,
)
_bodies = st.dictionaries(st.sampled_from(["a", "b", "messages", '"', "metadata"]), _values, max_size=4)


def _written(document: dict[str, Any], indent: int | None, ascii_only: bool) -> bytes:
    return json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


@given(_bodies, st.text(max_size=6), st.text(max_size=9), st.none() | st.integers(0, 2), st.booleans(), st.booleans())
def test_only_the_model_of_the_request_changes(
    more: dict[str, Any], old: str, new: str, indent: int | None, ascii_only: bool, first: bool
) -> None:
    document = {"model": old, **more} if first else {**more, "model": old}
    raw = _written(document, indent, ascii_only)
    changed = bodies.with_value(raw, "model", new)
    assert json.loads(changed) == {**document, "model": new}
    before, after = json.dumps(old, ensure_ascii=ascii_only), json.dumps(new)
    size = len(before.encode("utf-8", "surrogatepass"))
    assert len(changed) == len(raw) - size + len(after)


@given(_bodies, st.sampled_from([None, {}, {"x": 1}, {"include_usage": False, "x": [{}]}, "absent"]), st.integers(0, 2))
def test_usage_is_asked_for_and_nothing_else_changes(more: dict[str, Any], options: Any, indent: int) -> None:
    document = {"model": "m", **more}
    if options != "absent":
        document["stream_options"] = options
    raw = _written(document, indent or None, True)
    changed = json.loads(bodies.asking_usage(raw, document))
    asked = changed.pop("stream_options")
    document.pop("stream_options", None)
    assert changed == document
    given_options = options if isinstance(options, dict) else {}
    assert asked == {**given_options, "include_usage": True}


def test_stripping_thinking_keeps_everything_else() -> None:
    think = {"type": "thinking", "thinking": "hm", "signature": "s"}
    text = {"type": "text", "text": "hi"}
    request = {
        "model": "m",
        "thinking": {"type": "enabled"},
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [think, text]},
            {"role": "assistant", "content": [think, {"type": "redacted_thinking", "data": "x"}]},
            {"role": "user", "content": [text]},
        ],
    }
    stripped = bodies.without_thinking(request)
    contents = [message["content"] for message in stripped["messages"]]
    assert contents == ["go", [text], [text]]
    assert stripped["thinking"] == {"type": "enabled"}
    assert request["messages"][1]["content"] == [think, text]  # type: ignore[index]


def test_thinking_is_off_while_tools_are_in_use() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": "ok"}
    request = {"thinking": {"type": "enabled"}, "messages": [{"role": "user", "content": [result]}]}
    assert "thinking" not in bodies.without_thinking(request)


def test_estimated_tokens_follow_text_and_not_the_bytes_of_pictures() -> None:
    picture = {"type": "image", "source": {"type": "base64", "data": "A" * 1_000_000}}
    assert bodies.estimated_tokens({"messages": [{"content": [picture]}]}) < 2000
    assert 800 <= bodies.estimated_tokens({"messages": [{"content": "word " * 800}]}) <= 900
    assert bodies.estimated_tokens({}) == 1


@pytest.mark.parametrize("api", APIS)
def test_usage_has_one_shape(api: Api) -> None:
    assert usage.of_document(api, {"usage": usage_of(api)}) == Usage(input=11, output=7, cache_read=5)


@pytest.mark.parametrize("document", [None, [], {}, {"usage": None}, {"usage": {"input_tokens": "x"}}, {"message": 1}])
def test_no_usage_is_zeros(document: Any) -> None:
    assert [usage.of_document(api, document) for api in APIS] == [usage.NOTHING] * 3
