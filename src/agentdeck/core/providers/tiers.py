"""The chains of providers that `[tiers]` names: what they mean, and whether they can work."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agentdeck.core.providers.apis import Api

LOCAL = "local"
FALLBACK = "fallback"
HOME_TIERS = frozenset({"routine", "reasoning", "deep"})
"""Tiers that need no configuration: without one they mean the agent's own provider, as no tier does."""
_HOME = {Api.MESSAGES: "anthropic", Api.CHAT: "openai", Api.RESPONSES: "openai"}


class Provider(Protocol):
    """What a chain has to know of a provider."""

    @property
    def apis(self) -> Collection[Api]: ...

    @property
    def uses_own_login(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Target:
    """One step of a chain. An empty `model` means: the one that was asked for."""

    provider: str
    model: str = ""

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}" if self.model else self.provider


def parse_target(text: str) -> Target:
    """`provider:model`; `provider` alone or `provider:*` leaves the model as it was asked for."""
    provider, _, model = text.partition(":")
    if not provider.strip():
        raise ValueError(f"“{text}” is not provider:model")
    return Target(provider.strip(), "" if model.strip() == "*" else model.strip())


def chain(
    tiers: Mapping[str, Sequence[str] | str], tier: str, api: Api, discovered: Sequence[Target] = ()
) -> tuple[Target, ...]:
    """The targets of `tier` in order; KeyError where there is no such tier.

    The step `local` stands for the tier of that name, and that tier, where it is `auto` or not configured, for the
    servers `discovered` on this machine; `fallback` that is not configured is `local`. No tier, or one of `HOME_TIERS`
    that is not configured: the provider that the format belongs to, with the model asked for, and then the tier
    `fallback` where there is one.
    """
    if is_home(tiers, tier):
        rest = chain(tiers, FALLBACK, api, discovered) if FALLBACK in tiers else ()
        return _unique([Target(_HOME[api]), *rest])
    steps = tiers.get(tier, "auto") if tier in (LOCAL, FALLBACK) else tiers[tier]
    if isinstance(steps, str):
        return chain(tiers, LOCAL, api, discovered) if tier == FALLBACK else _unique(discovered)
    found: list[Target] = []
    for step in steps:
        found += chain(tiers, LOCAL, api, discovered) if step == LOCAL else [parse_target(step)]
    return _unique(found)


def is_home(tiers: Mapping[str, Sequence[str] | str], tier: str) -> bool:
    """Whether `tier` means the agent's own provider."""
    return not tier or (tier in HOME_TIERS and tier not in tiers)


def needs_discovery(tiers: Mapping[str, Sequence[str] | str], tier: str) -> bool:
    """Whether the chain of `tier` depends on which servers run on this machine."""
    home = is_home(tiers, tier)
    steps = tiers.get(FALLBACK if home else tier, ())
    unset = tier == LOCAL or (tier == FALLBACK and FALLBACK not in tiers)
    holds_local = unset or (not isinstance(steps, str) and LOCAL in steps)
    return holds_local and isinstance(tiers.get(LOCAL, "auto"), str)


def _unique(targets: Sequence[Target]) -> tuple[Target, ...]:
    return tuple(dict.fromkeys(targets))


def check_tiers(tiers: Mapping[str, Sequence[str] | str], providers: Mapping[str, Provider]) -> None:
    """Raise ValueError, with the reason, for the first chain that cannot work."""
    for name, steps in tiers.items():
        if isinstance(steps, str) and name != LOCAL:
            raise ValueError(f"tier “{name}”: only the tier “local” can be “auto”")
        if name == LOCAL and LOCAL in steps:
            raise ValueError("tier “local” contains itself")
        if not steps:
            raise ValueError(f"tier “{name}” has no providers")
        targets = chain(tiers, name, Api.CHAT)
        for target in targets:
            if target.provider not in providers:
                raise ValueError(f"tier “{name}”: there is no provider “{target.provider}”")
        if reason := _formats_differ([target.provider for target in targets], providers):
            raise ValueError(f"tier “{name}”: {reason}")
        if reason := _logins_mix([target.provider for target in targets], providers):
            raise ValueError(f"tier “{name}”: {reason}")


def _formats_differ(names: Sequence[str], providers: Mapping[str, Provider]) -> str:
    common = set(Api)
    for position, name in enumerate(names):
        left = common & set(providers[name].apis)
        if not left:
            before = " and ".join(dict.fromkeys(names[:position]))
            return (
                f"{name} speaks {_listed(set(providers[name].apis))}, but {before} before it {_listed(common)}; "
                "no agent can use both"
            )
        common = left
    return ""


def _logins_mix(names: Sequence[str], providers: Mapping[str, Provider]) -> str:
    own = list(dict.fromkeys(name for name in names if providers[name].uses_own_login))
    if len(own) < 2:
        return ""
    return f"{own[0]} and {own[1]} have no key_env; the agent's own login can go to one provider only"


def why_not(targets: Sequence[Target], providers: Mapping[str, Provider], api: Api) -> str:
    """Why an agent that speaks `api` can't use this chain, in a sentence for a person; empty when it can."""
    if not targets:
        return "the chain is empty"
    for target in targets:
        provider = providers.get(target.provider)
        if provider is None:
            return f"there is no provider “{target.provider}”"
        if api not in provider.apis:
            return f"{target.provider} speaks {_listed(set(provider.apis))}, not {api.value}"
    return ""


def _listed(apis: set[Api]) -> str:
    return " and ".join(api.value for api in Api if api in apis)
