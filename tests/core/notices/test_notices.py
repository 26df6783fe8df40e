from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Fault, State
from agentdeck.core.notices.notice import Notice, body_of, bundle, key_of, kind_of
from agentdeck.core.notices.quiet import check_span, is_quiet, recent
from agentdeck.core.question import Option, Question

minutes = st.integers(0, 24 * 60 - 1)


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@given(minutes, minutes, minutes)
def test_a_span_and_the_rest_of_the_day_are_never_both_quiet(begin: int, end: int, now: int) -> None:
    at = datetime(2026, 6, 1, now // 60, now % 60, tzinfo=UTC)
    inside, outside = is_quiet(f"{clock(begin)}-{clock(end)}", at), is_quiet(f"{clock(end)}-{clock(begin)}", at)
    if begin != end:
        assert inside != outside
    assert not is_quiet("", at)


@pytest.mark.parametrize("text", ["22-7", "25:00-01:00", "22:00", "always"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="span of hours"):
        check_span(text)


@given(st.lists(st.floats(0, 1e5)), st.floats(0, 1e5))
def test_only_the_last_hour_counts(sent: list[float], now: float) -> None:
    assert all(now - 3600 < at <= now for at in recent(sent, now))


@given(st.sampled_from(State), st.sampled_from(Fault), st.booleans())
def test_only_what_needs_a_person_or_is_over_is_told(state: State, fault: Fault, asked: bool) -> None:
    kind = kind_of(state, fault, landing_asked=asked)
    if state in (State.WORKING, State.STARTING, State.STOPPED):
        assert kind == ""
    if state is State.WAITING:
        assert kind == "waiting"


@given(st.text(max_size=40), st.text(max_size=40), st.floats(0, 1e9))
def test_the_same_question_has_one_key_and_another_one_another(first: str, second: str, since: float) -> None:
    one, other = Question(first, at=1.0), Question(second, at=1.0)
    assert (key_of("waiting", since, one, "") == key_of("waiting", since, other, "")) == (first == second)
    assert key_of("waiting", since, one, "") == key_of("waiting", since + 5, one, "")


def test_a_notice_has_the_question_what_it_is_about_and_no_secret() -> None:
    question = Question("asks to use Bash", options=(Option("Yes"), Option("No")), subject="curl --token=abc123 x")
    body = body_of(question, "", "for 3m, claude")
    assert body.splitlines() == ["asks to use Bash", "curl --token=•••••• x", "1 Yes", "2 No", "for 3m, claude"]
    assert len(body_of(Question("x" * 300, detail="y" * 4000), "", "")) <= 600


def test_several_come_as_one() -> None:
    notices = [Notice(name, "waiting", name, f"{name} waits · shop", "why") for name in ("a", "b", "c")]
    assert bundle(notices[:1]) == notices[0]
    assert bundle(notices).title == "3 agents need you: a, b, c" and bundle(notices).body.count("waits") == 3
