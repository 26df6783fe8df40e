"""Our translations between the four formats say what llm-rosetta's say, requests and whole answers.

llm-rosetta 0.13.0 is wrong where `as_rosetta` and `answered` say so:
- `converters/google_generate/tool_ops.py` reads `parameters` alone, so a tool that has `parametersJsonSchema`, as
  Gemini CLI sends it, loses its schema.
- `converters/openai_responses/tool_ops.py` reads a call's output as JSON where it can: “0E0” becomes 0.0.
- `converters/anthropic/converter.py` takes `input_tokens` for all of the prompt, though by Anthropic's documents what
  came from the cache is not in it.
- it gives a Messages client the `id` of a Responses call, not its `call_id`.
- `converters/google_generate/tool_ops.py` writes the parts of a result as Python shows them, and leaves out “0” and
  “false” that were read as JSON.

`make test-oracles` installs it into an environment of its own, named by AGENTDECK_TEST_ROSETTA; without, skipped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from agentdeck.core.formats import translate
from agentdeck.core.formats.ir import Event, Request, Text, Turn
from agentdeck.core.providers.apis import Api
from tests.core.formats.test_laws import told, written
from tests.core.formats.test_messages_chat import dialect, sent
from tests.oracles.asking import EXAMPLES, MODELS, PAIRS, TOOLS, Ask, answers, marks, oracle, requests, spoken_to
from tests.oracles.meanings import Item, meaning

PYTHON = os.environ.get("AGENTDECK_TEST_ROSETTA", "")
pytestmark = marks(PYTHON, "llm-rosetta")


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    with oracle(PYTHON, "rosetta_side.py") as asked:
        yield asked


def as_rosetta(client: Api, provider: Api, said: dict[str, Any]) -> dict[str, Any]:
    """What is said, with llm-rosetta's own mistakes."""
    if client is Api.GEMINI:  # which needs no ids, and llm-rosetta makes some up
        ids = list(dict.fromkeys(item[1] for item in said["spoken"] if item[0] == "call"))
        numbered = [(item[0], ids.index(item[1]), *item[2:]) if len(item) > 2 else item for item in said["spoken"]]
        said = {**said, "spoken": numbered}
        return {**said, "tools": [each[:2] for each in said["tools"]]} if "tools" in said else said
    if client is Api.RESPONSES:
        said = {**said, "spoken": [(*item[:-1], _parsed(item)) for item in said["spoken"]]}
    if provider is Api.GEMINI:
        said = {**said, "spoken": [item[:2] if item[0] == "result" else item for item in said["spoken"]]}
    # Google's documents have both OBJECT and object.
    return {**said, "tools": [(*each[:2], each[2].lower()) for each in said["tools"]]} if "tools" in said else said


def _parsed(item: Item) -> Any:
    try:
        return json.dumps(json.loads(item[-1])) if item[0] == "result" else item[-1]
    except ValueError:
        return item[-1]


def answered(client: Api, provider: Api, said: tuple[Any, ...]) -> tuple[Any, ...]:
    """What is answered, without what llm-rosetta has wrong."""
    text, thought, calls, finish, usage = said
    if (client, provider) == (Api.MESSAGES, Api.RESPONSES):
        calls = [each[1:] for each in calls]
    return text, thought, calls, finish, replace(usage, input=0) if Api.MESSAGES in (client, provider) else usage


@pytest.mark.parametrize(("client", "provider"), PAIRS, ids=lambda api: api.value)
def test_a_request_says_the_same(ask: Ask, client: Api, provider: Api) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(request=requests())
    def check(request: Request) -> None:
        asked = spoken_to(client, request, stream=False)
        theirs = ask(client=client.value, provider=provider.value, request=asked, answer=None)
        assert "error" not in theirs, theirs["error"]
        ours = meaning(provider, sent(client, asked, dialect(provider, MODELS[provider])))
        mine, other = (as_rosetta(client, provider, each) for each in (ours, meaning(provider, theirs["sent"])))
        assert other == mine

    check()


@pytest.mark.parametrize(("client", "provider"), PAIRS, ids=lambda api: api.value)
def test_an_answer_says_the_same(ask: Ask, client: Api, provider: Api) -> None:
    request = Request(turns=[Turn("user", (Text("hi"),))], tools=TOOLS, limit=500)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(events=answers())
    def check(events: list[Event]) -> None:
        document = written(provider, events)[0].document()
        asked = spoken_to(client, request, stream=False)
        theirs = ask(client=client.value, provider=provider.value, request=asked, answer=document)
        assert "error" not in theirs, theirs["error"]
        ours, _ = written(client, translate.reader(provider).document(document))
        mine, other = (answered(client, provider, told(client, each)) for each in (ours.document(), theirs["got"]))
        assert other == mine

    check()
