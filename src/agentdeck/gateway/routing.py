"""Which provider is asked next, and when: breakers and the walk of one request, as pure functions.

Times are seconds on one clock of the caller's; nothing here reads a clock or draws a random number.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.providers.faults import FaultKind, ProviderFault

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import GatewayConfig


class BreakerPhase(StrEnum):
    CLOSED = "closed"
    """Requests pass."""
    OPEN = "open"
    """None passes until a time."""
    HALF_OPEN = "half-open"
    """One passes, as a probe."""


PROBE_LOST = 900.0
"""Seconds after which a probe that never reported no longer keeps the next one back."""
_PROBE_PAUSE = 0.5
"""Seconds after which to look again whether another request's probe came back."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is remembered of a provider's faults."""

    failures: int = 0
    """In a row."""
    until: float | None = None
    """Closed to requests until then; None: never opened, or closed again."""
    trips: int = 0
    """How often it opened without a good answer between."""
    probe: float | None = None
    """When the one request of the half-open phase was let through."""
    reason: str = ""
    lasting: bool = False
    """Whether only a person can change what it was opened for."""

    def phase(self, now: float) -> BreakerPhase:
        if self.until is None:
            return BreakerPhase.CLOSED
        return BreakerPhase.OPEN if now < self.until else BreakerPhase.HALF_OPEN

    def opens_at(self, now: float) -> float | None:
        """When a request may pass, None for now."""
        if self.until is None:
            return None
        if now < self.until:
            return self.until
        if self.probe is not None and now < self.probe + PROBE_LOST:
            return now + _PROBE_PAUSE
        return None


def claimed(breaker: Breaker, now: float) -> Breaker:
    """After a request was let through."""
    return replace(breaker, probe=now) if breaker.phase(now) is BreakerPhase.HALF_OPEN else breaker


def abandoned(breaker: Breaker) -> Breaker:
    """After a request ended without telling anything, as when its client went away."""
    return replace(breaker, probe=None)


def began(breaker: Breaker, now: float, rules: GatewayConfig) -> Breaker:
    """After the beginning of a good answer: all may pass again, but one failure opens it again."""
    if breaker.phase(now) is not BreakerPhase.HALF_OPEN:
        return breaker
    return replace(breaker, until=None, probe=None, failures=rules.breaker_failures - 1)


def succeeded(breaker: Breaker, now: float) -> Breaker:
    """After a whole good answer. One that was under way when the breaker opened does not close it."""
    return breaker if breaker.phase(now) is BreakerPhase.OPEN else Breaker()


def failed(breaker: Breaker, fault: ProviderFault, now: float, rules: GatewayConfig) -> Breaker:
    """After a fault that counts. A late one, of a request from before it opened, does not keep it open for longer."""
    phase = breaker.phase(now)
    if phase is BreakerPhase.OPEN:
        return breaker
    count = breaker.failures + 1
    if phase is BreakerPhase.CLOSED and count < rules.breaker_failures and not fault.slow:
        return replace(breaker, failures=count, reason=fault.reason)
    pause = min(rules.breaker_seconds * 2.0 ** min(breaker.trips, 30), rules.breaker_seconds_max)
    return Breaker(count, now + max(pause, fault.retry_after or 0.0), breaker.trips + 1, None, fault.reason)


def held(breaker: Breaker, fault: ProviderFault, now: float, rules: GatewayConfig) -> Breaker:
    """After a limit, a spent quota or refused credentials: nothing passes until the reset it named, or for a while."""
    if fault.retry_after is not None:
        seconds = fault.retry_after
    else:
        seconds = rules.exhausted_seconds if fault.kind is FaultKind.EXHAUSTED else rules.breaker_seconds
    until = max(now + seconds, breaker.until or 0.0)
    return Breaker(breaker.failures + 1, until, breaker.trips + 1, None, fault.reason, fault.lasting)


def backoff(tries: int, jitter: float, rules: GatewayConfig) -> float:
    """Seconds to wait after the `tries`-th failure; `jitter` from 0 to 1 spreads it over the upper half."""
    full = min(rules.backoff * 2.0 ** min(max(tries - 1, 0), 30), rules.backoff_max)
    return full * (0.5 + 0.5 * jitter)


@dataclass(frozen=True, slots=True)
class Track:
    """How one target of the chain fared in this request."""

    tries: int = 0
    ready: float = 0.0
    """Not to be asked again before."""
    stay: bool = False
    """Whether it is worth waiting for before the next one is asked."""
    out: bool = False
    """Not to be asked again for this request."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One request on its way down a chain."""

    tracks: tuple[Track, ...]
    deadline: float
    """No wait may end after this."""

    @classmethod
    def begin(cls, targets: int, now: float, rules: GatewayConfig) -> Walk:
        return cls((Track(),) * targets, now + rules.retry_budget)

    def after(self, index: int, fault: ProviderFault, now: float, jitter: float, rules: GatewayConfig) -> Walk:
        """The walk after target `index` failed with `fault`."""
        track = self.tracks[index]
        tries = track.tries + 1
        wait = backoff(tries, jitter, rules)
        if fault.retry_after is not None:
            # Never earlier than the provider said, and not all of us at the same moment.
            wait = fault.retry_after + jitter * min(fault.retry_after * 0.1, 1.0)
        again = tries <= rules.retries and now + wait <= self.deadline
        if fault.kind is FaultKind.LIMITED:
            new = Track(tries, now + wait, stay=again, out=not again)
        elif fault.kind is FaultKind.TRANSIENT:
            new = Track(tries, now + wait, out=not again)
        else:
            new = Track(tries, out=True)
        return self._with(index, new)

    def without(self, index: int) -> Walk:
        """The walk where target `index` can't serve this request at all."""
        return self._with(index, replace(self.tracks[index], out=True))

    def _with(self, index: int, track: Track) -> Walk:
        return replace(self, tracks=(*self.tracks[:index], track, *self.tracks[index + 1 :]))


@dataclass(frozen=True, slots=True)
class Try:
    index: int


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    pass


Step = Try | Wait | GiveUp


def next_step(walk: Walk, opens: Sequence[float | None], now: float) -> Step:
    """What to do with the request now. `opens[i]` is when the breaker of target `i` lets a request pass, None for now.

    First each target once, in order, staying with one that named a short wait. Then those that may have recovered, the
    earliest first, as long as the wait fits the budget.
    """
    for index, track in enumerate(walk.tracks):
        if track.out or opens[index] is not None:
            continue
        if track.tries == 0:
            return Try(index)
        if track.stay:
            return Try(index) if track.ready <= now else Wait(track.ready - now)
    times = [
        (max(track.ready, opens[index] or 0.0, now), index) for index, track in enumerate(walk.tracks) if not track.out
    ]
    if not times:
        return GiveUp()
    at, index = min(times)
    if at <= now:
        return Try(index)
    return Wait(at - now) if at <= walk.deadline else GiveUp()
