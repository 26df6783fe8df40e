from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Fault, Mode
from agentdeck.core.agents.detect import count, detect, judge
from agentdeck.core.agents.failover import (
    PROVIDERS_FAULTS,
    Act,
    Decision,
    Known,
    Policy,
    Progress,
    after_break,
    after_fault,
    may_go_back,
    next_by_hand,
    pause,
    profile_to_start,
    reason,
)
from agentdeck.core.agents.handover import bounded, brief
from agentdeck.system.config.profiles import load_profiles

NOW = 1_795_618_800.0
CHAIN = ("claude", "codex", "aider")
POLICY = Policy()


def after(
    fault: Fault,
    reset: float | None = None,
    progress: Progress | None = None,
    chain: tuple[str, ...] = CHAIN,
    why: str = "",
    policy: Policy = POLICY,
    known: Known | None = None,
    **more: float,
) -> tuple[Decision, Progress]:
    start = progress or Progress("claude")
    return after_fault(fault, reset, chain, start, policy, now=NOW, why=why, known=known, **more)


LANES = ("claude", "claude@work", "claude@home", "claude@key", "codex")
KNOWN = Known(tiers=("claude@key",))
FAR = NOW + 3600


@pytest.mark.parametrize(
    ("order", "to"),
    [
        (("account", "provider", "profile", "wait"), "claude@work"),
        (("provider", "account", "profile", "wait"), "claude@key"),
        (("profile", "wait"), "codex"),
        (("wait", "account"), "claude"),
    ],
)
def test_what_is_tried_first_at_a_limit_is_the_persons_to_say(order: tuple[str, ...], to: str) -> None:
    decision, _ = after(Fault.LIMITED, FAR, chain=LANES, policy=Policy(order=order), known=KNOWN)
    assert (decision.profile, decision.at) == (to, FAR if to == "claude" else NOW)


def test_what_is_not_in_the_order_is_not_done() -> None:
    decision, _ = after(Fault.LIMITED, FAR, chain=LANES, policy=Policy(order=("provider",)), known=Known())
    assert decision.act is Act.END


def test_of_several_accounts_the_one_with_most_left_goes_on() -> None:
    known = Known(tiers=KNOWN.tiers, left={"claude@work": 0.1, "claude@home": 0.6})
    assert after(Fault.LIMITED, FAR, chain=LANES, known=known)[0].profile == "claude@home"


def test_an_account_that_another_agent_has_used_up_is_passed_over() -> None:
    known = Known(tiers=("claude@key",), until={"claude@work": FAR + 60, "claude@home": FAR + 90})
    assert after(Fault.LIMITED, FAR, chain=LANES, known=known)[0].profile == "claude@key"


def test_where_every_account_is_limited_the_earliest_reset_is_awaited() -> None:
    known = Known(until={"claude@work": NOW + 600, "claude@home": FAR + 90})
    decision, progress = after(Fault.LIMITED, FAR, chain=LANES[:3], known=known)
    assert (decision.act, decision.profile, decision.at) == (Act.NEXT, "claude@work", NOW + 600)
    assert progress.until == {"claude": FAR, "claude@work": NOW + 600, "claude@home": FAR + 90}


def test_an_outage_is_no_reason_to_use_another_account() -> None:
    assert after(Fault.PROVIDER, chain=LANES, known=KNOWN)[0].profile == "claude@key"
    assert after(Fault.PROVIDER, chain=LANES[:3])[0].profile == "claude"


def test_who_wants_to_be_asked_is() -> None:
    decision, _ = after(Fault.LIMITED, FAR, chain=LANES, policy=Policy(ask=True), known=KNOWN)
    assert (decision.act, decision.profile, decision.at) == (Act.AGAIN, "claude", FAR)
    assert decision.others == ("claude@work", "claude@home", "claude@key", "codex")


def test_no_account_is_left_for_another_one_that_is_as_good() -> None:
    over = Progress("claude@work", ran=("claude", "claude@work"), until={"claude": NOW - 1})
    assert not may_go_back("claude", over, POLICY, now=NOW)
    assert may_go_back("claude", replace(over, profile="claude@key"), POLICY, now=NOW, tiers=KNOWN.tiers)


