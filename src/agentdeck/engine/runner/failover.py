"""The failover of one agent, as its runner does it: what to do next, and how far that is on disk."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from agentdeck.core.accounts.lanes import ACCOUNT, PROVIDER, step_between
from agentdeck.core.agents.agent import Fault, Mode, State, Status
from agentdeck.core.agents.detect import around, broke_off, fault_shown
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.failover import (
    PROVIDERS_FAULTS,
    Act,
    Decision,
    Known,
    Policy,
    Progress,
    after_break,
    after_fault,
    fault_of_status,
    may_go_back,
)
from agentdeck.core.agents.orders import Orders
from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.notices.quiet import is_quiet
from agentdeck.core.question import Option, Question
from agentdeck.core.resets import reset_time
from agentdeck.core.text.durations import clock
from agentdeck.core.transcripts.records import Kind, Record
from agentdeck.engine.profiles.handing import (
    Job,
    Start,
    carried_over,
    handed_over,
    progress_of,
    save_progress,
    start_of,
)
from agentdeck.system.files.files import read_json
from agentdeck.system.state.meters import Meters
from agentdeck.system.state.store import Store

_LONG = 30.0
"""Seconds after which the clock is looked at again: while a machine sleeps, a monotonic one stands still."""
_AT_ONCE = 15.0
"""A resumed program that crashes within so many seconds had no session to resume."""
_GOES_ON = {ACCOUNT: "with the conversation", PROVIDER: "another provider"}
_ITS_FAULTS = PROVIDERS_FAULTS | {Fault.BUDGET}
"""After these an agent may go on later, or with another profile."""
ASKED = "asked for"
REQUEST = "switch.json"
"""In the agent's folder: the profile that a person wants, for a runner that lives."""


@dataclass(frozen=True, slots=True)
class ProfileMove:
    """That a profile is to be started, or told to go on, at a time."""

    profile: str
    at: float
    why: str
    fault: Fault = Fault.NONE
    resting: bool = False
    """Whether its task was finished."""
    others: tuple[str, ...] = ()
    """Where a person is asked: what could go on meanwhile."""

    @property
    def due(self) -> float:
        """Seconds until then, or until it is time to look again."""
        return min(max(0.0, self.at - time.time()), _LONG)


