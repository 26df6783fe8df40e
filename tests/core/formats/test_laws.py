"""What holds for every translation, whatever the pieces of an answer and the turns of a request are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.formats import reading, translate
from agentdeck.core.formats.answers.writing import AnswerWriter
from agentdeck.core.formats.ir import (
    Began,
    Call,
    CallBegan,
    CallEnded,
    CallPiece,
    CannotCarry,
    Counted,
    Event,
    Finish,
    Finished,
    Result,
    Sealed,
    TextPiece,
    ThoughtPiece,
)
from agentdeck.core.formats.names import Names, safe_id, safe_name
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.token_usage import Usage
from tests.core.formats.samples import CLAUDE_CODE, CODEX, CODEX_OLD, GEMINI_CLI
from tests.core.formats.test_messages_chat import dialect

REQUESTS = {
    "claude": (Api.MESSAGES, CLAUDE_CODE),
    "codex": (Api.RESPONSES, CODEX),
    "codex, older": (Api.RESPONSES, CODEX_OLD),
    "gemini": (Api.GEMINI, GEMINI_CLI),
}
MODELS = {
    Api.MESSAGES: "claude-opus-4-5",
    Api.CHAT: "gpt-4o",
    Api.RESPONSES: "gpt-5.5",
    Api.GEMINI: "gemini-3.8-flash",
}
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
nonsense = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=8,
)
FIELDS = "messages input contents tools system tool_choice thinking reasoning generationConfig".split()
arguments = st.dictionaries(st.sampled_from("abc"), texts, max_size=2).map(json.dumps)


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """The events of an answer whose calls may come interleaved, with a finish before or behind the counts."""
    events: list[Event] = [Began("x")]
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["text", "thought", "sealed"]))
        if kind == "text":
            events += [TextPiece(text) for text in draw(st.lists(texts, min_size=1, max_size=3))]
        else:
            events.append(ThoughtPiece(draw(texts)))
            events += [Sealed("seal")] if kind == "sealed" else []
    pieces: list[list[Event]] = []
    for key in range(draw(st.integers(0, 3))):
        whole = draw(arguments)
        cut = draw(st.integers(0, len(whole)))
        more = [CallPiece(str(key), whole[:cut]), CallPiece(str(key), whole[cut:])]
        pieces.append([CallBegan(str(key), f"id {key}", f"tool{key}"), *more, CallEnded(str(key))])
    order = draw(st.permutations([at for at, each in enumerate(pieces) for _ in each]))
    events += [pieces[at].pop(0) for at in order]
    reason = draw(st.sampled_from([Finish.END, Finish.LIMIT, Finish.REFUSED]))
    end: list[Event] = [Finished(reason), Counted(Usage(10, 5, 3))]
    return events + draw(st.permutations(end))


def written(api: Api, events: list[Event], cut: int = 0) -> tuple[AnswerWriter, list[dict[str, Any]]]:
    """What a client gets: in one go, or with the first `cut` events on their own."""
    writer = translate.writer(api, Names([]), "asked", "agentdeck.1.x.", "i")
    out = writer.feed(events[:cut]) + writer.feed(events[cut:]) + writer.end()
    lines = [line.partition(b"data: ")[2] for line in out.split(b"\n") if line.startswith(b"data: {")]
    return writer, [json.loads(line) for line in lines]


def told(api: Api, events: list[dict[str, Any]] | dict[str, Any]) -> tuple[Any, ...]:
    """The text, thought, calls, finish and counts that a reader finds in a stream or in a document."""
    reader = translate.reader(api)
    found: list[Event] = []
    if isinstance(events, dict):
        found = reader.document(events)
    else:
        found = [event for each in events for event in reader.feed(each)] + reader.end()
    text = "".join(event.text for event in found if isinstance(event, TextPiece))
    thought = "".join(event.text for event in found if isinstance(event, ThoughtPiece))
    names = {event.key: (event.id, event.name) for event in found if isinstance(event, CallBegan)}
    given_to = {key: "".join(e.text for e in found if isinstance(e, CallPiece) and e.key == key) for key in names}
    calls = sorted((*names[key], reading.compact(reading.arguments_table(text))) for key, text in given_to.items())
    finish = [event.reason for event in found if isinstance(event, Finished)]
    usage = Usage()
    for event in found:
        usage = usage.updated(event.usage) if isinstance(event, Counted) else usage
    return text, thought.replace("\n", ""), calls, finish, usage


@pytest.mark.parametrize("api", list(Api))
@given(events=answers())
def test_a_stream_and_a_document_tell_the_same(api: Api, events: list[Event]) -> None:
    writer, stream = written(api, events)
    shown = told(api, stream)
    whole = told(api, writer.document())
    assert shown == whole
    assert shown[0] == "".join(event.text for event in events if isinstance(event, TextPiece))
    assert len(shown[2]) == sum(isinstance(event, CallBegan) for event in events)
    assert len(shown[3]) == 1
    assert shown[4] == Usage(10, 5, 3)


@pytest.mark.parametrize("api", list(Api))
@given(events=answers(), cut=st.integers(0, 40))
def test_how_a_stream_is_cut_changes_nothing_that_is_told(api: Api, events: list[Event], cut: int) -> None:
    assert told(api, written(api, events)[1]) == told(api, written(api, events, cut)[1])


@given(events=answers(), stop=st.integers(0, 40))
def test_messages_have_one_block_open_at_a_time_wherever_they_end(events: list[Event], stop: int) -> None:
    writer = translate.writer(Api.MESSAGES, Names([]), "asked", "agentdeck.1.x.", "i")
    out = writer.feed(events[:stop])
    opened, at = None, 0
    for line in out.split(b"\n"):
        if not line.startswith(b"data: "):
            continue
        event = json.loads(line.removeprefix(b"data: "))
        if event["type"] == "content_block_start":
            assert (opened, event["index"]) == (None, at)
            opened, at = at, at + 1
        elif event["type"].startswith("content_block"):
            assert event["index"] == opened
            opened = None if event["type"].endswith("stop") else opened
        else:
            assert (event["type"], at) == ("message_start", 0)


@given(events=answers())
def test_responses_number_their_events_and_end_every_item(events: list[Event]) -> None:
    _, stream = written(Api.RESPONSES, events)
    assert [event["sequence_number"] for event in stream] == list(range(len(stream)))
    added = [event["item"]["id"] for event in stream if event["type"] == "response.output_item.added"]
    done = [event["item"] for event in stream if event["type"] == "response.output_item.done"]
    assert [item["id"] for item in done] == added
    assert stream[-1]["response"]["output"] == done
    ends = [event for event in stream if event["type"] in ("response.completed", "response.incomplete")]
    assert ends == [stream[-1]]


@pytest.mark.parametrize("target", list(Api))
@pytest.mark.parametrize("client", REQUESTS)
def test_a_request_that_was_translated_twice_says_what_it_says_once(client: str, target: Api) -> None:
    api, document = REQUESTS[client]
    full = dialect(target, MODELS[target])
    once = translate.written(translate.request_of(api, document), full).document
    again = translate.written(translate.request_of(target, once), full).document
    once.pop("stream", None)
    again.pop("stream", None)
    assert again == once


@pytest.mark.parametrize("target", list(Api))
@pytest.mark.parametrize("client", REQUESTS)
def test_calls_and_results_match_in_every_format(client: str, target: Api) -> None:
    api, document = REQUESTS[client]
    found = translate.written(translate.request_of(api, document), dialect(target, MODELS[target], full=False)).document
    request = translate.request_of(target, found)
    calls = [part.id for turn in request.turns for part in turn.parts if isinstance(part, Call)]
    results = [part.id for turn in request.turns for part in turn.parts if isinstance(part, Result)]
    assert calls == results
    assert len(set(calls)) == len(calls)


@given(st.text(max_size=100))
def test_ids_and_names_fit_and_stay_as_they_are_once_they_do(text: str) -> None:
    for safe in (safe_id, safe_name):
        found = safe(text)
        assert 0 < len(found) <= 64
        assert found.replace("-", "_").isascii()
        assert safe(found) == found


@pytest.mark.parametrize("source", list(Api))
@pytest.mark.parametrize("target", list(Api))
@given(value=nonsense)
def test_no_nonsense_in_a_request_trips_the_translator(source: Api, target: Api, value: Any) -> None:
    for field in FIELDS:
        for given_value in (value, [value], [{"role": "user", "content": value, "parts": [value]}], {"type": value}):
            document = {field: given_value}
            try:
                translate.written(translate.request_of(source, document), dialect(target, MODELS[target]))
            except CannotCarry:
                continue
