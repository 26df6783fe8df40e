"""`deck.benchmarks`: which tier does what, measured; and which tier a task should get."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.core.frozen import replace
from agentdeck.engine.api.current import Current
from agentdeck.engine.world import Note, silent

if TYPE_CHECKING:
    from agentdeck.core.config.suite import Suite
    from agentdeck.core.trials.promotion import Proposal
    from agentdeck.core.trials.results import BenchResult
    from agentdeck.engine.api.races import Acts
    from agentdeck.engine.views.trials import BenchRequest, RouteReport


class DeckBenchmarks:
    """`acts` starts and removes the agents."""

    def __init__(self, current: Current, acts: Acts) -> None:
        self._current, self._acts = current, acts

    def suite(self, path: Path) -> Suite:
        """Raise ConfigError, which names every mistake in it, and NotFoundError without it."""
        from agentdeck.system.config.suitefile import load_suite

        return load_suite(path)

    def run(self, request: BenchRequest, note: Note = silent) -> list[BenchResult]:
        """Run each task of the suite in each tier, check the work with files that no agent saw, and write the results
        down, one by one. The agents are removed as they end.

        Raise, with nothing started, where one of them could not run, or could read what it is checked by. The same `id`
        and file go on where an earlier call ended.
        """
        from agentdeck.engine.trials.suites import Bench

        world = self._current.trusted()
        self._current.store.open()
        remove = lambda name, to: self._acts.remove(name, to, stop=True)  # noqa: E731
        return Bench(world, request, self._acts.start_many, remove, note).run()

    def results(self, path: Path) -> list[BenchResult]:
        """What benchmarks wrote into that file."""
        from agentdeck.system.config.benchfile import read_results

        return read_results(path)

    def propose(self, results: Sequence[BenchResult], tier: str, *, floor: float, min_runs: int) -> Proposal:
        """Which models should serve `tier`; nothing is changed."""
        from agentdeck.core.trials.promotion import promote

        tiers = self._current.world.safe_settings.config.tiers
        return promote(results, tier, tiers, floor=floor, min_runs=min_runs)

    def as_diff(self, proposal: Proposal) -> str:
        """The proposal as a change of the file that has the tier, for `git apply` or a person; empty for none."""
        from agentdeck.system.config.editing import as_diff

        if not proposal.moves:
            return ""
        origin = self._current.world.safe_settings.origins.get(f"tiers.{proposal.tier}", "")
        return as_diff(self._current.root, origin, ("tiers", proposal.tier), list(proposal.after))

    def route(self, task: str) -> RouteReport:
        """Which tier the task should get, by rules; what each tier has cost, and what all of it would have cost in the
        tier `deep`."""
        from agentdeck.core.trials.routing import route
        from agentdeck.engine.providers.spending import at_deepest, spending
        from agentdeck.engine.views.trials import RouteReport

        world = self._current.world
        files = set(world.repo.at(world.root).git("ls-files", "-z").split("\0")) - {""}
        names = {name.rpartition("/")[2] for name in files}
        found = route(task, files=len(files), exists=lambda path: path in files or path in names)
        spent = spending(world, "tier")
        chain = world.safe_settings.config.tiers.get(found.tier, ())
        steps = (chain,) if isinstance(chain, str) else tuple(chain)
        return RouteReport(found, steps, replace(spent, dearest=None), at_deepest(world, spent.total.usage))
