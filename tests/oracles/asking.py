"""What oracles are asked: whole conversations and answers, and a process that translates them in its own environment.

It reads jobs, one JSON object a line, and writes what came of each, with the job's `number`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from agentdeck.core.formats import translate
from agentdeck.core.formats.ir import (
    Began,
    Call,
    CallBegan,
    CallEnded,
    CallPiece,
    Choice,
    Counted,
    Event,
    Finish,
    Finished,
    Part,
    Request,
    Result,
    Text,
    TextPiece,
    Tool,
    Turn,
)
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.token_usage import Usage
from tests.core.formats.test_messages_chat import dialect

Ask = Callable[..., dict[str, Any]]
PAIRS = [(client, provider) for client in Api for provider in Api if client is not provider]
MODELS = {
    Api.MESSAGES: "claude-sonnet-4-5",
    Api.CHAT: "gpt-4o",
    Api.RESPONSES: "gpt-4o",
    Api.GEMINI: "gemini-2.5-pro",
}
EXAMPLES = int(os.environ.get("AGENTDECK_EXAMPLES", "40"))
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
TOOLS = [Tool(name, f"Does {name}", SCHEMA) for name in ("run", "read_file")]
words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
values = st.dictionaries(st.sampled_from(["a", "b"]), words | st.integers() | st.lists(words, max_size=2), max_size=2)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Whole conversations, with results of all calls."""
    turns = [Turn("user", (Text(draw(words)),))]
    for number in range(draw(st.integers(0, 3))):
        names = draw(st.lists(st.sampled_from(["run", "read_file"]), max_size=2))
        calls = [Call(f"call_{number}_{at}", name, json.dumps(draw(values))) for at, name in enumerate(names)]
        texts: list[Part] = [Text(draw(words))] if not calls or draw(st.booleans()) else []
        turns.append(Turn("assistant", (*texts, *calls)))
        results: list[Part] = [Result(call.id, (Text(draw(words)),)) for call in calls]
        turns.append(Turn("user", tuple(results or [Text(draw(words))])))
    choices = [None, Choice("auto"), Choice("any"), Choice("tool", "run")]
    return Request(
        system=draw(st.lists(words, max_size=1)),
        turns=turns,
        tools=TOOLS,
        choice=draw(st.sampled_from(choices)),
        limit=draw(st.integers(16, 8000)),
        temperature=draw(st.sampled_from([None, 0.0, 0.5, 1.0])),
        stop=draw(st.lists(words, max_size=3, unique=True)),
    )


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    events: list[Event] = [Began("x"), *map(TextPiece, draw(st.lists(words, min_size=1, max_size=3)))]
    for number in range(draw(st.integers(0, 2))):
        key, text = str(number), json.dumps(draw(values))
        cut = draw(st.integers(0, len(text)))
        events += [CallBegan(key, f"call_{key}", draw(st.sampled_from(["run", "read_file"])))]
        events += [CallPiece(key, text[:cut]), CallPiece(key, text[cut:]), CallEnded(key)]
    usage = Usage(draw(st.integers(1, 900)), draw(st.integers(1, 90)), draw(st.integers(0, 900)))
    reason = draw(st.sampled_from([Finish.END, Finish.LIMIT]))
    return [*events, Finished(reason), Counted(usage)]


def marks(python: str, name: str) -> list[pytest.MarkDecorator]:
    """Of the tests that ask an oracle in the environment with that `python`; empty: it is not there."""
    skip = pytest.mark.skipif(not python, reason=f"make test-oracles installs {name}")
    return [pytest.mark.slow, pytest.mark.timeout(600), skip]


@contextmanager
def oracle(python: str, side: str) -> Iterator[Ask]:
    """What that Python makes of a job with the file `side` of this folder."""
    with subprocess.Popen(
        [python, Path(__file__).with_name(side)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        into, out = child.stdin, child.stdout
        assert into
        assert out
        numbers = count()

        def do(**job: Any) -> dict[str, Any]:
            number = next(numbers)
            into.write(json.dumps({**job, "number": number}) + "\n")
            into.flush()
            while True:  # an answer that nobody waited for comes first
                answer: dict[str, Any] = json.loads(out.readline())
                if answer["number"] == number:
                    return answer

        yield do
        child.kill()


def spoken_to(client: Api, request: Request, *, stream: bool) -> dict[str, Any]:
    """`request` as that client sends it."""
    request.stream = stream
    document = translate.written(request, dialect(client, MODELS[client])).document
    return {**document, "stream": stream}
