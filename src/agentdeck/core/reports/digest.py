"""What happened in a repository since a time, on one screen."""

from __future__ import annotations

from collections.abc import Sequence

from agentdeck.core.frozen import dataclass

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class DigestLine:
    agent: str
    text: str


@dataclass(frozen=True, slots=True)
class Digest:
    repository: str
    since: float
    landed: tuple[DigestLine, ...] = ()
    done: tuple[DigestLine, ...] = ()
    failed: tuple[DigestLine, ...] = ()
    waits: tuple[DigestLine, ...] = ()
    """What needs a person now."""
    works: tuple[DigestLine, ...] = ()
    failovers: int = 0
    cost: float | None = None
    """US dollars since then; None: not known."""
    budget: str = ""
    """The cost against its limits, in a phrase."""
    missing: tuple[str, ...] = ()
    """What could not be read, and why: this digest is not whole."""

    @property
    def title(self) -> str:
        counts = {"wait": self.waits, "failed": self.failed, "landed": self.landed, "done": self.done}
        told = ", ".join(f"{len(lines)} {word}" for word, lines in counts.items() if lines)
        return f"{self.repository}: {told or 'nothing new'}"

    def lines(self) -> list[str]:
        told = [self.title, ""]
        told += [f"NOT WHOLE: {text}" for text in self.missing] + [""] * bool(self.missing)
        parts = {
            "Needs you": self.waits,
            "Failed": self.failed,
            "Landed": self.landed,
            "Done, not landed": self.done,
            "At work": self.works,
        }
        for title, lines in parts.items():
            told += _part(title, lines)
        cost = "not known" if self.cost is None else f"${self.cost:.2f}"
        told.append(f"Cost: {cost}{f', {self.budget}' if self.budget else ''}")
        if self.failovers:
            told.append(f"Failovers: {self.failovers}")
        return told


def _part(title: str, lines: Sequence[DigestLine]) -> list[str]:
    if not lines:
        return []
    shown = [f"  {line.agent}  {line.text}".rstrip() for line in lines[:_SHOWN]]
    more = [f"  … and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return [f"{title}:", *shown, *more, ""]
