"""Validated tables as JSON, and back: what comes back tells all that the models tell, and loads no pydantic.

A model costs more time than all else that a short verb does, and what the files say rarely changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentdeck.core.config import behaviour
from agentdeck.core.providers.apis import Api

if TYPE_CHECKING:
    from agentdeck.core.config.config import Config


class Kept:
    """A table that was validated before: the attributes of its model, which never change."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} can't be set")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # as of a model with lists and tables

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class _Provider(behaviour.ProviderBehaviour, Kept):
    pass


class _Budgets(behaviour.BudgetsBehaviour, Kept):
    pass


class _Permissions(behaviour.PermissionsBehaviour, Kept):
    pass


class _Model(behaviour.ModelBehaviour, Kept):
    pass


class _Wiring(behaviour.WiringBehaviour, Kept):
    pass


class _Profile(behaviour.ProfileBehaviour, Kept):
    pass


_TABLES: dict[str, type[Kept]] = {
    "ProviderConfig": _Provider,
    "BudgetsConfig": _Budgets,
    "Permissions": _Permissions,
    "ModelChoice": _Model,
    "GatewayWiring": _Wiring,
    "Profile": _Profile,
}
_COMPOUND = (dict, list)
_AS_THEY_ARE = (str, int, float, bool, type(None))


def keep(value: Any) -> Any:
    """`value`, a model or what one holds, as JSON; raise TypeError for what `kept` would not give back as it was."""
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, Api):
        return ["api", value.value]
    if isinstance(value, list | tuple):
        return [type(value).__name__, [keep(each) for each in value]]
    if isinstance(value, dict):
        return {name: keep(each) for name, each in value.items()}
    if hasattr(type(value), "model_fields"):
        return ["table", type(value).__name__, {name: keep(each) for name, each in vars(value).items()}]
    raise TypeError(f"{value!r} can't be kept")


def kept(value: Any) -> Any:
    """What `keep` made into `value`; whatever is wrong with it is a ValueError, KeyError, TypeError or so."""
    if isinstance(value, dict):
        return _kept_in(value)
    if not isinstance(value, list):
        return value
    kind, first, *rest = value
    if kind == "table":
        return _TABLES.get(first, Kept)(_kept_in(rest[0]))
    if kind == "api":
        return Api(first)
    found = [kept(each) for each in first]
    return tuple(found) if kind == "tuple" else found


def _kept_in(table: Mapping[str, Any]) -> dict[str, Any]:
    # Most of what is in a table is plain.
    return {name: kept(each) if type(each) in _COMPOUND else each for name, each in table.items()}


def plan_of(config: Config) -> dict[str, Any]:
    """What the gateway has to know of a deck, as JSON; see `Plan`."""
    names = ("providers", "tiers", "gateway", "budgets")
    return {name: plain(getattr(config, name)) for name in names}


def plain(value: Any) -> Any:
    """A table, validated now or before, as JSON for others."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return plain(vars(value)) if hasattr(value, "__dict__") and not isinstance(value, str) else value
