"""One request's way down its chain, and its answer's way back."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from agentdeck.core.accounts.meters import of_headers
from agentdeck.core.formats.ir import CannotCarry
from agentdeck.core.frozen import replace
from agentdeck.core.providers import faults
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.faults import FaultKind, ProviderFault
from agentdeck.core.providers.tiers import Target
from agentdeck.gateway import answers, bodies, probes, routing, sizes, translated
from agentdeck.gateway.board import Board, BoardPlace
from agentdeck.gateway.calls import ProviderCall
from agentdeck.gateway.contexts import Fit
from agentdeck.gateway.keycommands import KeyCommands
from agentdeck.gateway.otheraccounts import OtherAccounts
from agentdeck.gateway.probes import Probe, Prober
from agentdeck.gateway.pump import Pump
from agentdeck.gateway.relayed import RelayedRequest
from agentdeck.gateway.routing import GiveUp, Try, Wait, Walk
from agentdeck.gateway.sizes import Sizes
from agentdeck.gateway.translated import TranslatedPump
from agentdeck.gateway.unserved import Unserved, why_unserved
from agentdeck.gateway.upstream import AttemptFailed, Patience, ProviderClient, Reply
from agentdeck.system.state.meters import Meters

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import ProviderConfig

_jitter = random.SystemRandom().random
_LOOK_AGAIN = 1.0
"""Seconds after which a waiting request looks whether an earlier provider of its chain has recovered."""
_BLIND = 600.0
"""Seconds for which a model that took no pictures is sent none: a local server may get another one."""
_SLOT_WAIT = 0.25
"""Seconds until a provider that is at its limit of concurrent requests is asked again."""


class _PassThrough(Exception):
    """The provider's own answer is the caller's to deal with."""

    def __init__(self, failure: AttemptFailed) -> None:
        super().__init__()
        self.answer = answers.Answer(failure.status, failure.body, failure.headers)


def _passed(job: RelayedRequest, target: Target, failure: AttemptFailed) -> _PassThrough:
    passed = _PassThrough(failure)
    if target in job.translations:
        message = f"{faults.message_of(failure.body) or failure.fault.reason} (from {target.provider})"
        passed.answer = answers.refused(job.call.api, failure.status or 502, message)
    return passed


class Relay:
    """Serves requests."""

    def __init__(
        self,
        upstream: ProviderClient,
        board: Board,
        meters: Meters,
        tell_end: Callable[[RelayedRequest], None],
        tell_served: Callable[[RelayedRequest, Unserved | None], None],
        commands: KeyCommands,
    ) -> None:
        self._upstream = upstream
        self._board, self._meters = board, meters
        self._tell_end, self._tell_served = tell_end, tell_served
        self._commands = commands
        self._prober = Prober(upstream, board)
        self._sizes = Sizes(board)
        self._other_accounts = OtherAccounts(meters)
        self._blind: dict[tuple[str, str], float] = {}
        """When each model said that it takes no pictures, by the provider's address and its name."""

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
        job.blind = {target for target in job.targets if self._is_blind(job, target)}
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
                    if job.call.is_inference and sizes.is_too_long(job):
                        return await self._too_long(job)
                    return self._given_up(job)

    async def _step(self, job: RelayedRequest, walk: Walk, index: int) -> tuple[web.StreamResponse | None, Walk]:
        """One attempt at target `index`: the answer it led to, or the walk that goes on."""
        target = job.targets[index]
        provider = job.provider(target)
        if (refusal := self._refused_before(job)) is not None:
            raise _passed(job, job.primary, refusal)
        if (ours := self._own_answer(job, provider)) is not None:
            return ours, walk
        if provider.key_command:
            job.printed_keys[provider.key_command] = await self._commands.fetch(provider.key_command)
        if lacks := job.lacks(target):
            job.note(target, lacks)
            return None, walk.without(index)
        if job.call.is_inference and not await self._sizes.fits(job, target):
            return None, walk.without(index)
        place = job.place(target)
        if 0 < provider.max_concurrent <= self._board.in_flight.get(place.health, 0):
            full = ProviderFault(FaultKind.LIMITED, "is at its limit of parallel requests", _SLOT_WAIT)
            if not walk.tracks[index].stay:
                job.note(target, full.reason)
            return None, walk.after(index, full, time.monotonic(), _jitter(), job.plan.gateway)
        return await self._attempt(job, walk, index, place)

    async def _attempt(
        self, job: RelayedRequest, walk: Walk, index: int, place: BoardPlace
    ) -> tuple[web.StreamResponse | None, Walk]:
        target = job.targets[index]
        others = any(self._may_serve(job, walk, other) for other in range(len(job.targets)) if other != index)
        if others and job.call.is_inference and self._board.is_half_open(place, time.monotonic()):
            # Nobody waits for a provider that may still be down: a request of our own finds that out.
            self._probe(job, target, place)
            return None, walk
        claimed = time.monotonic()
        self._board.claim(place, claimed)
        try:
            reply = await self._ask(job, target, job.provider(target), others=others)
            try:
                return await self._deliver(job, target, reply), walk
            finally:
                reply.response.close()
        except AttemptFailed as failure:
            if failure.fault.kind is FaultKind.TOO_LONG:
                self._sizes.learn(job, target, failure)
                if await self._sizes.must_shorten(job, target, _left(job, walk, index)):
                    job.failures[target] = failure
                    return await self._too_long(job), walk
            return None, self._after(job, walk, index, failure)
        finally:
            self._board.leave(place, claimed)

    def _own_answer(self, job: RelayedRequest, provider: ProviderConfig) -> web.StreamResponse | None:
        """What `provider` can't tell of models and tokens, we do."""
        counts = provider.count_tokens and job.call.api in provider.apis
        if job.call.counts and not counts:
            return self._estimate(job)
        if job.call.method != "POST" and not _lists_models(job.call, provider):
            return self._models(job)
        return None

    def _may_serve(self, job: RelayedRequest, walk: Walk, index: int) -> bool:
        """Whether this target was not asked yet and can be now."""
        target, track = job.targets[index], walk.tracks[index]
        if track.out or track.tries or not job.can_ask(target):
            return False
        place, now = job.place(target), time.monotonic()
        return self._board.opens_at(place, now) is None and not self._board.is_half_open(place, now)

    def _probe(self, job: RelayedRequest, target: Target, place: BoardPlace) -> None:
        """Ask a provider that was paused whether it serves again, beside the request that the next one serves."""
        provider, call = job.provider(target), job.call_for(target)
        key = job.key(provider, call)
        small = (
            probes.like(call)
            if provider.uses_own_login
            else probes.tiny(call.api, target.model or call.model, stream=True)
        )
        self._prober.start(Probe(small, provider, target.model, key, place), job.plan.gateway)

    async def close(self) -> None:
        await self._prober.close()

    async def _ask(self, job: RelayedRequest, target: Target, provider: ProviderConfig, *, others: bool) -> Reply:
        while True:
            job.record.attempts += 1
            call = _with_room(job.call_for(target), job.fits.get(target))
            key = job.key(provider, call)
            try:
                patience = Patience.of(call, provider.timeouts, job.plan.gateway.hold, others=others)
                reply = await self._upstream.open(call, provider, target.model, key, patience)
                self._read_meters(job, provider, key, reply.headers)
                return reply
            except AttemptFailed as failure:
                self._read_meters(job, provider, key, failure.headers)
                if failure.fault.kind is FaultKind.NO_PICTURES and self._go_blind(job, target):
                    job.note(target, failure.fault.reason + ", again without pictures")
                    continue
                if failure.fault.kind is not FaultKind.SIGNATURE or target in job.translations:
                    raise
                if job.stripped:
                    raise _passed(job, target, failure) from None
                job.stripped = True
                job.note(target, failure.fault.reason + ", again without earlier thinking")
                document = bodies.without_thinking(job.call.document)
                job.call = replace(job.call, document=document, body=bodies.encoded(document))

    def _is_blind(self, job: RelayedRequest, target: Target) -> bool:
        if not self._blind or target.provider not in job.plan.providers:
            return False
        said = self._blind.get((job.provider(target).base_url, job.model(target)))
        return said is not None and time.monotonic() < said + _BLIND

    def _go_blind(self, job: RelayedRequest, target: Target) -> bool:
        """Whether the request is now one without pictures, and was not before."""
        if target in job.blind:
            return False
        job.translations.pop(target, None)
        job.blind.add(target)
        try:
            job.call_for(target)
        except CannotCarry:
            return False
        self._blind[job.provider(target).base_url, job.model(target)] = time.monotonic()
        return True

    def _read_meters(self, job: RelayedRequest, provider: ProviderConfig, key: str, headers: Mapping[str, str]) -> None:
        """Take up what an answer tells of the limits of the agent's own login."""
        if job.bearer.account and provider.uses_own_login and not key:
            windows = of_headers({name.lower(): value for name, value in headers.items()})
            self._meters.told(job.bearer.account, windows)

    def _after(self, job: RelayedRequest, walk: Walk, index: int, failure: AttemptFailed) -> Walk:
        """Remember the fault; raise _PassThrough where it is the caller's."""
        target, fault, now = job.targets[index], failure.fault, time.monotonic()
        place, rules = job.place(target), job.plan.gateway
        self._board.failed(place, fault, now, rules)
        job.note(target, fault.reason)
        job.failures[target] = failure
        if fault.kind is FaultKind.DENIED:
            self._commands.forget(job.provider(target).key_command)
        if self._sends_login(job, target) and self._other_accounts.goes_on(job.bearer, failure):
            self._board.hold(place, fault, now, rules)
            raise _passed(job, target, failure)
        if self._is_callers(job, walk, index, fault.kind):
            raise _passed(job, target, failure)
        walk = walk.after(index, fault, now, _jitter(), rules)
        if fault.holds and walk.tracks[index].out:
            self._board.hold(place, fault, now, rules)
        return walk

    def _sends_login(self, job: RelayedRequest, target: Target) -> bool:
        """Whether the agent's own login goes to this target, which is the first of its chain."""
        provider, call = job.provider(target), job.call
        own = provider.uses_own_login and call.has_login and not translated.needs_translation(call, provider)
        return own and target == job.primary

    def _refused_before(self, job: RelayedRequest) -> AttemptFailed | None:
        """What the agent's account was refused with, where another account is to go on."""
        if not (job.bearer.beside and job.call.is_inference) or job.primary.provider not in job.plan.providers:
            return None
        return self._other_accounts.refusal(job.bearer) if self._sends_login(job, job.primary) else None

    def _is_callers(self, job: RelayedRequest, walk: Walk, index: int, kind: FaultKind) -> bool:
        """Whether the client gets this answer as it is. Only the first provider's: what a backup says of a request
        must not hide that the first is limited or down."""
        target = job.targets[index]
        if target != job.first:
            return False
        if kind is FaultKind.CALLER:
            return True
        others = _left(job, walk, index)
        if kind is FaultKind.DENIED:
            return not any(job.can_ask(other) for other in others)
        return kind is FaultKind.NO_MODEL and not others and not target.model

    async def _deliver(self, job: RelayedRequest, target: Target, reply: Reply) -> web.StreamResponse:
        """Pass the answer on. After the first byte nothing is taken from another provider."""
        now = time.monotonic()
        pump = self._pump(job, target, reply)
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
        if target in job.translations:
            self._board.translated(job.bearer, target, job.translations[target].left_out)
        try:
            answer = await pump.run(target.provider)
        finally:
            record.usage = pump.usage
            self._sizes.count(job, target, pump.usage.prompt)
            if pump.fault is not None:  # a client that leaves at an error does not undo it
                self._broke(job, target, pump.fault)
        if pump.fault is None:
            record.outcome = "ok"
            self._board.succeeded(place, time.monotonic())
            self._board.was_whole(job.bearer, target)
        return answer

    def _pump(self, job: RelayedRequest, target: Target, reply: Reply) -> Pump | TranslatedPump:
        """What passes the answer on. Raises AttemptFailed for a whole answer that can't be translated."""
        times = job.provider(target).timeouts
        if target not in job.translations:
            return Pump(job.request, job.call.api, reply, times)
        pump = TranslatedPump(job.request, job.translations[target], reply, times)
        pump.check()
        return pump

    def _broke(self, job: RelayedRequest, target: Target, fault: ProviderFault) -> None:
        """The stream of an answer broke after its beginning was passed on."""
        now, place, rules = time.monotonic(), job.place(target), job.plan.gateway
        job.record.outcome = "broken"
        job.note(target, fault.reason)
        self._board.failed(place, fault, now, rules)
        if fault.holds:
            self._board.hold(place, fault, now, rules)
        self._board.broke(job.bearer, target, now)

    def _why_not_primary(self, job: RelayedRequest, now: float) -> str:
        """Why the chain was not begun at its beginning."""
        if job.primary.provider not in job.plan.providers:
            return ""
        closing = self._board.closing(job.place(job.primary), now)
        return f"{job.primary}: {closing.reason if closing else 'its last answer was cut off'}"

    async def _too_long(self, job: RelayedRequest) -> web.StreamResponse:
        """Tell the client how much the largest model of the chain holds, so that it shortens its request once."""
        job.record.outcome = "error"
        prompt, size = await self._sizes.told(job)
        first = job.failures.get(job.first)
        if not size and first is not None:
            raise _passed(job, job.first, first)
        return self._own(job, answers.too_long(job.call.api, prompt, size))

    def _given_up(self, job: RelayedRequest) -> web.StreamResponse:
        if job.call.counts:
            return self._estimate(job)
        if job.unfit and all(target in job.unfit for target in job.targets):
            job.record.outcome = "error"
            fields = "; ".join(dict.fromkeys(job.unfit.values()))
            message = f"AgentDeck: no provider of the chain can be asked for {fields}."
            return self._own(job, answers.refused(job.call.api, 400, message))
        unserved = why_unserved(job, self._board, time.monotonic())
        job.record.outcome = "exhausted"
        self._board.gave_up(job.bearer, job.primary, unserved.reason)
        self._tell_served(job, unserved)
        names = [str(target) for target in job.chain]
        return self._own(job, answers.nobody_left(job.call.api, names, unserved.reason, lasting=unserved.lasting))

    def _models(self, job: RelayedRequest) -> web.StreamResponse:
        job.record.outcome = "ok"
        names = list(dict.fromkeys(target.model for target in job.targets if target.model))
        return self._own(job, answers.document(translated.models_of(job.call.api, names)))

    def _estimate(self, job: RelayedRequest) -> web.StreamResponse:
        job.record.outcome = "ok"
        count = bodies.estimated_tokens(job.call.document)
        return self._own(job, answers.counted(job.call.api, count))

    def _own(self, job: RelayedRequest, answer: answers.Answer) -> web.StreamResponse:
        job.record.status = answer.status
        return answer.response()


def _left(job: RelayedRequest, walk: Walk, index: int) -> list[Target]:
    """The targets other than `index` that can still be tried."""
    return [job.targets[i] for i, track in enumerate(walk.tracks) if i != index and not track.out]


def _with_room(call: ProviderCall, fit: Fit | None) -> ProviderCall:
    """The request with no longer an answer than there is room for."""
    if fit is None or fit.output is None:
        return call
    key, most = fit.output
    return replace(call, body=bodies.with_value(call.body, key, most), document={**call.document, key: most})


def _lists_models(call: ProviderCall, provider: ProviderConfig) -> bool:
    """Whether the provider lists its models as this client reads them."""
    openai = {Api.CHAT, Api.RESPONSES}
    return bool(set(provider.apis) & (openai if call.api in openai else {call.api}))
