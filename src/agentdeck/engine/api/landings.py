"""`deck.landings`: bring agents' work to its base branch, and to a remote."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from agentdeck.core.frozen import replace
from agentdeck.engine.api.current import Current
from agentdeck.engine.world import Note, silent

if TYPE_CHECKING:
    from agentdeck.engine.views.landings import Entry, Landing, LandRequest

_RECENT = 5
"""Landings of which the last gate is sought."""


class DeckLandings:
    def __init__(self, current: Current) -> None:
        self._current = current

    def land(self, request: LandRequest, note: Note = silent) -> Landing:
        """Land finished agents on their base branch, in the order of their names in the request, through the gate.

        What could not land is in the entries, each with its reason; nothing is changed for it.
        """
        from agentdeck.engine.landing import landing
        from agentdeck.engine.reconcile import repair

        request = self._in_full(request)
        world = self._current.trusted()
        self._fetch(request, note)
        landed = landing.land(world, request, note)
        if request.hand_back and not request.dry_run and any(entry.conflicts for entry in landed.entries):
            from agentdeck.engine.landing.resolving import hand_back

            landed = hand_back(world, self.land, lambda to: repair(self._current.world, to), landed, request, note)
        return landed

    def all(self) -> list[Landing]:
        """Every landing that is still known, oldest first; those that run now among them."""
        from agentdeck.engine.records.landings import Landings

        return Landings(self._current.store).all()

    def last_gate(self) -> bool | None:
        """Whether the gate of the last landing that had one passed; None where none of the last few had."""
        from agentdeck.engine.records.landings import Landings, Stage

        for landing in islice(Landings(self._current.store).newest(), _RECENT):
            ran = [entry for entry in landing.entries if entry.gate and entry.stage.is_end]
            if ran:
                return ran[-1].stage is Stage.LANDED
        return None

    def is_running(self, landing: Landing) -> bool:
        from agentdeck.engine.records.landings import Landings

        return landing.ended is None and Landings(self._current.store).is_running(landing.id)

    def waiting(self, landing: Landing) -> list[str]:
        """The agents of a landing that runs whose turn is still to come, in the order in which they will land."""
        from agentdeck.engine.landing.queue import waiting_in
        from agentdeck.engine.records.landings import Landings

        return waiting_in(Landings(self._current.store), landing) if self.is_running(landing) else []

    def drop(self, name: str) -> str:
        """Take the agent out of the landing that it is in; say what came of that. Raise RefusedError where it is too
        late."""
        from agentdeck.engine.landing.queue import drop

        return drop(self._current.world, self._current.agent(name).name)

    def move(self, name: str, by: int) -> str:
        """Let the agent land one place earlier (-1) or later (1), or first of all that wait (less than -1)."""
        from agentdeck.engine.landing.queue import move

        return move(self._current.world, self._current.agent(name).name, by)

    def gate_lines(self, landing: Landing, entry: Entry, count: int) -> list[str]:
        """The last lines that the gate of this one printed; of the landing's gates that run now where its own has not
        begun."""
        from agentdeck.engine.landing.gate import last_lines, running_logs

        if not (entry.gate or self.is_running(landing)):
            return []
        return last_lines([entry.gate] if entry.gate else running_logs(self._current.world, landing.id), count)

    def has_work(self, name: str) -> bool:
        """Whether the agent has commits of its own, or work that is not committed."""
        from agentdeck.engine.landing.candidates import has_work

        return has_work(self._current.world, name)

    def push(self, base: str, note: Note = silent) -> str:
        """Push a base branch to its remote; say so in a sentence."""
        from agentdeck.engine.landing import exchange

        return exchange.push(self._current.trusted(), base, note)

    def pull(self, branch: str = "", note: Note = silent) -> str:
        """Fast-forward `branch` (default: the one that new agents start from) to its remote's, and say what came."""
        from agentdeck.engine.landing import exchange
        from agentdeck.system.git.branches import plan_branch

        world = self._current.trusted()
        if not branch:
            configured = world.settings.config.agent.base or None
            branch = plan_branch(world.repo, "pull", None, configured, "{name}").base
        return exchange.pull(world, branch, note)

    def propose(self, request: LandRequest, *, draft: bool = False, program: str = "", note: Note = silent) -> str:
        """Push an agent's branch and open a pull request for it through `program`, which is gh or glab; by default the
        one that the remote needs. Return its address."""
        from agentdeck.engine.landing import exchange

        request = self._in_full(request)
        self._fetch(request, note)
        return exchange.pull_request(self._current.trusted(), request, draft=draft, program=program, note=note)

    def _fetch(self, request: LandRequest, note: Note) -> None:
        """Have here what agents on other hosts made, before any of it lands."""
        world = self._current.world
        for name in request.names:
            agent = world.store.agent(name)
            if agent is not None and agent.host:
                from agentdeck.engine.fleet.acts import ready_to_land

                commit = None if request.dry_run else request.commit
                ready_to_land(world, name, commit=commit, stop_first=request.stop and not request.dry_run, note=note)

    def _in_full(self, request: LandRequest) -> LandRequest:
        names: Sequence[str] = [self._current.agent(name).name for name in request.names]
        return replace(request, names=tuple(names))
