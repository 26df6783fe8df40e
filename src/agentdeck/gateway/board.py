"""What the gateway remembers between requests: each provider's breaker, and who serves which agent."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import asdict, dataclass
from agentdeck.core.providers.faults import FaultKind, ProviderFault
from agentdeck.core.providers.serving import Serving
from agentdeck.core.providers.tiers import Target
from agentdeck.gateway import routing
from agentdeck.gateway.routing import Breaker, BreakerPhase
from agentdeck.system.gateway.tokens import Bearer

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import GatewayConfig, ProviderConfig

REMEMBERED_SECONDS = 30 * 86400.0
"""How long who serves an agent is remembered beyond the process's end."""
AVOID_SECONDS, AVOID_SECONDS_MAX = 60.0, 1800.0
"""How long an agent whose stream broke is sent to the next provider first; doubles with each that broke in a row, so
that no client's pause of equal length leads back to it every time."""


@dataclass(frozen=True, slots=True)
class BoardPlace:
    """Where a target's breakers are found: the server's health, and the quota of these credentials for this model."""

    health: str
    quota: str
    provider: str
    model: str
    deck: str
    key_env: str = ""
    """The variable of its key; empty where the agent's own login goes to it, or none does."""

    @classmethod
    def of(
        cls, target: Target, provider: ProviderConfig, bearer: Bearer, asked: str, keys: Mapping[str, str]
    ) -> BoardPlace:
        # Two decks may mean different keys by one variable; what the key is stays in this process.
        account = (
            f"{bearer.deck}/{bearer.agent} {bearer.account}"
            if provider.uses_own_login
            else f"{provider.key_env} {hash(keys.get(provider.key_env))}"
        )
        model = target.model or asked
        quota = f"{provider.base_url} {model} {account}"
        return cls(provider.base_url, quota, target.provider, model, bearer.deck, provider.key_env)


