from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Fault, Result, State
from agentdeck.core.question import Option, Question
from agentdeck.core.reports.brief import Brief, next_steps, tried, why_needed
from agentdeck.core.reports.digest import Digest, DigestLine

LOG = """\
you: Fix the login
Read: src/login.py
Bash: make test
Bash failed
  1 failed
Edit: src/login.py
Bash: make test
  all passed
denied: Bash rm -rf /
agent: I am stuck: what now?
""".splitlines()


def test_what_was_tried_is_read_off_the_log() -> None:
    found = tried(LOG)
    assert dict(found.tools) == {"Bash": 2, "Read": 1, "Edit": 1}
    assert found.tests == ("make test → failed", "make test")
    assert found.errors == ("Bash failed", "denied: Bash rm -rf /")
    assert found.last == ()


@given(st.lists(st.text(max_size=60), max_size=60))
def test_any_log_can_be_read(lines: list[str]) -> None:
    found = tried(lines)
    assert len(found.errors) <= 8 and len(found.tests) <= 8 and len(found.last) <= 8


@given(st.sampled_from(State), st.sampled_from(Fault), st.sampled_from(Result), st.integers(0, 5))
def test_a_failed_or_asking_agent_needs_a_person_and_one_at_work_does_not(
    state: State, fault: Fault, result: Result, failures: int
) -> None:
    why = why_needed(state, "because", fault, result, failures)
    if state in (State.WAITING, State.FAILED):
        assert why
    if state is State.WORKING and fault is Fault.NONE and result is Result.NONE:
        assert not why


def test_the_page_has_the_question_and_what_may_come_next() -> None:
    question = Question("May I?", options=(Option("Yes"), Option("No")), subject="rm -rf build")
    steps = next_steps("fox", State.WAITING, question, Fault.NONE, alive=True)
    brief = Brief(
        "fox", State.WAITING, "asks you: May I?", "A task", question, tried(LOG), "", (("branch", "b"),), steps
    )
    text = "\n".join(brief.lines())
    for told in ("fox is waiting: asks you", "May I?", "rm -rf build", "1 Yes", "agentdeck answer fox 1", "branch: b"):
        assert told in text


def test_a_digest_that_is_not_whole_says_so_first() -> None:
    waits = tuple(DigestLine(f"a{number}", "asks") for number in range(20))
    lines = Digest("shop", 0.0, waits=waits, cost=None, missing=("the spending can't be read: gone",)).lines()
    assert lines[0] == "shop: 20 wait" and lines[2].startswith("NOT WHOLE: the spending")
    assert "  … and 8 more" in lines and lines[-1] == "Cost: not known"
