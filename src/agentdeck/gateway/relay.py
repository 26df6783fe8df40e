"""One request's way down its chain, and its answer's way back."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aiohttp import web

from agentdeck.core.providers.faults import FaultKind, ProviderFault
from agentdeck.core.providers.tiers import Target
from agentdeck.gateway import answers, bodies, routing
from agentdeck.gateway.board import Board, BoardPlace
from agentdeck.gateway.budgets import Spent
from agentdeck.gateway.pump import Pump
from agentdeck.gateway.routing import GiveUp, Try, Wait, Walk
from agentdeck.gateway.upstream import AttemptFailed, ProviderCall, ProviderClient, Reply
from agentdeck.system.gateway.ledger import LedgerRecord
from agentdeck.system.gateway.tokens import Bearer

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import Plan, ProviderConfig

_jitter = random.SystemRandom().random
_LOOK_AGAIN = 1.0
"""Seconds after which a waiting request looks whether an earlier provider of its chain has recovered."""
_SLOT_WAIT = 0.25
"""Seconds until a provider that is at its limit of concurrent requests is asked again."""


@dataclass(slots=True)
class RelayedRequest:
    """One request while it is served."""

    request: web.Request
    call: ProviderCall
    bearer: Bearer
    plan: Plan
    targets: list[Target]
    primary: Target
    record: LedgerRecord
    began: float = field(default_factory=time.monotonic)
    why: str = ""
    """Why the chain is not the tier's own; empty when it is."""
    most: Spent | None = None
    """What it may cost at most, where a budget counts it as under way."""
    stripped: bool = False
    """Whether earlier thinking was already taken out."""
    failures: dict[Target, AttemptFailed] = field(default_factory=dict)
    """How each target failed at last."""
    lacking: set[Target] = field(default_factory=set)
    """Those whose key is not there."""
    chain: tuple[Target, ...] = ()
    """The targets as the tier orders them."""

    def provider(self, target: Target) -> ProviderConfig:
        return self.plan.providers[target.provider]

    def place(self, target: Target) -> BoardPlace:
        return BoardPlace.of(target, self.provider(target), self.bearer, self.call.model)

    def note(self, target: Target, reason: str) -> None:
        self.record.faults.append(f"{target}: {reason}")


@dataclass(frozen=True, slots=True)
class Unserved:
    """Why no provider served a request."""

    reason: str
    lasting: bool
    """Whether the same request can't succeed later, unless a person changes something."""


class _PassThrough(Exception):
    """The provider's own answer is the caller's to deal with."""

    def __init__(self, failure: AttemptFailed) -> None:
        super().__init__()
        self.answer = answers.Answer(failure.status, failure.body, failure.headers)


