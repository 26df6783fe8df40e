"""Which agents will collide: what is told of it, and the order in which the fewest of them do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from agentdeck.core.frozen import asdict, dataclass, field, replace
from agentdeck.core.merging.conflicts import Conflict, Hunk

_PATIENCE = 20_000
"""Steps that the search for the best order may take; what is left then is ordered by the rule of thumb alone."""
_EXACT = 64
"""So many who collide with one another are searched for the best order; of more, the mildest go first."""


class Verdict(StrEnum):
    """What merging two sides gives."""

    CLEAN = "clean"
    TOUCHES = "touches"
    """It merges, but both changed the same files."""
    CONFLICTS = "conflicts"

    @property
    def weight(self) -> int:
        return list(Verdict).index(self)

    @property
    def glyph(self) -> str:
        return "·~✗"[self.weight]


@dataclass(frozen=True, slots=True)
class Pair:
    """An agent `a`, and another agent or its base branch `b`."""

    a: str
    b: str
    verdict: Verdict
    shared: tuple[str, ...] = ()
    """Paths that both changed."""
    conflicts: tuple[Conflict, ...] = ()
    """`ours` in their hunks is the agent `a`."""

    def to_json(self) -> dict[str, Any]:
        conflicts = [{**asdict(conflict), "where": conflict.where} for conflict in self.conflicts]
        return {"a": self.a, "b": self.b, "verdict": self.verdict, "shared": list(self.shared), "conflicts": conflicts}


@dataclass(frozen=True, slots=True)
class Mark:
    """The worst that an agent is in, and with whom."""

    verdict: Verdict
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RadarReport:
    """What one look at all agents found."""

    agents: tuple[str, ...]
    base: tuple[Pair, ...]
    """Each agent against the branch it will land on."""
    pairs: tuple[Pair, ...]
    """Each agent against each that comes after it in `agents`."""
    order: tuple[str, ...]
    """In this order the fewest meet a conflict when they land."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """By agent, what could not be looked at, and why; a pair that is missing for it is not told to be clean."""
    at: float = 0.0
    """Seconds since the epoch."""

    def of(self, name: str) -> Iterator[Pair]:
        """The pairs that `name` is in, that with its base first."""
        yield from (pair for pair in self.base if pair.a == name)
        yield from (pair for pair in self.pairs if name in (pair.a, pair.b))

    def marks(self, name: str) -> dict[str, Verdict]:
        """The verdict for `name` with each other agent, and with its base, by their names."""
        found: dict[str, Verdict] = {}
        for pair in self.of(name):
            other = pair.b if pair.a == name else pair.a
            # A branch may be called as an agent is: the worse of both is told.
            found[other] = max(found.get(other, Verdict.CLEAN), pair.verdict, key=lambda verdict: verdict.weight)
        return found

    def worst(self, name: str) -> Mark | None:
        """The worst of these, and with whom it is; None where nothing is known of `name`."""
        marks = self.marks(name)
        if not marks:
            return None
        verdict = max(marks.values(), key=lambda verdict: verdict.weight)
        return Mark(verdict, tuple(other for other, each in marks.items() if each is verdict))

    def about(self, names: Collection[str]) -> RadarReport:
        """What it says of these agents: their pairs with every other one, and the order among themselves."""
        base = tuple(pair for pair in self.base if pair.a in names)
        pairs = tuple(pair for pair in self.pairs if pair.a in names or pair.b in names)
        order = order_of([name for name in self.agents if name in names], base, pairs)
        problems = {name: text for name, text in self.problems.items() if name in names}
        return replace(self, base=base, pairs=pairs, order=order, problems=problems)

    def is_like(self, other: RadarReport | None) -> bool:
        """Whether both tell the same, their times aside."""
        return other is not None and _content(self) == _content(other)

    def to_json(self) -> dict[str, Any]:
        return {
            "agents": list(self.agents),
            "base": [pair.to_json() for pair in self.base],
            "pairs": [pair.to_json() for pair in self.pairs],
            "order": list(self.order),
            "problems": dict(self.problems),
            "at": self.at,
        }


def _content(report: RadarReport) -> tuple[Any, ...]:
    return (report.agents, report.base, report.pairs, report.order, dict(report.problems))


def conflict_to_json(conflict: Conflict) -> list[Any]:
    hunks = [[hunk.ours_start, hunk.ours_count, hunk.theirs_start, hunk.theirs_count] for hunk in conflict.hunks]
    return [conflict.path, conflict.kind, conflict.text, hunks]


def conflict_from_json(data: list[Any]) -> Conflict:
    path, kind, text, hunks = data
    return Conflict(path, kind, text, tuple(Hunk(*hunk) for hunk in hunks))


def order_of(names: Sequence[str], base: Iterable[Pair], pairs: Iterable[Pair]) -> tuple[str, ...]:
    """`names` in the order in which to land them. Two that go to different branches are in nobody's way."""
    target = {pair.a: pair.b for pair in base}
    blocked = {pair.a for pair in base if pair.verdict is Verdict.CONFLICTS}
    collisions = [
        (pair.a, pair.b)
        for pair in pairs
        if pair.verdict is Verdict.CONFLICTS and target.get(pair.a) == target.get(pair.b)
    ]
    return landing_order(names, collisions, blocked)


