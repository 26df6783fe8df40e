"""What is told of an account's limits, in each of the ways in which it is told; and when it lapses."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.accounts.meters import (
    FIVE_HOURS,
    WEEK,
    Meter,
    Window,
    of_claude,
    of_claude_event,
    of_codex,
    of_headers,
)
from agentdeck.core.agents.reports import read_report
from agentdeck.core.transcripts.formats import reader_of
from agentdeck.core.transcripts.reading import read_line

NOW = 1_795_618_800.0
BOTH = (Window(FIVE_HOURS, 0.42, NOW + 60), Window(WEEK, 0.07, NOW + 90000))


def test_headers_of_both_providers() -> None:
    unified = "anthropic-ratelimit-unified"
    claude = {
        f"{unified}-status": "allowed",
        f"{unified}-5h-utilization": "0.42",
        f"{unified}-5h-reset": f"{NOW + 60:.0f}",
        f"{unified}-7d-utilization": "0.07",
        f"{unified}-7d-reset": f"{NOW + 90000:.0f}",
    }
    codex = {
        "x-codex-primary-used-percent": "42",
        "x-codex-primary-window-minutes": "300",
        "x-codex-primary-reset-at": f"{NOW + 60:.0f}",
        "x-codex-secondary-used-percent": "7.0000000000000001",
        "x-codex-secondary-window-minutes": "10080",
        "x-codex-secondary-reset-at": f"{NOW + 90000:.0f}",
    }
    assert of_headers(claude) == of_headers(codex) == BOTH
    assert of_headers({**claude, f"{unified}-5h-status": "rejected"})[0].used == 1.0
    assert of_headers({"content-type": "text/html"}) == ()


def test_what_the_programs_themselves_tell() -> None:
    line = {
        "five_hour": {"used_percentage": 42, "resets_at": NOW + 60},
        "seven_day": {"used_percentage": 7, "resets_at": NOW + 90000},
    }
    event = {
        "status": "allowed",
        "unifiedWindows": {
            "five_hour": {"utilization": 0.42, "resetsAt": NOW + 60},
            "seven_day": {"utilization": 0.07, "resetsAt": NOW + 90000},
        },
    }
    codex = {
        "primary": {"used_percent": 42.0, "window_minutes": 300, "resets_at": NOW + 60},
        "secondary": {"used_percent": 7.0, "window_minutes": 10080, "resets_at": NOW + 90000},
    }
    assert of_claude(line) == of_claude_event(event) == of_codex(codex) == BOTH
    old = {"status": "rejected", "resetsAt": NOW + 60, "rateLimitType": "five_hour"}
    assert of_claude_event(old) == (Window(FIVE_HOURS, 1.0, NOW + 60),)
    assert of_claude_event({**old, "status": "allowed"}) == ()
    report = read_report({"session_id": "s", "context_window": {}, "rate_limits": line})
    assert report is not None
    assert report.limits == BOTH
    printed = {"type": "rate_limit_event", "rate_limit_info": event}
    counted = {"type": "event_msg", "payload": {"type": "token_count", "info": None, "rate_limits": codex}}
    for name, data in {"claude": printed, "codex": counted}.items():
        (record,) = read_line(reader_of(name), json.dumps(data).encode())
        assert record.windows == BOTH


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=8),
        lambda one: st.dictionaries(
            st.sampled_from(
                ["five_hour", "unifiedWindows", "primary", "used_percent", "utilization", "window_minutes"]
            ),
            one,
        ),
        max_leaves=6,
    )
)
def test_anything_else_tells_nothing_wrong(told: object) -> None:
    for read in (of_claude, of_claude_event, of_codex):
        for window in read(told):
            assert 0.0 <= window.used <= 1.0
            assert window.resets >= 0.0


def test_a_window_that_has_ended_is_not_used() -> None:
    meter = Meter().told(BOTH, NOW)
    assert meter.left(NOW) == 1 - 0.42
    assert meter.left(NOW + 61) == 1 - 0.07
    assert [each.used for each in meter.now(NOW + 1e6)] == [0.0, 0.0]
    full = meter.told([Window(FIVE_HOURS, 1.0, NOW + 60)], NOW)
    assert (full.left(NOW), full.until(NOW), full.until(NOW + 61)) == (0.0, NOW + 60, 0.0)
    assert full.windows[1] == BOTH[1], "what is not told again stays"


def test_a_limit_that_was_met_lasts_until_its_reset_or_a_better_answer() -> None:
    met = Meter().told(BOTH, NOW).met(NOW + 500, NOW)
    assert (met.until(NOW), met.left(NOW), met.until(NOW + 500)) == (NOW + 500, 0.0, 0.0)
    assert met.told(BOTH, NOW + 1).until(NOW + 1) == 0.0
    assert Meter.from_json(json.loads(json.dumps(met.to_json()))) == met
    assert [each.name for each in (*BOTH, Window(60, 0, 0), Window(4320, 0, 0))] == ["5h", "week", "1h", "3d"]
