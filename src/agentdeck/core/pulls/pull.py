"""A pull request as its forge tells of it, and what the deck remembers of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from agentdeck.core.frozen import dataclass, field


class CheckState(StrEnum):
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    PENDING = "pending"
    SKIPPED = "skipped"
    """It says nothing of the work: skipped, neutral or cancelled."""


@dataclass(frozen=True, slots=True)
class PullCheck:
    name: str
    state: CheckState
    link: str = ""
    job: str = ""
    """The id by which its log is asked for; empty where it has none."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A review, or an unresolved comment."""

    id: str
    author: str
    text: str
    place: str = ""
    """`FILE:LINE`; empty for the pull request as a whole."""
    trusted: bool = False
    """Whether its author may push to the repository."""


@dataclass(frozen=True, slots=True)
class PullState:
    """What the forge says now."""

    state: str
    """`open`, `merged` or `closed`."""
    head: str
    """The commit that its checks are of."""
    checks: tuple[PullCheck, ...] = ()
    remarks: tuple[Remark, ...] = ()
    conflicts: bool = False
    approved: bool = False

    def count(self, state: CheckState) -> int:
        return sum(check.state is state for check in self.checks)

    @property
    def is_pending(self) -> bool:
        return self.count(CheckState.PENDING) > 0

    @property
    def is_ready(self) -> bool:
        """Whether it is approved, passes and can be merged."""
        passes = not self.is_pending and not self.count(CheckState.FAIL)
        return self.state == "open" and self.approved and passes and not self.conflicts


@dataclass(frozen=True, slots=True)
class Pull:
    """What the deck remembers of an agent's pull request."""

    url: str
    program: str
    """`gh` or `glab`."""
    base: str
    state: str = "open"
    head: str = ""
    passed: int = 0
    failed: tuple[str, ...] = ()
    """The checks that failed on that head."""
    pending: int = 0
    remarks: int = 0
    """Unresolved ones of trusted authors."""
    approved: bool = False
    conflicts: bool = False
    at: float = 0.0
    """When the forge was asked last."""
    tries: Mapping[str, int] = field(default_factory=dict)
    """How often the agent was sent to each thing."""
    answered: Mapping[str, str] = field(default_factory=dict)
    """For each of them, the head that the agent was sent to it last for."""
    seen: tuple[str, ...] = ()
    """The ids of remarks that the agent was given."""
    needs: str = ""
    """What a person has to look at, as a phrase; empty for nothing."""

    @property
    def number(self) -> str:
        return self.url.rstrip("/").rpartition("/")[2]

    @property
    def short(self) -> str:
        """How it stands, for a column of a table."""
        marks = [f"✓ {self.passed}" if self.passed else "", "approved" if self.approved else ""]
        told = (
            self.state if self.state != "open" else "",
            "needs you" if self.needs else "",
            f"✗ {', '.join(self.failed)}" if self.failed else "",
            "conflicts" if self.conflicts else "",
            f"… {self.passed}/{self.passed + self.pending}" if self.pending else "",
            f"{self.remarks} comment{'s' if self.remarks > 1 else ''}" if self.remarks else "",
            " ".join(filter(None, marks)),
        )
        return f"#{self.number} {next(filter(None, told), '')}".strip()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Pull:
        """Raise TypeError or ValueError where `data` is not one."""
        for key in ("failed", "seen"):
            data = {**data, key: tuple(map(str, data.get(key, ())))}
        found = cls(**data)
        if not isinstance(found.url, str) or not isinstance(found.tries, dict):
            raise TypeError("not a pull request")
        return found