class FailoverControl:
    def __init__(
        self,
        orders: Orders,
        store: Store,
        environment_of: Callable[[str], Mapping[str, str]] = lambda name: os.environ,
        meters: Meters | None = None,
    ) -> None:
        """`environment_of` gives the variables that each profile's program gets."""
        self.entries = {entry.profile: entry for entry in orders.chain}
        self.primary = orders.primary
        self._tiers = frozenset(entry.profile for entry in orders.chain if entry.by_tier)
        self.wanted: ProfileMove | None = None
        """What is to be done instead of going on with the program that runs."""
        self.held: ProfileMove | None = None
        """What the program that runs waits for, which is then told to go on."""
        self.ended = ""
        """Why nothing more is tried, as a phrase."""
        self._orders, self._store, self._environment_of = orders, store, environment_of
        self._meters = meters if orders.meters else None
        self._folder = Path(orders.folder)
        self._job = Job(orders.task, Path(orders.cwd), orders.base_commit, self._folder, bool(orders.box))
        self._deadline = time.time() + orders.timeout if orders.timeout is not None else None
        self._since: float | None = None
        self._retries_since: float | None = None
        """When the program began to ask a failing provider again and again."""
        self._done_with = 0.0
        self._launched, self._started = time.monotonic(), time.time()
        self._resumed = orders.resumes
        """Whether the program was started from a session."""
        progress = (progress_of(self._folder) or Progress(orders.profile)).asked_anew()
        (self._folder / REQUEST).unlink(missing_ok=True)
        self._save(replace(progress, profile=orders.profile))

    @property
    def serving(self) -> str:
        """Why another profile than the agent's own serves it, as the reason of its row; empty where its own does."""
        name = self.progress.profile
        if name == self.primary or self.progress.why in ("", ASKED):
            return ""  # what a person has chosen needs no reason
        return f"failed over to {name}: {self.progress.why}"

    def shows_limits(self, profile: str) -> bool:
        """Whether a conversation with which this profile goes on may tell of a limit, its own or another account's."""
        return profile in self.progress.until or self.progress.carried != ""

    def note_started(self) -> None:
        """The program of the profile runs."""
        self._launched, self._started = time.monotonic(), time.time()
        self._save(self.progress.started(self.progress.profile))

    def note_session(self, session: str) -> None:
        if session and self.progress.sessions.get(self.progress.profile) != session:
            self._save(self.progress.with_session(self.progress.profile, session))

    def note_turn(self) -> None:
        """A turn was finished well."""
        if self.progress.tries.get(self.progress.profile):
            self._save(self.progress.worked())

    # When the program has ended

    def after(self, final: Status, output: str, orders: Orders, *, refused: bool = False) -> ProfileMove | None:
        """What follows on the end of the program; None: nothing, the run has ended. `refused`: the gateway had no
        provider left for it."""
        if final.state is State.STOPPED or final.fault is Fault.TIMED_OUT:
            return None
        if self.wanted is not None:
            move, self.wanted = self.wanted, None
            return move
        if self._had_no_session(final):
            name = self.progress.profile
            left = {each: session for each, session in self.progress.sessions.items() if each != name}
            ran = tuple(each for each in self.progress.ran if each != name)
            self._save(replace(self.progress, sessions=left, ran=ran))
            return ProfileMove(name, time.time(), "its session could not be resumed")
        if final.fault not in _ITS_FAULTS or (orders.mode is Mode.INTERACTIVE and final.exit_code == 0):
            return None  # in its own screen a program ends with 0 when a person closes it
        # The gateway has seen which provider broke off, and sends what comes next to another one.
        served = orders.wired and not refused and final.fault is Fault.PROVIDER
        again = self._go_on(final.fault) if served and self.progress.sessions.get(self.progress.profile) else None
        if again is not None or self._orders.policy.broken_only:
            return again
        return self._decide(final.fault, self._words(output, orders), final.reason)

    def _go_on(self, fault: Fault) -> ProfileMove | None:
        """To go on at once; None where that was done too often."""
        found = after_break(self.progress, self._orders.policy, time.time())
        if found is None:
            return None
        decision, progress = found
        self._save(progress)
        return ProfileMove(decision.profile, decision.at, decision.why, fault)

    def _had_no_session(self, final: Status) -> bool:
        if self._orders.policy.broken_only:
            return False
        soon = time.monotonic() - self._launched < _AT_ONCE
        return self._resumed and soon and final.state is State.FAILED and final.fault is Fault.CRASHED

    def _words(self, output: str, orders: Orders) -> str:
        outcome = orders.outcome
        patterns = (*outcome.limited, *orders.detectors.limited, *outcome.provider)
        return around(output, patterns)

    def _decide(self, fault: Fault, words: str, reason: str) -> ProfileMove | None:
        spent = reason if fault is Fault.BUDGET else ""
        return self._settle(fault, *self._decision(fault, spent or words, spent))

    def _decision(self, fault: Fault, words: str, why: str) -> tuple[Decision, Progress]:
        import random

        now = time.time()
        return after_fault(
            fault,
            self._reset(fault, words, now),
            tuple(self.entries),
            self.progress,
            self._policy(),
            now=now,
            deadline=self._deadline,
            luck=random.random(),  # noqa: S311 - it spreads pauses, and keeps no secret
            why=why,
            known=self._known(now),
        )

    def _settle(self, fault: Fault, decision: Decision, progress: Progress) -> ProfileMove | None:
        self._save(progress)
        self._tell(fault, decision, progress)
        if decision.act is Act.END:
            self.ended = decision.why
            return None
        return ProfileMove(decision.profile, decision.at, decision.why, fault, others=decision.others)

    def _reset(self, fault: Fault, words: str, now: float) -> float | None:
        """When the limit ends, as the words say or else the account's meter; all agents with the account learn it."""
        reset, name = reset_time(words, now), self.progress.profile
        if fault is not Fault.LIMITED or self._meters is None or self.entries[name].wired:
            return reset
        if reset is None:
            return self._meters.read(name).until(now) or None
        self._meters.met(name, reset)
        return reset

    def _known(self, now: float) -> Known:
        if self._meters is None:
            return Known(tiers=self._tiers)
        found = self._meters.read_all(self.entries)
        until = {name: at for name, meter in found.items() if (at := meter.until(now))}
        return Known(self._tiers, {name: meter.left(now) for name, meter in found.items()}, until)

    def _policy(self) -> Policy:
        policy = self._orders.policy
        return replace(policy, ask=policy.ask and not is_quiet(policy.quiet, datetime.now()))  # noqa: DTZ005

    def _tell(self, fault: Fault, decision: Decision, progress: Progress) -> None:
        data: dict[str, Any] = {"fault": fault, "profile": self.progress.profile, "attempt": progress.attempts}
        data["until"] = progress.until.get(self.progress.profile)
        agent = self._orders.agent
        if decision.act is Act.END:
            self._append(Event(EventKind.AGENT_FAILOVER_ENDED, agent, decision.why, data))
        elif decision.at > time.time():
            text = f"{decision.why}; {decision.profile} continues at {clock(decision.at, time.time())}"
            self._append(Event(EventKind.AGENT_BACKING_OFF, agent, text, data))

    # While the program runs

    def look(
        self, status: Status, screen: Callable[[], str], orders: Orders, now: float, *, refused: bool
    ) -> float | None:
        """Decide on an interactive program that has stopped at a limit, or that may be left for the agent's own
        profile; return when to look again. `now` is monotonic; `refused`: the gateway had no provider left for it."""
        if orders.mode is not Mode.INTERACTIVE or self.wanted is not None:
            return None
        if status.state not in (State.LIMITED, State.FAILED):
            self._since = self.held = None
            return self._look_back(status, now) if status.state is State.DONE else None
        if self.held is not None:
            return now + self.held.due
        if status.since == self._done_with:
            return None
        return self._look_at(status, screen, orders, now, refused=refused)

    def _look_at(
        self, status: Status, screen: Callable[[], str], orders: Orders, now: float, *, refused: bool
    ) -> float | None:
        self._since = self._since or now
        if now < self._since + orders.policy.settle:
            return self._since + orders.policy.settle
        self._done_with, self._since = status.since, None
        text = screen()
        fault = self._fault_of(status, text, orders)
        served = orders.wired and not refused and fault is Fault.PROVIDER
        move = self._go_on(fault) if served else None
        if move is None and fault and not orders.policy.broken_only:
            move = self._decide(fault, self._words(text, orders) or status.reason, status.reason)
        if move is not None and move.profile == self.progress.profile and not move.others:
            self.held = move
            return now + move.due
        self.wanted = move
        return None

    def _fault_of(self, status: Status, text: str, orders: Orders) -> Fault:
        if orders.wired and broke_off(text):
            return Fault.PROVIDER
        if status.fault in _ITS_FAULTS:
            return status.fault
        return Fault.LIMITED if status.state is State.LIMITED else fault_shown(text, orders.outcome)

    def _look_back(self, status: Status, now: float) -> float | None:
        self.note_turn()
        policy = self._orders.policy
        if policy.back != "turn" or self.progress.profile == self.primary or self.primary not in self.progress.until:
            return None
        left = max(self.progress.until[self.primary], status.since + policy.settle) - time.time()
        if left > 0:
            return now + min(left, _LONG)
        if may_go_back(self.primary, self.progress, policy, now=time.time(), tiers=self._tiers):
            self._save(replace(self.progress, attempts=self.progress.attempts + 1))
            self.wanted = ProfileMove(self.primary, time.time(), f"{self.primary} is back", resting=True)
        return None

    def take(self, records: Sequence[Record]) -> None:
        """Learn from the program's transcript: it goes on, or asks a failing provider again and again."""
        for record in records:
            if record.agent:
                continue
            if record.kind is Kind.RETRY:
                self._retries(record)
            else:
                self._retries_since = None
            if record.kind is Kind.RESULT and record.at >= self._started:
                self.note_turn()

    def _retries(self, record: Record) -> None:
        now = time.time()
        self._retries_since = self._retries_since or now
        fault = fault_of_status(record.status)
        in_vain = now + (record.seconds or 0.0) >= self._retries_since + self._orders.policy.patience
        if fault is Fault.AUTH or in_vain:
            self._leave(fault)

    def leave_silent(self, silent_for: str) -> bool:
        """Go on with another profile instead of a program whose provider seems to hang; False where none is ready."""
        return self._leave(Fault.PROVIDER, f"{self.progress.profile} was silent for {silent_for}")

    def _leave(self, fault: Fault, why: str = "") -> bool:
        """Go on with another profile at once, where one is ready."""
        if self.wanted is None:
            decision, progress = self._decision(fault, "", why)
            if decision.act is Act.NEXT and decision.at <= time.time():
                self.wanted = self._settle(fault, decision, progress)
        return self.wanted is not None

    def went_on(self) -> bool:
        """Whether what the program waits for has come; then it is no longer held."""
        if self.held is None or time.time() < self.held.at:
            return False
        self.held = None
        return True

    def read_request(self, resting: bool, asked: ProfileMove | None = None) -> None:
        """Take up what a person asks for; `asked` is the move about which they were asked."""
        path = self._folder / REQUEST
        try:
            wish = read_json(path)["to"]
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError):
            wish = ""
        path.unlink(missing_ok=True)
        if wish in self.entries and wish != self.progress.profile:
            self.wanted = ProfileMove(wish, time.time(), ASKED, resting=resting)
            if asked is not None and wish in asked.others:  # the limit is why, whoever goes on
                self.wanted = replace(self.wanted, why=asked.why, fault=asked.fault)
        elif asked is not None and asked.others and wish == asked.profile:
            self.wanted = replace(asked, others=())  # to wait, as it was asked

    # From one program to the next

    def reason_for(self, move: ProfileMove) -> str:
        """What is told of the agent until `move` is done."""
        if move.fault is Fault.BUDGET:
            return f"{move.why}; {move.profile} tries again at {clock(move.at, time.time())}"
        if move.others:
            return f"{move.why}: wait, or continue with another profile?"
        if move.at > time.time():
            again = " again" if move.profile == self.progress.profile else f": {move.why}"
            return f"until {clock(move.at, time.time())}, then {move.profile}{again}"
        if move.profile == self.progress.profile:
            return f"starting {move.profile} again: {move.why}"
        word = "back to" if move.profile == self.primary else "failed over to"
        return f"{word} {move.profile}: {move.why}"

    def question_of(self, move: ProfileMove) -> Question | None:
        """What a person is asked before `move`, if so."""
        if not move.others:
            return None
        options = [Option(f"Wait until {clock(move.at, time.time())}", profile=move.profile)]
        for name in move.others:
            how = _GOES_ON.get(step_between(move.profile, name, self._tiers), "with a brief")
            options.append(Option(f"Continue with {name}", how, profile=name))
        return Question(self.reason_for(move), options=tuple(options), at=time.time())

    def take_up(self, move: ProfileMove) -> Start:
        """Note on disk that `move` is being done, and return how."""
        left = self.progress.profile
        why = "" if move.profile == self.primary else move.why if move.profile != left else self.progress.why
        progress = replace(self.progress, profile=move.profile, why=why)
        self._save(progress)  # before anything is started: whoever goes on after a crash goes on with this one
        progress = carried_over(progress, self.entries[move.profile], self._job, self._environment_of, self._tiers)
        self._save(progress)
        start = start_of(self.entries[move.profile], replace(progress, why=move.why), self._job, resting=move.resting)
        if move.profile != left:
            before = replace(progress, profile=left)
            self._append(
                handed_over(self._orders.agent, before, self.primary, move.profile, move.why, fault=move.fault)
            )
        self._resumed = start.resumes
        return start

    def _append(self, event: Event) -> None:
        with contextlib.suppress(OSError):
            self._store.append(event)

    def _save(self, progress: Progress) -> None:
        self.progress = progress
        with contextlib.suppress(OSError):  # a full disk must not end the agent
            save_progress(self._folder, progress)