@pytest.mark.parametrize("fault", sorted(set(Fault) - PROVIDERS_FAULTS - {Fault.BUDGET}))
def test_what_is_not_a_providers_fault_ends_the_run(fault: Fault) -> None:
    assert after(fault) == (Decision(Act.END), Progress("claude"))


def test_a_near_reset_is_awaited_a_far_one_is_not() -> None:
    decision, progress = after(Fault.LIMITED, NOW + 30)
    assert (decision.act, decision.profile, decision.at) == (Act.AGAIN, "claude", NOW + 30)
    assert progress.waited == 30
    decision, progress = after(Fault.LIMITED, NOW + 3600)
    assert (decision.act, decision.profile, decision.at) == (Act.NEXT, "codex", NOW)
    assert progress.until == {"claude": NOW + 3600}


def test_a_spent_budget_is_awaited_whoever_else_is_ready() -> None:
    decision, progress = after(Fault.BUDGET, why="the agent's budget is spent")
    assert (decision.act, decision.profile) == (Act.AGAIN, "claude")
    assert decision.at > NOW
    assert decision.why == "the agent's budget is spent"
    assert after(Fault.BUDGET, NOW + 3600)[0].at == NOW + 3600
    decision, _ = after(Fault.BUDGET, NOW + 8 * 3600, progress, why="today's budget is spent")
    assert decision == Decision(Act.END, why="today's budget is spent; that is too long to wait")


def test_a_provider_that_is_down_or_names_no_time_is_left_at_once() -> None:
    for fault in (Fault.PROVIDER, Fault.LIMITED, Fault.AUTH):
        assert after(fault)[0].profile == "codex"


def test_those_that_are_limited_are_left_out_and_the_first_that_is_back_is_awaited() -> None:
    progress = Progress("aider", until={"claude": NOW + 900, "codex": NOW + 300})
    decision, _ = after(Fault.LIMITED, NOW + 5000, progress)
    assert (decision.act, decision.profile, decision.at) == (Act.NEXT, "codex", NOW + 300)
    assert after(Fault.LIMITED, NOW + 5000, replace(progress, until={"claude": NOW - 1}))[0].profile == "claude"


def test_a_refused_login_is_not_tried_again() -> None:
    _, progress = after(Fault.AUTH)
    assert progress.denied == ("claude",)
    decision, progress = after(Fault.AUTH, None, replace(progress, profile="codex"), ("claude", "codex"))
    assert decision.act is Act.END
    assert "no other profile is left" in decision.why
    assert progress.asked_anew().denied == ()


FAULTS = st.sampled_from(sorted(PROVIDERS_FAULTS))
RESETS = st.none() | st.floats(-1000, 40 * 86400).map(lambda ahead: NOW + ahead)
CHAINS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=5, unique=True).map(tuple)


@given(CHAINS, st.lists(st.tuples(FAULTS, RESETS, st.floats(0, 0.999), st.floats(0, 5000)), max_size=40), st.booleans())
def test_whatever_happens_it_comes_to_an_end_and_keeps_its_bounds(
    chain: tuple[str, ...], faults: list[tuple[Fault, float | None, float, float]], timed: bool
) -> None:
    policy = Policy(attempts=12, longest_wait=7200)
    now, deadline = NOW, NOW + 9000 if timed else None
    progress = Progress(chain[0])
    for fault, reset, luck, ran in faults:
        now += ran
        decision, progress = after_fault(fault, reset, chain, progress, policy, now=now, deadline=deadline, luck=luck)
        assert progress.attempts <= policy.attempts
        assert progress.waited <= policy.longest_wait + 1e-3
        assert Progress.from_json(progress.to_json()) == progress
        if decision.act is Act.END:
            assert decision.why
            return
        assert decision.profile in chain
        assert decision.profile not in progress.denied
        assert (decision.act is Act.AGAIN) == (decision.profile == progress.profile)
        assert decision.at >= now
        assert progress.until.get(decision.profile, 0.0) <= decision.at
        if deadline is not None and decision.at > now:
            assert decision.at <= deadline
        now, progress = decision.at, progress.started(decision.profile)
    assert len(faults) <= policy.attempts + 1


@given(st.integers(1, 200), st.floats(0, 0.999))
def test_pauses_grow_to_their_bound(number: int, luck: float) -> None:
    assert 0.75 * POLICY.first_pause <= pause(POLICY, number, luck) <= POLICY.longest_pause
    assert pause(POLICY, number, 0.5) <= pause(POLICY, number + 1, 0.5)


