from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import (
    NAME_MAX,
    TRANSITIONS,
    Agent,
    Fault,
    Mode,
    State,
    Status,
    check_name,
    name_for_task,
    safe_name,
    unique_name,
)
from agentdeck.core.agents.leases import Lease
from agentdeck.errors import DeckError, RefusedError, UsageError


@given(st.text(max_size=400))
def test_a_safe_name_is_safe_whatever_was_typed(wanted: str) -> None:
    try:
        name = safe_name(wanted)
    except RefusedError as error:
        assert not any(char.isalnum() for char in wanted)
        assert error.title
        return
    assert check_name(name) == name
    assert re.fullmatch(r"[a-z0-9-]{1,40}", name)
    assert not name.startswith("-")


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("Fix the Login", "fix-the-login"),
        ("feature/naïve Ünïcode", "feature-naive-unicode"),
        ("../../etc/passwd", "etc-passwd"),
        ("-rf", "rf"),
        ("--help", "help"),
    ],
)
def test_names_are_made_readable(wanted: str, name: str) -> None:
    assert safe_name(wanted) == name


def test_long_names_that_differ_at_the_end_stay_apart() -> None:
    one, other = safe_name("x" * 299 + "a"), safe_name("x" * 299 + "b")
    assert one != other
    assert len(one) <= NAME_MAX


def test_a_name_in_another_script_is_kept_apart_by_its_hash() -> None:
    assert safe_name("修复登录") != safe_name("修复注销")


@pytest.mark.parametrize("wanted", ["", "   ", "…", "///", "🎉"])
def test_a_name_of_nothing_is_refused_with_a_sentence(wanted: str) -> None:
    with pytest.raises(RefusedError, match="name"):
        safe_name(wanted)


@pytest.mark.parametrize("bad", ["", "-a", "a-", "A", "a b", "a/b", "..", "a" * 41, "é"])
def test_check_name_refuses_what_safe_name_would_never_make(bad: str) -> None:
    with pytest.raises(UsageError):
        check_name(bad)


@given(st.text(max_size=200), st.sets(st.text("abc-2", max_size=6)))
def test_a_task_gives_a_new_valid_name(task: str, taken: set[str]) -> None:
    name = name_for_task(task, taken)
    assert name not in taken
    assert check_name(name) == name


def test_task_names_keep_the_telling_words() -> None:
    assert name_for_task("Please fix the flaky login test in the CI", ()) == "fix-flaky-login-test"


@given(st.text("ab", min_size=1, max_size=NAME_MAX), st.integers(0, 30))
def test_unique_names_stay_within_the_limit(name: str, others: int) -> None:
    taken: set[str] = set()
    for _ in range(others + 1):
        new = unique_name(name, taken)
        assert new not in taken
        assert len(new) <= NAME_MAX
        taken.add(new)


def test_every_state_has_its_row_and_every_ended_agent_can_start_again() -> None:
    assert set(TRANSITIONS) == set(State)
    for state in State:
        assert state.may_become(state)
        if not state.is_live:
            assert state.may_become(State.STARTING)


def test_no_state_lands_unless_its_work_ended() -> None:
    assert {state for state in State if State.LANDED in TRANSITIONS[state]} == {State.DONE, State.FAILED, State.STOPPED}


names = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)
agents = st.builds(
    Agent,
    name=names,
    task=st.text(),
    profile=names,
    mode=st.sampled_from(Mode),
    created=st.floats(0, 1e10),
    argv=st.lists(st.text()).map(tuple),
    env=st.dictionaries(names, st.text()),
    leases=st.lists(st.builds(Lease, names, st.booleans(), st.dictionaries(names, st.integers()))).map(tuple),
)


@given(agents)
def test_an_agent_survives_json(agent: Agent) -> None:
    assert Agent.from_json(json.loads(json.dumps(agent.to_json()))) == agent


@given(st.builds(Status, state=st.sampled_from(State), since=st.floats(0, 1e10), fault=st.sampled_from(Fault)))
def test_a_status_survives_json(status: Status) -> None:
    assert Status.from_json(json.loads(json.dumps(status.to_json()))) == status


@given(agents, names)
def test_leases_are_replaced_in_place_and_taken_away(agent: Agent, kind: str) -> None:
    lease = Lease(kind, True, {"x": 1})
    with_it = agent.with_lease(lease)
    assert with_it.lease(kind) == lease
    assert [each.kind for each in with_it.leases][: len(agent.leases)] == [each.kind for each in agent.leases]
    assert with_it.without_lease(kind).lease(kind) is None


def test_errors_read_as_sentences() -> None:
    error = DeckError("It failed.", detail=" because \n", hint="Try this.")
    assert str(error) == "It failed.\n because\nTry this."