class Board:
    """One for the whole process, so that what one agent met spares the others. Times are of `time.monotonic`."""

    def __init__(self, tell: Callable[[Event], None], changed: Callable[[], None] = lambda: None) -> None:
        self._tell = tell
        self._changed = changed
        self._breakers: dict[str, Breaker] = {}
        self._meant: dict[str, tuple[str, str, str]] = {}
        """What a breaker's key stands for: the provider, and the model and the variable of the key, which are empty for
        the provider's health."""
        self._decks: dict[str, set[str]] = {}
        """The decks whose requests a breaker concerns."""
        self._broke: dict[tuple[Bearer, Target], tuple[float, int]] = {}
        """Until when an agent avoids a target, and how many of its streams broke there in a row."""
        self._left_out: dict[tuple[Bearer, Target], tuple[str, ...]] = {}
        self._skipped: set[tuple[Bearer, Target]] = set()
        """Who was told that a target holds too little."""
        self._met: dict[tuple[str, str], Bearer] = {}
        """Each agent as its last request named it."""
        self.serving: dict[Bearer, Serving] = {}
        self.in_flight: dict[str, int] = {}

    def breaker(self, key: str) -> Breaker:
        return self._breakers.get(key, Breaker())

    def opens_at(self, place: BoardPlace, now: float) -> float | None:
        """When both breakers let a request pass; None for now."""
        times = [self.breaker(key).opens_at(now) for key in (place.health, place.quota)]
        return max((at for at in times if at is not None), default=None)

    def is_half_open(self, place: BoardPlace, now: float) -> bool:
        """Whether a pause is over and nobody knows yet what for."""
        return any(self.breaker(key).phase(now) is BreakerPhase.HALF_OPEN for key in (place.health, place.quota))

    def closing(self, place: BoardPlace, now: float) -> Breaker | None:
        """The breaker that lets no request pass."""
        breakers = (self.breaker(key) for key in (place.quota, place.health))
        return next((each for each in breakers if each.opens_at(now) is not None), None)

    def claim(self, place: BoardPlace, now: float) -> None:
        self._meant[place.health] = (place.provider, "", "")
        self._meant[place.quota] = (place.provider, place.model, place.key_env)
        for key in (place.health, place.quota):
            self._decks.setdefault(key, set()).add(place.deck)
            self._put(key, routing.claimed(self.breaker(key), now))
        self.in_flight[place.health] = self.in_flight.get(place.health, 0) + 1

    def leave(self, place: BoardPlace, claimed: float) -> None:
        """The attempt claimed at that time is over, however it went; a probe that told nothing frees its place."""
        self.in_flight[place.health] -= 1
        for key in (place.health, place.quota):
            if (breaker := self.breaker(key)).probe == claimed:
                self._put(key, routing.abandoned(breaker))

    def began(self, place: BoardPlace, now: float, rules: GatewayConfig) -> None:
        for key in (place.health, place.quota):
            self._put(key, routing.began(self.breaker(key), now, rules))

    def succeeded(self, place: BoardPlace, now: float) -> None:
        for key in (place.health, place.quota):
            self._put(key, routing.succeeded(self.breaker(key), now))

    def failed(self, place: BoardPlace, fault: ProviderFault, now: float, rules: GatewayConfig) -> None:
        """A fault of the provider's; those of the caller's own making show that the server is well."""
        if fault.kind is FaultKind.TRANSIENT:
            self._put(place.health, routing.failed(self.breaker(place.health), fault, now, rules))
        else:
            self._put(place.health, routing.succeeded(self.breaker(place.health), now))

    def hold(self, place: BoardPlace, fault: ProviderFault, now: float, rules: GatewayConfig) -> None:
        """Nobody with these credentials asks for this model again before the reset."""
        self._put(place.quota, routing.held(self.breaker(place.quota), fault, now, rules))

    def meet(self, bearer: Bearer) -> None:
        """An agent asks: what an earlier one of its name met is not its own, and with another tier it is the same."""
        who = (bearer.deck, bearer.agent)
        old = self._met.get(who)
        if old == bearer and old.made >= bearer.made:
            return
        self._met[who] = bearer
        for kept in (self._broke, self._left_out):
            for key in [key for key in kept if (key[0].deck, key[0].agent) == who]:
                del kept[key]
        self._skipped = {key for key in self._skipped if (key[0].deck, key[0].agent) != who}
        for other in [each for each in self.serving if (each.deck, each.agent) == who]:
            told = self.serving.pop(other)
            if told.since >= bearer.made:
                self.serving[bearer] = told
            self._changed()

    def broke(self, bearer: Bearer, target: Target, now: float) -> None:
        """A stream of `bearer` broke half-way: its retry shall go to the next provider."""
        self._broke = {key: each for key, each in self._broke.items() if now < each[0] + AVOID_SECONDS_MAX}
        count = self._broke.get((bearer, target), (0.0, 0))[1] + 1
        self._broke[bearer, target] = (now + min(AVOID_SECONDS * 2.0 ** min(count - 1, 30), AVOID_SECONDS_MAX), count)

    def was_whole(self, bearer: Bearer, target: Target) -> None:
        """An answer to `bearer` came to its end."""
        self._broke.pop((bearer, target), None)

    def ordered(self, bearer: Bearer, targets: Sequence[Target], now: float) -> list[Target]:
        """The chain, with those last whose stream just broke for this agent."""
        return sorted(targets, key=lambda target: now < self._broke.get((bearer, target), (-1e9, 0))[0])

    def served(self, bearer: Bearer, target: Target, model: str, primary: Target, reason: str) -> None:
        """Note who serves, and tell when an agent was failed over or back."""
        before = self.serving.get(bearer)
        on_primary = target == primary
        now = Serving(target.provider, model, str(primary), "" if on_primary else reason, time.time())
        if before and (before.provider, before.model, before.primary) == (now.provider, now.model, now.primary):
            return
        self.serving[bearer] = now
        self._changed()
        was_over = before is not None and before.reason != ""
        if (
            was_over
            and not target.model
            and before
            and (before.provider, before.primary) == (now.provider, now.primary)
        ):
            return  # the agent asked the same backup for another model
        if on_primary and not was_over:
            return
        kind = EventKind.PROVIDER_FAILED_BACK if on_primary else EventKind.PROVIDER_FAILED_OVER
        text = f"back on {target}" if on_primary else f"now served by {target}: {reason}"
        data: dict[str, Any] = {"deck": bearer.deck, "tier": bearer.tier, **asdict(now)}
        self._tell(Event(kind, bearer.agent, text, data))

    def translated(self, bearer: Bearer, target: Target, left_out: tuple[str, ...]) -> None:
        """Tell once that an agent's requests go to `target` in another format, and what is lost on the way."""
        if self._left_out.get((bearer, target)) == left_out or (not left_out and (bearer, target) in self._left_out):
            return
        self._left_out[bearer, target] = left_out
        text = f"{target} serves in another format"
        if left_out:
            text += f"; left out: {', '.join(left_out)}"
        data = {"deck": bearer.deck, "provider": target.provider, "model": target.model, "left_out": list(left_out)}
        self._tell(Event(EventKind.PROVIDER_TRANSLATED, bearer.agent, text, data))

    def skipped(self, bearer: Bearer, target: Target, tokens: int, holds: int) -> None:
        """A request of `bearer` has more tokens than `target` holds; 0 where one fits."""
        if not tokens:
            self._skipped.discard((bearer, target))
        elif (bearer, target) not in self._skipped:
            self._skipped.add((bearer, target))
            text = f"{target} is passed over: the prompt has about {tokens:,} tokens, it holds {holds:,}"
            data: dict[str, Any] = {"deck": bearer.deck, "provider": target.provider, "model": target.model}
            data |= {"tokens": tokens, "holds": holds}
            self._tell(Event(EventKind.PROVIDER_SKIPPED, bearer.agent, text, data))

    def gave_up(self, bearer: Bearer, primary: Target, reason: str) -> None:
        """Note that nobody serves the agent now."""
        before = self.serving.get(bearer)
        if before is not None and (before.provider, before.reason) == ("", reason):
            return
        self.serving[bearer] = Serving("", "", str(primary), reason or "no provider is left", time.time())
        self._changed()
        if before is None or before.provider:
            data = {"deck": bearer.deck, "tier": bearer.tier, **asdict(self.serving[bearer])}
            self._tell(Event(EventKind.PROVIDER_EXHAUSTED, bearer.agent, f"no provider can serve: {reason}", data))

    def restore(self, report: dict[str, Any]) -> None:
        """Take up who served whom lately from the `report` of an earlier process; breakers begin anew."""
        names = ("provider", "model", "primary", "reason", "since")
        with contextlib.suppress(TypeError, KeyError, AttributeError):  # as another version of ours wrote it
            for entry in report.get("agents", []):
                if entry["since"] < time.time() - REMEMBERED_SECONDS:
                    continue
                bearer = Bearer(entry["deck"], entry["agent"], entry["tier"])
                self.serving[bearer] = Serving(*(entry[name] for name in names))

    def _put(self, key: str, new: Breaker) -> None:
        old = self.breaker(key)
        if (old.until, old.probe) != (new.until, new.probe):
            self._changed()
        if new == Breaker():
            self._breakers.pop(key, None)
        else:
            self._breakers[key] = new
        if old.until is None and new.until is not None:
            self._tell_breaker(key, EventKind.PROVIDER_LEFT_ALONE, f": {new.reason}")
        elif old.until is not None and new.until is None:
            self._tell_breaker(key, EventKind.PROVIDER_RECOVERED, "")

    def _tell_breaker(self, key: str, kind: EventKind, why: str) -> None:
        name = self._meant.get(key, ("",))[0]
        words = {EventKind.PROVIDER_LEFT_ALONE: "is paused", EventKind.PROVIDER_RECOVERED: "answers again"}
        address = key.partition(" ")[0]  # another deck may mean another server by the name
        self._tell(Event(kind, "", f"{name} ({address}) {words[kind]}{why}", {"provider": name, "address": address}))

    def report(self, now: float) -> dict[str, Any]:
        """Everything remembered, for status; nothing in it is secret."""
        breakers = [
            {
                "provider": provider,
                "address": key.partition(" ")[0],
                "decks": sorted(self._decks.get(key, ())),
                "what": "quota" if " " in key else "health",
                "model": model,
                "key_env": key_env,
                "phase": breaker.phase(now).value,
                "opens_in": max(0.0, (breaker.until or now) - now),
                "until": None if breaker.until is None else time.time() + breaker.until - now,
                "failures": breaker.failures,
                "reason": breaker.reason,
            }
            for key, breaker in self._breakers.items()
            for provider, model, key_env in (self._meant.get(key, ("", "", "")),)
        ]
        agents = [
            {"deck": bearer.deck, "agent": bearer.agent, "tier": bearer.tier, **asdict(serving)}
            for bearer, serving in self.serving.items()
        ]
        return {"breakers": breakers, "agents": agents, "in_flight": sum(self.in_flight.values())}