def test_the_own_profile_is_taken_back_when_its_time_has_come() -> None:
    progress = Progress("codex", until={"claude": NOW})
    assert may_go_back("claude", progress, POLICY, now=NOW)
    assert not may_go_back("claude", progress, POLICY, now=NOW - 1)
    assert not may_go_back("claude", replace(progress, denied=("claude",)), POLICY, now=NOW)
    assert not may_go_back("claude", progress, Policy(back="never"), now=NOW)
    assert not may_go_back("claude", Progress("codex"), POLICY, now=NOW), "a person chose the other one"
    assert profile_to_start("claude", CHAIN, progress, POLICY, NOW) == "claude"
    assert profile_to_start("claude", CHAIN, progress, POLICY, NOW - 1) == "codex"
    assert profile_to_start("claude", CHAIN, None, POLICY, NOW) == "claude"
    assert profile_to_start("claude", ("claude",), progress, POLICY, NOW - 1) == "claude"


def test_a_person_who_names_none_means_the_next_that_is_ready() -> None:
    assert next_by_hand(CHAIN, Progress("claude"), NOW) == "codex"
    assert next_by_hand(CHAIN, Progress("aider"), NOW) == "claude"
    assert next_by_hand(CHAIN, Progress("claude", until={"codex": NOW + 9}), NOW) == "aider"
    assert next_by_hand(CHAIN[:2], Progress("claude", until={"codex": NOW + 9}), NOW) == "codex"
    assert next_by_hand(("claude",), Progress("claude"), NOW) == ""
    assert next_by_hand((), Progress("claude"), NOW) == ""


PROFILES = load_profiles()


@pytest.mark.parametrize("name", sorted(PROFILES))
@pytest.mark.parametrize("fault", sorted(PROVIDERS_FAULTS))
def test_what_the_next_one_is_told_looks_like_no_fault_of_its_own(name: str, fault: Fault) -> None:
    """A CLI shows on its screen, and may print, what it was told."""
    for returning in (True, False):
        for left in PROFILES:
            why = reason(fault, left, NOW + 100, NOW)
            text = brief("Do it", left, why, "Commits", returning=returning)
            assert count(text, PROFILES[name].detectors.limited) == 0
            assert detect(text, PROFILES[name].detectors) is None
            assert judge(0, text, PROFILES[name].outcome)[1] in (Fault.NONE, Fault.CRASHED)
            assert judge(0, text, PROFILES[name].outcome)[2] in ("", "ended without reporting that it finished")


@given(st.lists(st.text(max_size=400)))
def test_a_brief_is_bounded(lines: list[str]) -> None:
    text = bounded("\n".join(lines))
    assert len(text) <= 61 * 201
    assert text.count("\n") <= 60


@pytest.mark.parametrize("name", sorted(PROFILES))
@pytest.mark.parametrize("mode", Mode)
def test_every_profile_can_take_over_and_its_words_arrive_whole(name: str, mode: Mode) -> None:
    from pathlib import Path

    from agentdeck.engine.profiles.chain import entry_of

    entry = entry_of(PROFILES[name], mode, Path("/tmp"))
    for resume, session in ((False, ""), (True, ""), (True, "abc-1")):
        argv, typed, resumes = entry.line("two\nlines {session}", session, resume=resume)
        assert [*argv, typed].count("two\nlines {session}") == 1
        assert "{settings}" not in " ".join(argv)
        if resumes and entry.resume and session:
            assert session in argv or any(session in word for word in argv)


@given(st.integers(0, 6), st.integers(0, 25))
def test_after_a_break_it_goes_on_at_once_and_not_for_ever(tries: int, attempts: int) -> None:
    progress = Progress("claude", tries={"claude": tries} if tries else {}, attempts=attempts)
    policy = Policy(attempts=20)
    for number in range(30):
        found = after_break(progress, policy, 100.0)
        if found is None:
            assert number <= 3
            return
        decision, progress = found
        assert (decision.act, decision.profile, decision.at) == (Act.AGAIN, "claude", 100.0)
        assert "claude" not in progress.until
    raise AssertionError("it goes on for ever")
