"""One request of an agent while it is served."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from agentdeck.core.frozen import dataclass, field
from agentdeck.core.providers.tiers import Target
from agentdeck.gateway import translated
from agentdeck.gateway.board import BoardPlace
from agentdeck.gateway.budgets import Spent
from agentdeck.gateway.contexts import Fit
from agentdeck.gateway.translated import Translation
from agentdeck.gateway.upstream import AttemptFailed, ProviderCall
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
