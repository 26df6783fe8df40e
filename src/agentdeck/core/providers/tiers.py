"""The chains of providers that `[tiers]` names: what they mean, and whether they can work."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from agentdeck.core.frozen import dataclass
from agentdeck.core.providers.apis import Api

LOCAL = "local"
FALLBACK = "fallback"
HOME_TIERS = frozenset({"routine", "reasoning", "deep"})
"""Tiers that need no configuration: without one they mean the agent's own provider, as no tier does."""
_HOME = {Api.MESSAGES: "anthropic", Api.CHAT: "openai", Api.RESPONSES: "openai", Api.GEMINI: "gemini"}


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


def why_not(
    tiers: Mapping[str, Sequence[str] | str],
    tier: str,
    providers: Mapping[str, Provider],
    api: Api | None = None,
    discovered: Sequence[Target] = (),
) -> str:
    """Why nobody, or no agent that speaks `api`, can use the chain `tier`, in the rest of a sentence; empty where it
    can. An empty chain that waits for servers on this machine can work."""
    if not is_home(tiers, tier) and (reason := _misspelt(tiers, tier)):
        return reason
    try:
        targets = chain(tiers, tier, api or Api.CHAT, discovered)
    except ValueError as error:
        return str(error)
    except KeyError:
        return "there is no such tier"
    for target in targets:
        if target.provider not in providers:
            return f"there is no provider “{target.provider}”{_meant(target, providers)}"
        if api is not None and not target.model and api not in providers[target.provider].apis:
            spoken = _listed(set(providers[target.provider].apis))
            return f"{target.provider} speaks {spoken}, not {api.value}, so its entry has to name a model"
    return _logins_mix(list(dict.fromkeys(target.provider for target in targets)), providers)


def _misspelt(tiers: Mapping[str, Sequence[str] | str], tier: str) -> str:
    entries = tiers.get(tier, "auto")
    if isinstance(entries, str) and tier in tiers and tier != LOCAL:
        return "only the tier “local” can be “auto”"
    if tier == LOCAL and LOCAL in entries and not isinstance(entries, str):
        return "it contains itself"
    return "" if entries else "it has no providers"


def _meant(target: Target, providers: Mapping[str, Provider]) -> str:
    """What was probably meant by `openai/gpt-4o`, which other programs take."""
    provider, slash, model = str(target).partition("/")
    return f"; write {provider}:{model}" if slash and provider in providers else ""


def _logins_mix(names: Sequence[str], providers: Mapping[str, Provider]) -> str:
    """The agent's own login goes with its own format only, so two providers may have none that speak different ones."""
    own = [name for name in names if providers[name].uses_own_login]
    for at, first in enumerate(own):
        for second in own[at + 1 :]:
            if set(providers[first].apis) & set(providers[second].apis):
                return f"{first} and {second} have no key_env; the agent's own login can go to one provider only"
    return ""


def _listed(apis: set[Api]) -> str:
    return " and ".join(api.value for api in Api if api in apis)
