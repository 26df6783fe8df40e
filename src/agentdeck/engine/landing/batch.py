"""Land several agents with one run of the gate; where that fails, search for the first agent it fails with."""

from __future__ import annotations

from collections.abc import Sequence

from agentdeck.engine.landing.candidates import Candidate
from agentdeck.engine.landing.foresight import at_rest
from agentdeck.engine.landing.stages import Computed, Stages
from agentdeck.engine.landing.turns import held_agents, held_base
from agentdeck.engine.records.landings import GateVerdict
from agentdeck.errors import DeckError
from agentdeck.system.git.bases import MovedError


def land_batch(stages: Stages, names: Sequence[str]) -> None:
    """One gate run for all; where that fails, search for the first agent it fails with, and go on without it."""
    with held_agents(stages, names) as held:
        ready: list[Candidate] = []
        for name in at_rest(stages, held):
            with stages.set_aside_on_error(name):
                ready.append(stages.ready(name))
        for base in dict.fromkeys(candidate.base for candidate in ready):
            _land_on(stages, base, [candidate for candidate in ready if candidate.base == base])
        stages.clear_up(held)


def _land_on(stages: Stages, base: str, batch: list[Candidate]) -> None:
    """Land one batch; what stops it is the reason of all that are left of it."""
    left = stages.world.settings.config.landing.retries
    try:
        with held_base(stages, base, [candidate.agent.name for candidate in batch]):
            while batch:
                try:
                    batch = _land_stack(stages, base, batch)
                except MovedError as error:
                    batch = _not_ended(stages, batch)
                    if not left:
                        raise stages.restless(base) from error
                    left -= 1
                    stages.starts_over(batch[0].agent.name, base)
    except DeckError as error:
        stages.set_aside_for([candidate.agent.name for candidate in _not_ended(stages, batch)], error)


def _not_ended(stages: Stages, batch: Sequence[Candidate]) -> list[Candidate]:
    return [candidate for candidate in batch if not stages.landing.entry(candidate.agent.name).stage.is_end]


def _land_stack(stages: Stages, base: str, batch: list[Candidate]) -> list[Candidate]:
    """Land what passes together; return what is to be tried again, after the one that failed. Raise MovedError
    where the base is elsewhere by now."""
    stack, top = [], stages.tip(base)
    for candidate in batch:
        with stages.set_aside_on_error(candidate.agent.name):
            made = stages.compute(candidate, top)
            if made is not None:
                stack.append(made)
                top = made.new
    if not stack:
        return []
    stages.check_way(base, stack[0].old, top)
    good, failed = _first_failure(stages, base, stack)
    if good:
        stages.move(base, stack[:good])
    if failed is None:
        return []
    stages.gate_failed(stack[good], failed)
    rest = {made.agent for made in stack[good + 1 :]}
    return [candidate for candidate in batch if candidate.agent.name in rest]


def _first_failure(stages: Stages, base: str, stack: Sequence[Computed]) -> tuple[int, GateVerdict | None]:
    """How many of the stack, from its bottom, pass the gate together, and how the next one failed."""
    verdict = stages.test(base, stack[-1], [made.agent for made in stack])
    if verdict.passed:
        return len(stack), None
    low, high, failed = 0, len(stack), verdict
    while high - low > 1:
        middle = (low + high) // 2
        verdict = stages.test(base, stack[middle - 1], [made.agent for made in stack[:middle]])
        if verdict.passed:
            low = middle
        else:
            high, failed = middle, verdict
    return low, failed
