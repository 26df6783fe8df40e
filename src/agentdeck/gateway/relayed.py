"""One request of an agent while it is served."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from agentdeck.core.formats.ir import CannotCarry
from agentdeck.core.frozen import dataclass, field
from agentdeck.core.providers.spent import Spent
from agentdeck.core.providers.tiers import Target
from agentdeck.gateway import translated
from agentdeck.gateway.board import BoardPlace
from agentdeck.gateway.calls import ProviderCall
from agentdeck.gateway.contexts import Fit
from agentdeck.gateway.keycommands import NO_KEY
from agentdeck.gateway.translated import Translation
from agentdeck.gateway.upstream import AttemptFailed
from agentdeck.system.gateway.ledger import LedgerRecord
from agentdeck.system.gateway.tokens import Bearer

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import Plan, ProviderConfig


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
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The variables that the providers' `key_env` refer to."""
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
    fits: dict[Target, Fit] = field(default_factory=dict)
    """How the request fits each target, where that is not beyond doubt."""
    chain: tuple[Target, ...] = ()
    """The targets as the tier orders them."""
    translations: dict[Target, Translation] = field(default_factory=dict)
    """The request as the targets take it that speak another format."""
    blind: set[Target] = field(default_factory=set)
    """Those that are known to take no pictures."""
    printed_keys: dict[str, str] = field(default_factory=dict)
    """What the `key_command` of providers printed."""
    unfit: dict[Target, str] = field(default_factory=dict)
    """What the targets can't be asked for, as far as that is known."""

    def provider(self, target: Target) -> ProviderConfig:
        return self.plan.providers[target.provider]

    def place(self, target: Target) -> BoardPlace:
        return BoardPlace.of(target, self.provider(target), self.bearer, self.call.model, self.keys)

    def call_for(self, target: Target) -> ProviderCall:
        """The request in the words of `target`. Raise CannotCarry where it has none for it."""
        blind = target in self.blind
        if not (blind or translated.needs_translation(self.call, self.provider(target))):
            return translated.without_foreign_seals(self.call)
        if target not in self.translations:
            self.translations[target] = translated.translation(self.call, self.provider(target), target, blind=blind)
        return self.translations[target].call

    def model(self, target: Target) -> str:
        return target.model or self.call.model

    def note(self, target: Target, reason: str) -> None:
        self.record.faults.append(f"{target}: {reason}")

    @property
    def first(self) -> Target:
        """The first target of the tier that can be asked at all."""
        return next((each for each in self.chain if self.can_ask(each)), self.chain[0])

    def key(self, provider: ProviderConfig, call: ProviderCall) -> str:
        """The key for this request; none where the agent's own login goes with it."""
        if provider.key_command:
            return self.printed_keys.get(provider.key_command, "")
        name = provider.key_env
        if not name and (call.translated or not call.has_login):
            name = provider.login_key_env
        # As many a file of keys has it, with a line end; within a header that would be an attack.
        key = self.keys.get(name, "").strip() if name else ""
        return key if key.isprintable() else ""

    def can_ask(self, target: Target) -> bool:
        """Whether nothing is known to keep this target from being asked."""
        try:
            return not self._missing_key(target)
        except CannotCarry:
            return False

    def lacks(self, target: Target) -> str:
        """Why this target can't be asked at all; empty where it can."""
        try:
            missing = self._missing_key(target)
        except CannotCarry as field:
            self.unfit[target] = str(field)
            return f"can't be asked for {field}"
        if missing:
            self.lacking.add(target)
        return missing

    def _missing_key(self, target: Target) -> str:
        """Raise CannotCarry. A command for the key that was not run yet is not known to fail."""
        provider, call = self.provider(target), self.call_for(target)
        if command := provider.key_command:
            return NO_KEY if not self.printed_keys.get(command, "?") else ""
        name = provider.key_env or (provider.login_key_env if call.translated else "")
        if not name or self.key(provider, call):
            return ""
        return f"its key {name} is not set where the gateway runs, or is not a key"
