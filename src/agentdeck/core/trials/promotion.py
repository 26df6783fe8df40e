"""Which model should lead a tier, from what a benchmark found. It only proposes; a person changes `[tiers]`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from agentdeck.core.frozen import dataclass
from agentdeck.core.trials.results import BenchResult, Rate, rates

FLOOR = 0.80
"""What the lower bound of a model's pass rate has to reach before it leads a tier."""
MIN_RUNS = 40


@dataclass(frozen=True, slots=True)
class Move:
    """One change of a tier's chain."""

    tier: str
    target: str
    way: str
    """`up`: it leads the tier from now on; `back`: it goes to the end of its chain."""
    why: str


@dataclass(frozen=True, slots=True)
class Proposal:
    tier: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    moves: tuple[Move, ...] = ()
    notes: tuple[str, ...] = ()
    """What keeps it from proposing more, as sentences."""


def promote(
    results: Iterable[BenchResult],
    tier: str,
    tiers: Mapping[str, Sequence[str] | str],
    *,
    floor: float = FLOOR,
    min_runs: int = MIN_RUNS,
) -> Proposal:
    """The chain that `tier` should have. It changes nothing.

    A model that leads the chain goes back where its pass rate is below `floor`. One that is cheaper a run than the
    leader, or follows one that went back, leads where the lower bound of its rate reaches `floor`. Neither is judged on
    fewer than `min_runs` runs.
    """
    chain = tiers.get(tier, ())
    if isinstance(chain, str) or not chain:
        return Proposal(tier, (), (), notes=(f"The tier {tier} has no chain of models to change.",))
    before, found = tuple(chain), {rate.name: rate for rate in rates(results, lambda result: result.model)}

    def fails(step: str) -> bool:
        rate = found.get(step)
        return rate is not None and rate.runs >= min_runs and rate.rate < floor

    failing = list(takewhile(fails, before))
    all_fail = len(failing) == len(before)
    after = before if all_fail else (*before[len(failing) :], *failing)
    moves = [] if all_fail else [Move(tier, step, "back", _below(found[step], floor)) for step in failing]
    leader = found.get(after[0])
    able = [rate for name, rate in found.items() if name and name != after[0] and _is_able(rate, floor, min_runs)]
    if not failing or _is_able(leader, floor, min_runs):
        able = [rate for rate in able if _is_cheaper(rate, leader)]
    if able:
        best = min(able, key=lambda rate: (rate.cost is None, rate.cost or 0.0, -rate.interval[0], rate.name))
        after = (best.name, *(step for step in after if step != best.name))
        moves.append(Move(tier, best.name, "up", f"{_told(best)}, above {floor:.0%}{_price(best, leader)}"))
    notes = [] if moves else [f"Every model of {tier} is below {floor:.0%}."] * all_fail
    notes += [
        f"{rate.name or 'An unknown model'} has {rate.runs} runs that count; {min_runs} are needed."
        for rate in found.values()
        if rate.runs < min_runs and not moves
    ]
    return Proposal(tier, before, after, tuple(moves), tuple(notes))


def _below(rate: Rate, floor: float) -> str:
    return f"{rate.passed} of {rate.runs} passed, below {floor:.0%}"


def _is_able(rate: Rate | None, floor: float, min_runs: int) -> bool:
    return rate is not None and rate.runs >= min_runs and rate.interval[0] >= floor


def _is_cheaper(rate: Rate, leader: Rate | None) -> bool:
    return leader is not None and rate.cost is not None and leader.cost is not None and rate.cost < leader.cost


def _told(rate: Rate) -> str:
    low, high = rate.interval
    return f"{rate.passed} of {rate.runs} passed ({low:.0%} to {high:.0%})"


def _price(rate: Rate, leader: Rate | None) -> str:
    if leader is None or rate.cost is None or leader.cost is None:
        return ""
    return f", ${rate.cost:.3f} a run and not ${leader.cost:.3f}"
