"""Our translation of Messages requests to Chat says what litellm's says, but for the differences that are named here.

`make test-oracles` installs litellm into an environment of its own, named by AGENTDECK_TEST_LITELLM; without, skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdeck.core.providers.apis import Api
from tests.core.formats.test_messages_chat import dialect, sent

PYTHON = os.environ.get("AGENTDECK_TEST_LITELLM", "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON, reason="make test-oracles installs litellm")]
words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
values = st.dictionaries(st.sampled_from(["a", "b"]), words | st.integers() | st.lists(words, max_size=2), max_size=2)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
TOOLS = [{"name": name, "description": f"Does {name}", "input_schema": SCHEMA} for name in ("run", "read_file")]


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Whole conversations, with results of all calls; what both are known to see in another way is left out."""
    turns: list[dict[str, Any]] = [{"role": "user", "content": draw(words)}]
    for number in range(draw(st.integers(0, 3))):
        blocks = [said(draw(words))] if draw(st.booleans()) else []
        names = draw(st.lists(st.sampled_from(["run", "read_file"]), max_size=2))
        ids = [f"toolu_{number}_{at}" for at in range(len(names))]
        blocks += [
            {"type": "tool_use", "id": each, "name": name, "input": draw(values)}
            for each, name in zip(ids, names, strict=True)
        ]
        turns.append({"role": "assistant", "content": blocks or [said(draw(words))]})
        results: list[dict[str, Any]] = [
            {"type": "tool_result", "tool_use_id": each, "content": draw(words | words.map(lambda text: [said(text)]))}
            for each in ids
        ]
        turns.append({"role": "user", "content": results or [said(draw(words))]})
    request: dict[str, Any] = {"model": "gpt-4o", "max_tokens": draw(st.integers(1, 8000)), "messages": turns}
    if draw(st.booleans()):
        request["system"] = draw(words | words.map(lambda text: [said(text)]))
    if draw(st.booleans()):
        request["temperature"] = draw(st.sampled_from([0.0, 0.5, 1.0]))
    if draw(st.booleans()):
        request["stop_sequences"] = draw(st.lists(words, min_size=1, max_size=4))
    request["tools"] = TOOLS
    choice = draw(st.sampled_from([None, {"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "run"}]))
    return request | ({"tool_choice": choice} if choice else {})


def meant(request: dict[str, Any]) -> dict[str, Any]:
    """What a Chat request says, however it is spelled."""
    spoken = []
    for message in request["messages"]:
        content = message.get("content")
        text = content if isinstance(content, str) else "\n\n".join(part["text"] for part in content or [])
        calls = [
            (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in message.get("tool_calls") or []
        ]
        spoken.append((message["role"], text, calls, message.get("tool_call_id")))
    functions = [tool["function"] for tool in request["tools"]]
    tools = [(each["name"], each["description"], each["parameters"]) for each in functions]
    choice = request.get("tool_choice")
    name = choice["function"]["name"] if isinstance(choice, dict) else choice
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    stop = request.get("stop") or []
    return {
        "spoken": spoken,
        "tools": tools,
        "choice": name,
        "limit": limit,
        "warmth": request.get("temperature"),
        "stop": stop,
    }


@pytest.fixture(scope="module")
def oracle() -> Iterator[tuple[IO[str], IO[str]]]:
    side = Path(__file__).with_name("litellm_side.py")
    with subprocess.Popen([PYTHON, side], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        yield child.stdin, child.stdout
        child.kill()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(request=requests())
def test_a_request_says_the_same(oracle: tuple[IO[str], IO[str]], request: dict[str, Any]) -> None:
    into, out = oracle
    into.write(json.dumps(request) + "\n")
    into.flush()
    theirs = json.loads(out.readline())
    assert meant(sent(Api.MESSAGES, request, dialect(Api.CHAT))) == meant(theirs)