def landing_order(
    names: Sequence[str], collisions: Iterable[tuple[str, str]], blocked: Collection[str] = ()
) -> tuple[str, ...]:
    """`names` so that the fewest of them meet a conflict when each lands on top of those before it.

    Two of them that collide may not both land untouched; those in `blocked` conflict with their base already and come
    last. Otherwise the given order is kept where it makes no difference.
    """
    foes: dict[str, set[str]] = {name: set() for name in names}
    for one, other in collisions:
        if one in foes and other in foes and one != other:
            foes[one].add(other)
            foes[other].add(one)
    place = {name: number for number, name in enumerate(names)}
    free = {name for name in names if name not in blocked}
    first: set[str] = set()
    search = _Search(foes, place)
    for group in _groups(free, foes):
        first |= search.peaceful(group)
    milder = sorted(names, key=lambda name: 0 if name in first else len(foes[name]))
    return tuple(sorted(milder, key=lambda name: (name in blocked, name not in first)))


def _groups(names: set[str], foes: Mapping[str, set[str]]) -> Iterator[set[str]]:
    """`names` in parts of which no one collides with one of another part."""
    left = set(names)
    while left:
        group: set[str] = set()
        edge = {min(left)}
        while edge:
            group |= edge
            edge = {foe for name in edge for foe in foes[name] if foe in left} - group
        left -= group
        yield group


class _Search:
    """For the most names of which no two collide: the largest independent set, exact for as long as patience lasts."""

    def __init__(self, foes: Mapping[str, set[str]], place: Mapping[str, int]) -> None:
        self._foes, self._place = foes, place
        self._patience = _PATIENCE

    def peaceful(self, names: set[str]) -> set[str]:
        left, taken = set(names), set[str]()
        while left:
            # Who has no foe left, or only one, is in some best choice.
            mildest = min(left, key=lambda name: (len(self._foes[name] & left), self._place[name]))
            if len(self._foes[mildest] & left) > 1 and len(left) <= _EXACT and self._patience > 0:
                self._patience -= 1
                return taken | self._branch(left)
            taken.add(mildest)
            left -= {mildest} | self._foes[mildest]
        return taken

    def _branch(self, left: set[str]) -> set[str]:
        """With the one that has the most foes, or without it; of two as good, the one with who was named first."""
        wildest = max(left, key=lambda name: (len(self._foes[name] & left), -self._place[name]))
        without = self.peaceful(left - {wildest})
        with_it = {wildest} | self.peaceful(left - {wildest} - self._foes[wildest])
        return min(with_it, without, key=lambda chosen: (-len(chosen), sorted(self._place[name] for name in chosen)))
