"""What home tells a host to start, and what the host answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentdeck.core.agents.agent import check_name
from agentdeck.core.frozen import asdict, dataclass, field
from agentdeck.core.text.durations import parse_duration

_PREFIX = "fleet:"


@dataclass(frozen=True, slots=True)
class StartOrder:
    """One start of an agent. The same order given twice starts one agent."""

    deck: str
    agent: str
    epoch: int
    """The how-manieth start of the agent this is, on whatever host."""
    serial: str
    """What tells it from an earlier agent of that name."""
    base: str
    base_commit: str
    branch: str
    creates: bool = True
    """Whether the branch is the agent's own, and goes with it."""
    branch_commit: str = ""
    """Where the branch is already; empty for one that is to be made at the base."""
    request: dict[str, Any] = field(default_factory=dict)
    """The other fields of the request, as JSON."""
    config: str | None = None
    """agentdeck.toml as it lies at home; None where there is none."""
    own: str = ""
    """What of the person's own configuration the agent needs there, as TOML."""
    gateway: dict[str, Any] = field(default_factory=dict)
    """The `port` on the host at which the agent asks home's gateway, and its `token`; empty: the host's own serves."""
    approved: bool = False
    """Whether the person has approved all of it."""

    @property
    def key(self) -> str:
        """The id of the start."""
        return f"{_PREFIX}{self.deck}/{self.agent}/{self.serial}/{self.epoch}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> StartOrder:
        """Raise ValueError or TypeError where `data` is none."""
        if not isinstance(data, Mapping) or not isinstance(data.get("request"), dict):
            raise TypeError("the order is no object")
        order = cls(**data)
        texts = (order.deck, order.serial, order.base, order.base_commit, order.branch, order.branch_commit)
        if not all(isinstance(each, str) for each in texts) or type(order.epoch) is not int or order.epoch < 1:
            raise TypeError("the order's values are of other types")
        check_name(order.agent)
        return order


def check_if_lost(text: str) -> tuple[str, float]:
    """`wait`, `fail` or `restart`, and the seconds after which. Raise ValueError for anything else."""
    if text in ("", "wait"):
        return "wait", 0.0
    act, _, rest = text.partition(" after ")
    if act not in ("fail", "restart") or not rest:
        raise ValueError("“if_lost” must be “wait”, “fail after 30m” or “restart after 10m”")
    return act, parse_duration(rest)


def epoch_of(run_id: str) -> int:
    """The epoch that the id of a start names; 0 for one that a person started there."""
    number = run_id.rpartition("/")[2] if run_id.startswith(_PREFIX) else ""
    return int(number) if number.isdecimal() else 0
