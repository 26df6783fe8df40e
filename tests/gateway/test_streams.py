from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.providers import faults
from agentdeck.core.providers.apis import Api
from agentdeck.gateway import streams
from tests.gateway.upstream import APIS, stream_of

_event = st.builds(
    lambda text, end: b"data: " + json.dumps({"t": text}).encode() + end,
    st.text(max_size=30),
    st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r"]),
)


@given(st.lists(_event, max_size=12), st.lists(st.integers(1, 40), min_size=1), st.binary(max_size=5))
def test_cutting_never_loses_adds_or_moves_a_byte(parts: list[bytes], sizes: list[int], tail: bytes) -> None:
    whole = b"".join(parts) + b"data: " + tail.replace(b"\n", b"x").replace(b"\r", b"x")
    cutter, passed, at, turn = streams.Events(), b"", 0, 0
    while at < len(whole):
        size = sizes[turn % len(sizes)]
        block = cutter.feed(whole[at : at + size])
        assert block == b"" or block.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
        passed += block
        at, turn = at + size, turn + 1
    assert passed == b"".join(parts)
    assert passed + cutter.rest() == whole
    assert len(list(streams.events(passed))) == len(parts)


def test_one_endless_event_is_not_kept_for_ever() -> None:
    cutter = streams.Events()
    piece = b"x" * (1024 * 1024)
    passed = sum(len(cutter.feed(piece)) for _ in range(40))
    assert passed >= 40 * len(piece) - streams.EVENT_MAX - len(piece)


@pytest.mark.parametrize("api", APIS)
def test_good_streams_begin_with_a_preamble_and_end_with_a_last_event(api: Api) -> None:
    events = [streams.parsed(raw) for raw in stream_of(api, "main", "m")]
    assert streams.is_preamble(api, events[0])
    assert not all(streams.is_preamble(api, event) for event in events)
    assert streams.is_last(api, events[-1])
    assert not any(streams.is_last(api, event) for event in events[:3])


@pytest.mark.parametrize("api", APIS)
def test_every_event_that_matters_is_told_from_its_bytes(api: Api) -> None:
    for raw in [*stream_of(api, "main", "m"), streams.ending(api, "no")]:
        event = streams.parsed(raw)
        matters = streams.is_last(api, event) or faults.of_event(api, event.data, now=0.0) is not None
        assert streams.tells(api, raw) or not matters


@pytest.mark.parametrize("api", APIS)
def test_our_own_ending_is_an_error_of_the_api(api: Api) -> None:
    events = [streams.parsed(raw) for raw in streams.events(streams.ending(api, "it broke"))]
    assert faults.of_event(api, events[0].data, now=0.0) is not None
    assert streams.is_last(api, events[-1])
    assert "it broke" in json.dumps(events[0].data)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b": keep-alive\n\n", streams.Parsed(comment=True)),
        (b"data: [DONE]\n\n", streams.Parsed(done=True)),
        (b"data:{\ndata: }\r\n\r\n", streams.Parsed(data={})),
        (b"\xef\xbb\xbfevent: x\nid: 1\nretry: 5\ndata: 1\n\n", streams.Parsed(data=1)),
        (b"data: {\n\n", streams.Parsed(malformed=True)),
        (b"<html></html>\n\n", streams.Parsed(malformed=True)),
    ],
)
def test_parsing(raw: bytes, expected: streams.Parsed) -> None:
    assert streams.parsed(raw) == expected


def test_text_that_looks_like_an_end_is_none() -> None:
    raw = b'data: {"type": "content_block_delta", "delta": {"text": "message_stop \\"type\\": \\"error\\""}}\n\n'
    assert not streams.is_last(Api.MESSAGES, streams.parsed(raw))
