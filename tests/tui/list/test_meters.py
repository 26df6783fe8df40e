"""What is used of accounts stands in the header: all where there is room, what is near its limit before the rest."""

from __future__ import annotations

import time

from agentdeck.core.accounts.meters import FIVE_HOURS, Meter, Window
from agentdeck.engine.views.accounts import AccountMeter
from agentdeck.tui.feed.snapshot import FeedSnapshot, GatewayFacts
from agentdeck.tui.list.header import header_pieces


def header(room: int, **used: float) -> str:
    now = time.time()
    meters = tuple(
        AccountMeter(name, Meter().told([Window(FIVE_HOURS, share, now + 600)], now)) for name, share in used.items()
    )
    return "".join(
        text
        for part in header_pieces("repo", FeedSnapshot(gateway=GatewayFacts(meters=meters)), room)
        for text, _ in part
    )


def test_all_of_them_where_there_is_room() -> None:
    assert "claude 5h 42%  work 5h 93%" in header(160, claude=0.42, work=0.93)


def test_those_near_their_limit_where_there_is_less() -> None:
    said = header(40, claude=0.42, work=0.93)
    assert "work 5h 93%" in said
    assert "claude" not in said


def test_one_that_is_used_up_says_until_when() -> None:
    assert "work until " in header(80, work=1.0)


def test_without_any_nothing_is_said() -> None:
    assert header(160) == header(160, work=0.0)