class Relay:
    """Serves requests. `keys_of` gives the variables of a deck that its providers' `key_env` refer to."""

    def __init__(
        self,
        upstream: ProviderClient,
        board: Board,
        keys_of: Callable[[str], Mapping[str, str]],
        tell_end: Callable[[RelayedRequest], None],
        tell_served: Callable[[RelayedRequest, Unserved | None], None],
    ) -> None:
        self._upstream = upstream
        self._board = board
        self._keys_of = keys_of
        self._tell_end, self._tell_served = tell_end, tell_served

    async def serve(self, job: RelayedRequest) -> web.StreamResponse:
        """Answer `job` from the first provider that can, and report what it took."""
        try:
            return await self._walk(job)
        except _PassThrough as passed:
            job.record.outcome = "error"
            job.record.status = passed.answer.status
            return passed.answer.response()
        finally:
            job.record.seconds = time.monotonic() - job.began
            self._tell_end(job)

    async def _walk(self, job: RelayedRequest) -> web.StreamResponse:
        rules = job.plan.gateway
        job.chain = tuple(job.targets)
        job.targets = self._board.ordered(job.bearer, job.targets, job.began)
        walk = Walk.begin(len(job.targets), job.began, rules)
        while True:
            now = time.monotonic()
            opens = [self._board.opens_at(job.place(target), now) for target in job.targets]
            match routing.next_step(walk, opens, now):
                case Wait(seconds) if job.call.is_inference:
                    await asyncio.sleep(min(seconds, _LOOK_AGAIN))
                case Try(index):
                    answer, walk = await self._step(job, walk, index)
                    if answer is not None:
                        return answer
                case Wait() | GiveUp():
                    return self._given_up(job)

    async def _step(self, job: RelayedRequest, walk: Walk, index: int) -> tuple[web.StreamResponse | None, Walk]:
        """One attempt at target `index`: the answer it led to, or the walk that goes on."""
        target = job.targets[index]
        provider = job.provider(target)
        if job.call.path.endswith("/count_tokens") and not provider.count_tokens:
            return self._estimate(job), walk
        if provider.key_env and not self._key(job, provider):
            job.note(target, f"its key {provider.key_env} is not set where the gateway runs, or is not a key")
            job.lacking.add(target)
            return None, walk.without(index)
        place = job.place(target)
        if 0 < provider.max_concurrent <= self._board.in_flight.get(place.health, 0):
            full = ProviderFault(FaultKind.LIMITED, "is at its limit of parallel requests", _SLOT_WAIT)
            if not walk.tracks[index].stay:
                job.note(target, full.reason)
            return None, walk.after(index, full, time.monotonic(), _jitter(), job.plan.gateway)
        claimed = time.monotonic()
        self._board.claim(place, claimed)
        try:
            reply = await self._ask(job, target, provider)
            try:
                return await self._deliver(job, target, reply), walk
            finally:
                reply.response.close()
        except AttemptFailed as failure:
            return None, self._after(job, walk, index, failure)
        finally:
            self._board.leave(place, claimed)

    async def _ask(self, job: RelayedRequest, target: Target, provider: ProviderConfig) -> Reply:
        key = self._key(job, provider)
        while True:
            job.record.attempts += 1
            try:
                return await self._upstream.open(job.call, provider, target.model, key, job.plan.gateway.hold)
            except AttemptFailed as failure:
                if failure.fault.kind is not FaultKind.SIGNATURE:
                    raise
                if job.stripped:
                    raise _PassThrough(failure) from None
                job.stripped = True
                job.note(target, failure.fault.reason + ", again without earlier thinking")
                document = bodies.without_thinking(job.call.document)
                job.call = replace(job.call, document=document, body=bodies.encoded(document))

    def _after(self, job: RelayedRequest, walk: Walk, index: int, failure: AttemptFailed) -> Walk:
        """Remember the fault; raise _PassThrough where it is the caller's."""
        target, fault, now = job.targets[index], failure.fault, time.monotonic()
        place, rules = job.place(target), job.plan.gateway
        self._board.failed(place, fault, now, rules)
        job.note(target, fault.reason)
        job.failures[target] = failure
        if self._is_callers(job, walk, index, fault.kind):
            raise _PassThrough(failure)
        walk = walk.after(index, fault, now, _jitter(), rules)
        if fault.kind in (FaultKind.LIMITED, FaultKind.EXHAUSTED, FaultKind.DENIED) and walk.tracks[index].out:
            self._board.hold(place, fault, now, rules)
        return walk

    def _is_callers(self, job: RelayedRequest, walk: Walk, index: int, kind: FaultKind) -> bool:
        """Whether the client gets this answer as it is. Only the first provider's: what a backup says of a request
        must not hide that the first is limited or down."""
        target = job.targets[index]
        if target != next((each for each in job.chain if self._has_key(job, job.provider(each))), target):
            return False
        if kind is FaultKind.CALLER:
            return True
        others = [job.targets[i] for i, track in enumerate(walk.tracks) if i != index and not track.out]
        if kind is FaultKind.DENIED:
            return not any(self._has_key(job, job.provider(other)) for other in others)
        return kind is FaultKind.NO_MODEL and not others and not target.model

    def _key(self, job: RelayedRequest, provider: ProviderConfig) -> str:
        key = self._keys_of(job.bearer.deck).get(provider.key_env, "") if provider.key_env else ""
        # As many a file of keys has it, with a line end; within a header that would be an attack.
        return key.strip() if key.strip().isprintable() else ""

    def _has_key(self, job: RelayedRequest, provider: ProviderConfig) -> bool:
        return not provider.key_env or bool(self._key(job, provider))

    async def _deliver(self, job: RelayedRequest, target: Target, reply: Reply) -> web.StreamResponse:
        """Pass the answer on. After the first byte nothing is taken from another provider."""
        now = time.monotonic()
        place, record, rules = job.place(target), job.record, job.plan.gateway
        record.provider = target.provider
        record.model = target.model or record.asked
        record.status = reply.response.status
        record.first_byte = now - job.began
        self._board.began(place, now, rules)
        if job.call.is_inference:
            reason = job.why or (record.faults[-1] if record.faults else self._why_not_primary(job, now))
            self._board.served(job.bearer, target, record.model, job.primary, reason)
            self._tell_served(job, None)
        pump = Pump(job.request, job.call.api, reply, job.provider(target).timeouts.idle)
        try:
            answer = await pump.run(target.provider)
        finally:
            record.usage = pump.usage
            if pump.fault is not None:  # a client that leaves at an error does not undo it
                self._broke(job, target, pump.fault)
        if pump.fault is None:
            record.outcome = "ok"
            self._board.succeeded(place, time.monotonic())
        return answer

    def _broke(self, job: RelayedRequest, target: Target, fault: ProviderFault) -> None:
        """The stream of an answer broke after its beginning was passed on."""
        now, place, rules = time.monotonic(), job.place(target), job.plan.gateway
        job.record.outcome = "broken"
        job.note(target, fault.reason)
        self._board.failed(place, fault, now, rules)
        if fault.kind in (FaultKind.LIMITED, FaultKind.EXHAUSTED):
            self._board.hold(place, fault, now, rules)
        self._board.broke(job.bearer, target, now)

    def _why_not_primary(self, job: RelayedRequest, now: float) -> str:
        """Why the chain was not begun at its beginning."""
        if job.primary.provider not in job.plan.providers:
            return ""
        closing = self._board.closing(job.place(job.primary), now)
        return f"{job.primary}: {closing.reason if closing else 'its last answer was cut off'}"

    def _given_up(self, job: RelayedRequest) -> web.StreamResponse:
        if job.call.path.endswith("/count_tokens"):
            return self._estimate(job)
        unserved = self._why_unserved(job, time.monotonic())
        job.record.outcome = "exhausted"
        self._board.gave_up(job.bearer, job.primary, unserved.reason)
        self._tell_served(job, unserved)
        names = [str(target) for target in job.chain]
        return self._own(job, answers.nobody_left(job.call.api, names, unserved.reason, lasting=unserved.lasting))

    def _why_unserved(self, job: RelayedRequest, now: float) -> Unserved:
        """What keeps each target from serving, in words."""
        reasons, lasting = [], True
        for target in job.chain:
            closing = self._board.closing(job.place(target), now)
            if target in job.lacking:
                reasons.append(f"{target}: its key {job.provider(target).key_env} is not set")
            elif (failure := job.failures.get(target)) is not None:
                reasons.append(f"{target}: {failure.fault.reason}")
                lasting = lasting and failure.fault.lasting
            elif closing is not None:
                job.note(target, f"paused: {closing.reason}")
                reasons.append(f"{target}: {closing.reason}, paused")
                lasting = lasting and closing.lasting
            else:
                reasons.append(f"{target}: is at its limit of parallel requests")
                lasting = False
        return Unserved("; ".join(reasons), lasting)

    def _estimate(self, job: RelayedRequest) -> web.StreamResponse:
        job.record.outcome = "ok"
        count = bodies.estimated_tokens(job.call.document)
        return self._own(job, answers.counted(count))

    def _own(self, job: RelayedRequest, answer: answers.Answer) -> web.StreamResponse:
        job.record.status = answer.status
        return answer.response()
