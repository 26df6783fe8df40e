"""Nothing that was not done is called done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Fault, Result, State
from agentdeck.core.agents.verdict import Change, Evidence, verdict
from agentdeck.core.transcripts.records import Kind, Record

TEXTS = st.text(max_size=60)
EVIDENCE = st.builds(
    Evidence,
    denied=st.lists(TEXTS.filter(str.strip), max_size=3).map(tuple),
    error=TEXTS,
    last_words=TEXTS,
    unserved=TEXTS,
    change=st.sampled_from(Change),
    level=st.sampled_from(["", "ask", "edit", "all"]),
)


@given(EVIDENCE, st.booleans())
def test_done_without_a_result_means_that_work_is_committed_or_can_not_be_told(evidence: Evidence, over: bool) -> None:
    found = verdict(evidence, over=over)
    if found.state is State.DONE and not found.result:
        assert evidence.change in (Change.COMMITTED, Change.UNKNOWN)
        assert not evidence.error
    if evidence.change is Change.NONE:
        assert found.result, "nothing was done, and that is said"


@given(EVIDENCE, st.booleans())
def test_every_verdict_but_a_plain_done_gives_a_reason_that_a_row_can_show(evidence: Evidence, over: bool) -> None:
    found = verdict(evidence, over=over)
    if found.state is not State.DONE or found.result:
        assert found.reason
    assert "\n" not in found.reason
    assert len(found.reason) < 260
    assert found.state in (State.DONE, State.FAILED, *(() if over else (State.WAITING,)))


@given(EVIDENCE)
def test_the_program_that_has_ended_only_changes_whether_a_question_can_be_answered(evidence: Evidence) -> None:
    over, turn = verdict(evidence, over=True), verdict(evidence, over=False)
    assert over.result is turn.result
    if over.result is not Result.ASKED:
        assert over == turn


@given(st.lists(st.builds(Record, st.sampled_from(Kind), text=TEXTS, tool=TEXTS, arguments=TEXTS, agent=TEXTS)))
def test_any_records_can_be_taken(records: list[Record]) -> None:
    evidence = Evidence()
    for record in records:
        evidence = evidence.take(record, attended=False)
    assert all(each == " ".join(each.split()) != "" for each in evidence.denied)


_DENIED = State.FAILED, Result.DENIED
_ERROR = State.FAILED, Result.ERROR
_UNSERVED = State.FAILED, Result.UNSERVED
_ASKED = State.FAILED, Result.ASKED
_UNCHANGED = State.DONE, Result.UNCHANGED
_UNCOMMITTED = State.DONE, Result.UNCOMMITTED
SAID = Record(Kind.TEXT, text="I have done it.")
WAYS: dict[str, tuple[list[Record], Change, str, tuple[State, Result]]] = {
    "a tool was denied": (
        [Record(Kind.DENIED, tool="Write", arguments="note1.md", by="rule"), SAID],
        Change.NONE,
        "",
        _DENIED,
    ),
    "a tool was denied after a file was written": (
        [Record(Kind.DENIED, tool="Bash", arguments="git commit", by="rule"), SAID],
        Change.UNCOMMITTED,
        "",
        _DENIED,
    ),
    "a sub-agent's tool was denied": (
        [Record(Kind.DENIED, tool="Bash", arguments="make", agent="a1"), SAID],
        Change.NONE,
        "",
        _DENIED,
    ),
    "the sandbox kept it from committing": (
        [
            Record(
                Kind.RESULT,
                text="fatal: Unable to create '/r/.git/worktrees/x/index.lock': Read-only file system",
                ok=False,
            ),
            SAID,
        ],
        Change.UNCOMMITTED,
        "",
        _DENIED,
    ),
    "the sandbox refused, and the command ended well": (
        [Record(Kind.RESULT, text="touch: cannot touch 'x': Read-only file system"), SAID],
        Change.NONE,
        "",
        _DENIED,
    ),
    "the sandbox did not permit it": (
        [Record(Kind.RESULT, text="sh: x: Operation not permitted", ok=False), SAID],
        Change.NONE,
        "",
        _DENIED,
    ),
    "the last request failed": ([SAID, Record(Kind.ERROR, text="500 broken")], Change.NONE, "", _ERROR),
    "the turn failed": ([Record(Kind.TURN_END, text="stream disconnected", ok=False)], Change.NONE, "", _ERROR),
    "the turn failed and said nothing": ([Record(Kind.TURN_END, ok=False)], Change.NONE, "", _ERROR),
    "an error was given as the answer": (
        [Record(Kind.TEXT, text="[API Error: Connection error.]")],
        Change.NONE,
        "",
        _ERROR,
    ),
    "an error was given as the answer, half way": (
        [Record(Kind.TEXT, text="API Error: 529 Overloaded")],
        Change.UNCOMMITTED,
        "",
        _ERROR,
    ),
    "no provider served": ([SAID], Change.NONE, "main: 529", _UNSERVED),
    "no provider served any more": ([SAID], Change.UNCOMMITTED, "main: 529", _UNSERVED),
    "it ended with a question": (
        [Record(Kind.TEXT, text="I can do that.\n\nWhich colour do you want?")],
        Change.NONE,
        "",
        _ASKED,
    ),
    "it ended with a question in bold": ([Record(Kind.TEXT, text="**Shall I go on?**")], Change.NONE, "", _ASKED),
    "it ended with a question in Chinese": ([Record(Kind.TEXT, text="要继续吗？")], Change.NONE, "", _ASKED),
    "it said that it had done it": ([SAID], Change.NONE, "", _UNCHANGED),
    "it said nothing": ([], Change.NONE, "", _UNCHANGED),
    "its tools ran, and changed nothing": ([Record(Kind.RESULT, text="a  b"), SAID], Change.NONE, "", _UNCHANGED),
    "its tools failed": ([Record(Kind.RESULT, text="exit 1", ok=False), SAID], Change.NONE, "", _UNCHANGED),
    "it never committed": ([SAID], Change.UNCOMMITTED, "", _UNCOMMITTED),
}


@pytest.mark.parametrize("way", WAYS)
def test_ways_in_which_nothing_was_done(way: str) -> None:
    records, change, unserved, expected = WAYS[way]
    evidence = Evidence(change=change, unserved=unserved)
    for record in records:
        evidence = evidence.take(record, attended=False)
    found = verdict(evidence, over=True)
    assert (found.state, found.result) == expected
    assert found.reason


def test_a_denial_names_the_tool_and_the_level() -> None:
    evidence = Evidence(level="ask", change=Change.NONE)
    evidence = evidence.take(Record(Kind.DENIED, tool="Write", arguments="note1.md"), attended=False)
    found = verdict(evidence, over=True)
    assert (found.reason, found.fault) == ("denied Write note1.md (permission level: ask)", Fault.DENIED)


def test_what_a_person_refused_is_no_failure_of_the_run_that_they_watch() -> None:
    denied = Record(Kind.DENIED, tool="Write", arguments="note1.md", by="user")
    assert Evidence().take(denied, attended=True).denied == ()
    assert Evidence().take(denied, attended=False).denied == ("Write note1.md",)


def test_a_new_message_begins_anew() -> None:
    evidence = Evidence().take(Record(Kind.ERROR, text="500"), attended=False)
    assert evidence.take(Record(Kind.USER, text="again"), attended=False) == Evidence()


def test_work_that_is_committed_is_done_whatever_was_denied_on_the_way() -> None:
    evidence = Evidence(denied=("Bash curl",), last_words="Done. Anything else?", change=Change.COMMITTED)
    found = verdict(evidence, over=True)
    assert (found.state, found.result, found.reason) == (State.DONE, Result.NONE, "denied Bash curl")


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ("400 no (from main)", Fault.NONE),
        ("API Error: 413 too large", Fault.NONE),
        ("API Error: 400 Your credit balance is too low", Fault.PROVIDER),
        ("API Error: 4000 ms passed", Fault.PROVIDER),
        ("503 overloaded", Fault.PROVIDER),
    ],
)
def test_a_request_that_is_wrong_itself_is_no_fault_of_the_providers(error: str, fault: Fault) -> None:
    assert verdict(Evidence(error=error), over=True).fault is fault
