"""What to do when an agent's provider fails: wait and go on with the same profile, go on with the next, or give up.

Pure functions of what happened and of the time; times are epoch seconds. Standard library only, for the runner.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any

from agentdeck.core.accounts.lanes import ACCOUNT, PROFILE, PROVIDER, WAIT, step_between
from agentdeck.core.agents.agent import Fault
from agentdeck.core.frozen import asdict, dataclass, field, replace
from agentdeck.core.text.durations import clock

PROVIDERS_FAULTS = frozenset({Fault.LIMITED, Fault.PROVIDER, Fault.AUTH})


_AT_ONCE = 3
"""How often in a row a profile goes on at once after an answer that broke off."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient the failover is. Lengths of time are in seconds."""

    patience: float = 120.0
    """A reset this near is awaited, although another profile is ready; and so long a CLI that asks again by itself."""
    silence: float = 900.0
    """After so long without a sign of life a provider is taken to hang; 0: never."""
    longest_wait: float = 6 * 3600.0
    """In all, in one run, where no other profile is ready."""
    attempts: int = 20
    """How often an agent is started again, or told to go on, in one run."""
    first_pause: float = 60.0
    """Until a profile is tried again that did not say when; doubles with each fault in a row."""
    longest_pause: float = 1800.0
    back: str = "turn"
    """When the first profile is taken back: `turn`, between two turns; `start`, at a start; `never`."""
    settle: float = 3.0
    """How long a limit has to be on the screen of a program that still runs."""
    order: tuple[str, ...] = (ACCOUNT, PROVIDER, PROFILE, WAIT)
    """What is tried at a limit or an outage, in this order."""
    ask: bool = False
    """Whether a person is asked at a limit."""
    quiet: str = ""
    """The hours in which nobody is asked, such as `22:00-07:00`."""
    broken_only: bool = False
    """Whether nothing is done but to go on after a broken stream: no other profile was asked for."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the failover of one agent is; on disk, so that it survives its runner."""

    profile: str
    """That serves the agent now, or is to be started for it next."""
    ran: tuple[str, ...] = ()
    """The profiles that ran for it, the latest last."""
    until: dict[str, float] = field(default_factory=dict)
    """When each profile that was limited, or whose provider failed, may be tried again."""
    denied: tuple[str, ...] = ()
    """Profiles whose provider refused the credentials."""
    sessions: dict[str, str] = field(default_factory=dict)
    """The CLI's own session of each profile."""
    tries: dict[str, int] = field(default_factory=dict)
    """Faults in a row of each profile."""
    attempts: int = 0
    waited: float = 0.0
    why: str = ""
    """Why `profile` serves it, when that is not the agent's own; as a phrase."""
    carried: str = ""
    """The profile whose conversation `profile` has got."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Progress:
        return cls(**{**data, "ran": tuple(data["ran"]), "denied": tuple(data["denied"])})

    def started(self, profile: str) -> Progress:
        return replace(
            self, profile=profile, carried="", ran=(*(each for each in self.ran if each != profile), profile)
        )

    def with_session(self, profile: str, session: str) -> Progress:
        return replace(self, sessions={**self.sessions, profile: session}) if session else self

    def worked(self) -> Progress:
        """The profile did what it was asked for, so its faults are no longer in a row."""
        left = {name: count for name, count in self.tries.items() if name != self.profile}
        gone = {name: at for name, at in self.until.items() if name != self.profile}
        return replace(self, tries=left, until=gone)

    def asked_anew(self) -> Progress:
        """A person starts the agent again: what was counted is counted from now on."""
        return replace(self, denied=(), tries={}, attempts=0, waited=0.0)


class Act(StrEnum):
    AGAIN = "again"
    """The same profile, from its session."""
    NEXT = "next"
    """Another profile."""
    END = "end"
    """Nothing more: the run ends as its last profile did."""


@dataclass(frozen=True, slots=True)
class Decision:
    act: Act
    profile: str = ""
    at: float = 0.0
    """When to do it."""
    why: str = ""
    """As a phrase."""
    others: tuple[str, ...] = ()
    """Where a person is asked: what could go on meanwhile."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the profiles of a chain beside what one agent has met itself."""

    tiers: Collection[str] = ()
    """Those that a tier serves."""
    left: Mapping[str, float] = field(default_factory=dict)
    """How much of its limits each account has left, from 0 to 1."""
    until: Mapping[str, float] = field(default_factory=dict)
    """When the limits end of those that are used up."""


