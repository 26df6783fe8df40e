"""Our translations between the four formats say what litellm's say, requests, answers and streams.

Litellm 1.108.7 is wrong where `as_litellm` says so:
- `google_genai/adapters/transformation.py` makes the id of a Gemini client's call from the tool's name, so two calls of
  one tool have the same, and only one of them reaches Anthropic; passes the whole `response` of a result on as JSON,
  though by Gemini's documents `output` is the result; asks for any tool where `allowedFunctionNames` names one; and
  leaves the tokens from the cache out.
- `llms/vertex_ai/gemini/transformation.py`, `check_if_part_exists_in_parts`: the second of two equal calls is lost,
  while both results are sent. A document of Gemini's that was cut at its limit looks whole where it has calls.
- `completion_extras/litellm_responses_transformation/transformation.py` gives a Chat client the `id` of a Responses
  call, though by OpenAI's documents its `call_id` is what the result is matched with.
- `llms/anthropic/pass_through/responses_adapters/transformation.py` puts what the model said before its calls behind
  them.

`make test-oracles` installs litellm into an environment of its own, named by AGENTDECK_TEST_LITELLM; without, skipped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from agentdeck.core.formats import translate
from agentdeck.core.formats.ir import Began, Counted, Event, Finish, Finished, Request, Text, TextPiece, Turn
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.token_usage import Usage
from tests.core.formats.test_laws import told, written
from tests.core.formats.test_messages_chat import dialect, sent
from tests.oracles.asking import EXAMPLES, MODELS, PAIRS, TOOLS, Ask, answers, marks, oracle, requests, spoken_to
from tests.oracles.meanings import Item, meaning

PYTHON = os.environ.get("AGENTDECK_TEST_LITELLM", "")
pytestmark = marks(PYTHON, "litellm")


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Litellm between that client and that provider, which gives that answer."""
    with oracle(PYTHON, "litellm_side.py") as asked:
        yield asked


def as_litellm(client: Api, provider: Api, said: dict[str, Any]) -> dict[str, Any]:
    """What we say, with litellm's own mistakes."""
    items = list(said["spoken"])
    if client is Api.GEMINI:
        calls = [item for item in items if item[0] == "call"]
        names = {item[1]: item[2] for item in calls}
        items = [_named_by_tool(item, names) for item in items]
    if (client, provider) == (Api.GEMINI, Api.MESSAGES):
        ids = [[each[1] for each in _run_of_calls(items, at)] for at in range(len(items))]
        items = [item for item, before in zip(items, ids, strict=True) if item[0] != "call" or item[1] not in before]
    if provider is Api.GEMINI:
        items = [item for at, item in enumerate(items) if item[0] != "call" or item not in _run_of_calls(items, at)]
    if (client, provider) == (Api.MESSAGES, Api.RESPONSES):
        for at, item in enumerate(items):
            if item[0] == "assistant" and (calls := _calls_from(items, at + 1)):
                items[at : at + 1 + len(calls)] = [*calls, item]
    choice = {"choice": "required"} if client is Api.GEMINI and said.get("choice") == "run" else {}
    return {**said, "spoken": items, **choice}


def _named_by_tool(item: Item, names: dict[str, str]) -> Item:
    if item[0] == "call":
        return "call", f"call_{item[2]}", *item[2:]
    if item[0] == "result":
        return "result", f"call_{names[item[1]]}", json.dumps({"output": item[2]})
    return item


def _run_of_calls(items: list[Item], at: int) -> list[Item]:
    """The calls right before `at`."""
    start = at
    while start and items[start - 1][0] == "call":
        start -= 1
    return items[start:at]


def _calls_from(items: list[Item], at: int) -> list[Item]:
    end = at
    while end < len(items) and items[end][0] == "call":
        end += 1
    return items[at:end]


@pytest.mark.parametrize(("client", "provider"), PAIRS, ids=lambda api: api.value)
def test_a_request_says_the_same(ask: Ask, client: Api, provider: Api) -> None:
    _, chunks = written(provider, [Began("x"), TextPiece("yes"), Finished(Finish.END), Counted(Usage(9, 1))])

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(request=requests())
    def check(request: Request) -> None:
        asked = spoken_to(client, request, stream=True)
        theirs = ask(client=client.value, provider=provider.value, request=asked, answer=chunks)
        assert "error" not in theirs, theirs["error"]
        ours = meaning(provider, sent(client, asked, dialect(provider, MODELS[provider])))
        assert as_litellm(client, provider, ours) == meaning(provider, theirs["sent"])

    check()


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "document"])
@pytest.mark.parametrize(("client", "provider"), PAIRS, ids=lambda api: api.value)
def test_an_answer_says_the_same(ask: Ask, client: Api, provider: Api, *, stream: bool) -> None:
    request = Request(turns=[Turn("user", (Text("hi"),))], tools=TOOLS, limit=500)

    @settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=list(HealthCheck))
    @given(events=answers())
    def check(events: list[Event]) -> None:
        writer, chunks = written(provider, events)
        answer = chunks if stream else writer.document()
        asked = spoken_to(client, request, stream=stream)
        theirs = ask(client=client.value, provider=provider.value, request=asked, answer=answer)
        assert "error" not in theirs, theirs["error"]
        reader = translate.reader(provider)
        if stream:
            read = [*(each for chunk in chunks for each in reader.feed(chunk)), *reader.end()]
        else:
            read = reader.document(writer.document())
        ours, shown = written(client, read)
        text, thought, calls, finish, usage = told(client, shown if stream else ours.document())
        got = told(client, theirs["got"])
        if client is Api.GEMINI:  # which needs no ids
            calls, usage = sorted(("", *rest) for _, *rest in calls), Usage(usage.prompt, usage.output)
        if (client, provider) == (Api.CHAT, Api.RESPONSES):
            calls, got = [each[1:] for each in calls], (*got[:2], [each[1:] for each in got[2]], *got[3:])
        if provider is Api.GEMINI and calls and not stream:
            finish = [Finish.END]
        assert got == (text, thought, calls, finish, usage)

    check()
