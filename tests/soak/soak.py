"""Round after round of acts at once, each followed by the checks."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

from tests.soak.acts import Acts, Violation
from tests.soak.checks import Checks
from tests.soak.model import Act, Model
from tests.soak.person import Person
from tests.soak.sandbox import Sandbox
from tests.soak.tokens import Finder

_TIDY_EVERY, _EMPTY_EVERY = 8, 40
"""Rounds between two prunes with their checks, and between two removals of everything."""


@dataclass
class Report:
    seed: int
    rounds: int
    seconds: float
    kills: int
    tokens: int
    model: Model
    violation: str = ""
    trace: str = ""

    def __str__(self) -> str:
        model = self.model
        lines = [
            f"seed {self.seed}: {self.rounds} rounds in {self.seconds:.0f} s, {self.kills} kills, "
            f"{model.total('done')} acts done, {model.total('refused')} refused, {model.total('failed')} failed, "
            f"{self.tokens} tokens"
        ]
        for kind in sorted({kind for kind, _ in model.outcomes}):
            counts = {outcome: number for (each, outcome), number in sorted(model.outcomes.items()) if each == kind}
            lines.append(f"  {kind:28}" + "  ".join(f"{outcome} {number}" for outcome, number in counts.items()))
        lines.append(f"VIOLATION: {self.violation}\ntrace: {self.trace}" if self.violation else "nothing lost or left")
        return "\n".join(lines)


def soak(seed: int, *, kills: int, seconds: float, loud: bool = False) -> Report:
    """Go on until so many kills or so much time; the violation that ended it earlier is in the report."""
    sandbox = Sandbox()
    person, finder, model = Person(sandbox), Finder(sandbox), Model(Random(seed))
    acts, checks = Acts(sandbox, person, finder), Checks(sandbox, person, finder, model)
    begin, rounds, violation = time.monotonic(), 0, ""

    def killed() -> int:
        struck = sum(
            number for (kind, outcome), number in model.outcomes.items() if (kind[:4], outcome) == ("kill", "done")
        )
        return struck + model.total("killed")

    try:
        while killed() < kills and time.monotonic() - begin < seconds:
            rounds += 1
            sandbox.note(f"--- round {rounds}")
            names = sandbox.agents()
            _play(model, acts, model.round(names, [name for name in names if sandbox.runner(name)]))
            checks.after_round()
            if rounds % _EMPTY_EVERY == 0:
                checks.at_end()
            elif rounds % _TIDY_EVERY == 0:
                checks.when_tidied()
            if loud:
                passed = time.monotonic() - begin
                sys.stderr.write(f"\rround {rounds}, {killed()} kills, {passed:.0f} s ")
                sys.stderr.flush()
        checks.at_end()
    except Exception as error:  # noqa: BLE001 - whatever it is, the report has to have the seed and the trace
        violation = str(error) if isinstance(error, Violation) else traceback.format_exc()
    finally:
        tokens = len(sandbox.ledger.read_text().split())
        sandbox.close(keep=bool(violation))
    took = time.monotonic() - begin
    return Report(seed, rounds, took, killed(), tokens, model, violation, str(sandbox.trace))


def _play(model: Model, acts: Acts, hands: Sequence[Sequence[Act]]) -> None:
    def play(hand: Sequence[Act]) -> None:
        for act in hand:
            model.begin(act)
            model.count(act.kind, acts.do(act))

    with ThreadPoolExecutor(len(hands)) as pool:
        for future in [pool.submit(play, hand) for hand in hands]:
            future.result()