def after_fault(
    fault: Fault,
    reset: float | None,
    chain: Sequence[str],
    progress: Progress,
    policy: Policy,
    *,
    now: float,
    deadline: float | None = None,
    luck: float = 0.5,
    why: str = "",
    known: Known | None = None,
) -> tuple[Decision, Progress]:
    """What follows on `fault` of `progress.profile`, and what is known then.

    `reset` is when the message says that it ends; `deadline` is the agent's time-out; `luck`, in [0, 1), spreads pauses
    whose length we choose, so that many agents do not come back at once. `why` is the reason where it is known better
    than from the fault. At a spent budget no other profile is taken: what that costs, nobody would count.
    """
    known = known or Known()
    if fault not in PROVIDERS_FAULTS and fault is not Fault.BUDGET:
        return Decision(Act.END), progress
    current = progress.profile
    count = progress.tries.get(current, 0) + 1
    back = max(reset, now) if reset is not None else now + pause(policy, count, luck)
    until, denied = dict(progress.until), progress.denied
    until |= {each: max(at, until.get(each, 0.0)) for each, at in known.until.items() if each in chain}
    if fault is Fault.AUTH:
        denied = (*denied, current)
    else:
        until[current] = back
    progress = replace(progress, until=until, denied=denied, tries={**progress.tries, current: count})
    why = why or reason(fault, current, until.get(current), now)
    if progress.attempts >= policy.attempts:
        return Decision(Act.END, why=f"{why}; gave up after {policy.attempts} attempts"), progress
    limit = min(now + policy.longest_wait - progress.waited, deadline if deadline is not None else float("inf"))
    named = fault in (Fault.LIMITED, Fault.BUDGET) and reset is not None
    usable = [current] if fault is Fault.BUDGET else [each for each in chain if each not in denied]
    if named and current in usable and back <= min(now + policy.patience, limit):
        return _go(progress, current, back, why, now)
    ways = _ways(fault, usable, progress, policy, known, now)
    others = tuple(each for found in ways.values() for each in found)
    if policy.ask and named and others:
        decision, progress = _go(progress, current, back, why, now)
        return replace(decision, others=others), progress
    awaited = [
        each
        for each in usable
        if each == current or (until.get(each, 0.0) > now and step_between(current, each, known.tiers) in ways)
    ]
    first = min(awaited, key=lambda each: until.get(each, 0.0), default="")
    for step, found in ways.items():
        waits = step == WAIT and first and until.get(first, 0.0) <= limit
        if found or waits:
            to = _best(found, step, known) if found else first
            return _go(progress, to, max(until.get(to, 0.0), now), why, now)
    end = "that is too long to wait" if first and WAIT in ways else "no other profile is left"
    return Decision(Act.END, why=f"{why}; {end}"), progress


def _ways(
    fault: Fault, usable: Sequence[str], progress: Progress, policy: Policy, known: Known, now: float
) -> dict[str, list[str]]:
    """What is tried, in order, each with the profiles that are ready for it."""
    if fault is Fault.BUDGET:
        return {WAIT: []}
    current = progress.profile
    ready = [each for each in usable if each != current and progress.until.get(each, 0.0) <= now]
    # Another account is served by the same provider.
    order = [step for step in policy.order if step != ACCOUNT or fault is not Fault.PROVIDER]
    return {step: [each for each in ready if step_between(current, each, known.tiers) == step] for step in order}


def _best(names: Sequence[str], step: str, known: Known) -> str:
    """Of several accounts the one with most left; else the first."""
    return max(names, key=lambda each: known.left.get(each, 1.0)) if step == ACCOUNT else names[0]


def fault_of_status(status: int | None) -> Fault:
    """What kind of a provider's fault an HTTP status tells of; None: there was no answer."""
    if status in (401, 403):
        return Fault.AUTH
    return Fault.LIMITED if status in (402, 429) else Fault.PROVIDER


def after_break(progress: Progress, policy: Policy, now: float) -> tuple[Decision, Progress] | None:
    """What follows on an answer that broke off, where whatever is asked next is asked of another provider; None after
    too many of them in a row."""
    current = progress.profile
    count = progress.tries.get(current, 0) + 1
    if count > _AT_ONCE or progress.attempts >= policy.attempts:
        return None
    return _go(replace(progress, tries={**progress.tries, current: count}), current, now, "its answer broke off", now)


def _go(progress: Progress, profile: str, at: float, why: str, now: float) -> tuple[Decision, Progress]:
    act = Act.AGAIN if profile == progress.profile else Act.NEXT
    moved = replace(progress, attempts=progress.attempts + 1, waited=progress.waited + max(0.0, at - now))
    return Decision(act, profile, at, why), moved


def pause(policy: Policy, count: int, luck: float) -> float:
    """Seconds to leave a profile alone after its fault number `count` in a row."""
    full = min(policy.longest_pause, policy.first_pause * 2.0 ** min(count - 1, 30))
    return full * (0.75 + 0.5 * luck) if full < policy.longest_pause else full * (0.75 + 0.25 * luck)


def may_go_back(primary: str, progress: Progress, policy: Policy, *, now: float, tiers: Collection[str] = ()) -> bool:
    """Whether the agent's own profile is to be taken back where nothing is cut short by it."""
    if policy.back == "never" or progress.profile == primary or primary in progress.denied:
        return False
    if step_between(primary, progress.profile, tiers) == ACCOUNT:
        return False  # one account is as good as the other
    return progress.until.get(primary, float("inf")) <= now and progress.attempts < policy.attempts


def profile_to_start(
    primary: str,
    chain: Sequence[str],
    progress: Progress | None,
    policy: Policy,
    now: float,
    tiers: Collection[str] = (),
) -> str:
    """Which profile an agent is started again with: its own where that is back, else the one it was with."""
    if progress is None or progress.profile not in chain:
        return primary
    back = may_go_back(primary, replace(progress, attempts=0), policy, now=now, tiers=tiers)
    return primary if back else progress.profile


def next_by_hand(chain: Sequence[str], progress: Progress, now: float) -> str:
    """The profile that a person means who says no more than “the next”; empty where there is no other."""
    at = chain.index(progress.profile) if progress.profile in chain else -1
    others = [*chain[at + 1 :], *chain[: max(at, 0)]]
    ready = [each for each in others if progress.until.get(each, 0.0) <= now and each not in progress.denied]
    return next(iter(ready or others), "")


def reason(fault: Fault, profile: str, until: float | None, now: float) -> str:
    """Why a profile can't go on, as a phrase of ours; what the provider wrote may look like a limit of the next one."""
    if fault is Fault.AUTH:
        return f"{profile}'s login was refused"
    when = f" until {clock(until, now)}" if until is not None else ""
    return f"{profile}'s usage limit{when}" if fault is Fault.LIMITED else f"{profile}'s provider is down"
