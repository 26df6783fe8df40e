"""What a host says of itself. It comes over a wire, so nothing of it is believed before it was checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from agentdeck.core.agents.agent import is_name
from agentdeck.core.frozen import asdict, dataclass
from agentdeck.core.text.text import cut, plain

PROTOCOL = 1
"""The number of what home and host say to each other. It rises when an older one would misread it."""
_LONGEST = 200
_MOST = 10_000
"""Agents that a host may say it holds."""


@dataclass(frozen=True, slots=True)
class HeldAgent:
    """An agent that a host holds for a home."""

    deck: str
    name: str
    epoch: int
    state: str
    alive: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """A host at one moment. Sizes are bytes, times seconds since the epoch."""

    id: str
    """What tells it from every other machine."""
    boot: str
    """Another one after each start of the machine."""
    version: str
    protocol: int
    git: str
    """The version; empty where it is not installed."""
    tmux: str
    cores: int
    load: float
    memory: int
    free_memory: int
    free_disk: int
    clock: float
    gpus: tuple[str, ...] = ()
    agents: tuple[HeldAgent, ...] = ()
    lfs: str = ""
    """The version of git-lfs; empty where it is not installed."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Facts:
        """Raise ValueError where `data` says no such thing."""
        if not isinstance(data, Mapping):
            raise ValueError("the facts are no object")
        held = data.get("agents", [])
        if not isinstance(held, list | tuple) or len(held) > _MOST:
            raise ValueError("its agents are no list")
        return cls(
            id=_text(data, "id"),
            boot=_text(data, "boot"),
            version=_text(data, "version"),
            protocol=_whole(data, "protocol"),
            git=_text(data, "git"),
            tmux=_text(data, "tmux"),
            cores=_whole(data, "cores"),
            memory=_whole(data, "memory"),
            free_memory=_whole(data, "free_memory"),
            free_disk=_whole(data, "free_disk"),
            load=_number(data, "load"),
            clock=_number(data, "clock"),
            gpus=_texts(data, "gpus"),
            agents=tuple(map(_held, held)),
            lfs=_text(data, "lfs"),
        )


def _held(data: Any) -> HeldAgent:
    if not isinstance(data, Mapping) or not is_name(str(data.get("name"))):
        raise ValueError("one of its agents has no name")
    return HeldAgent(
        _text(data, "deck"), str(data["name"]), _whole(data, "epoch"), _text(data, "state"), bool(data.get("alive"))
    )


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"its {key} is {value!r:.60}")
    return cut(plain(value), _LONGEST)


def _texts(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = data.get(key, [])
    is_list = isinstance(values, list | tuple) and len(values) <= _LONGEST
    if not (is_list and all(isinstance(each, str) for each in values)):
        raise ValueError(f"its {key} are {values!r:.60}")
    return tuple(cut(plain(each), _LONGEST) for each in values)


def _number(data: Mapping[str, Any], key: str) -> float:
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"its {key} is {value!r:.60}")
    return float(value)


def _whole(data: Mapping[str, Any], key: str) -> int:
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError(f"its {key} is {value!r:.60}")
    return value
