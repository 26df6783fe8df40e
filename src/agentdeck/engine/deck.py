"""Deck: the one API that both faces use."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine import roster
from agentdeck.engine.reconcile import repair
from agentdeck.engine.views import AgentView, Check, QueuedTask, StartRequest, TaskEnd
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import NotFoundError, RefusedError, StoreError
from agentdeck.system.config.settings import signs
from agentdeck.system.git.checkouts import main_folder
from agentdeck.system.git.repository import Repository
from agentdeck.system.state.store import Store
from agentdeck.system.terminal.tmux import Tmux

if TYPE_CHECKING:
    from agentdeck.core.config.config import Config
    from agentdeck.core.config.trust import Values
    from agentdeck.core.merging.radar import Report
    from agentdeck.engine.views.history import Stale, Step
    from agentdeck.engine.views.landings import Landing, LandRequest
    from agentdeck.system.config.settings import Settings
    from agentdeck.system.config.trust import Standing
    from agentdeck.system.machine.ports import PortLease
    from agentdeck.system.machine.usage import Usage
    from agentdeck.system.state.logs import LogLine


class Deck:
    """One repository under supervision. Every verb of the CLI and every key of the dashboard is a call of this."""

    def __init__(self, world: World, folder: str = "") -> None:
        """`folder` is where new agents begin, as a path relative to their worktrees' tops."""
        self._world, self._signs, self.folder = world, signs(world.root, *world.watched), folder

    @classmethod
    def find(cls, cwd: Path | None = None) -> Deck:
        """The deck of the repository that `cwd` lies in, also from inside an agent's worktree.

        Raise NotFoundError outside of a repository.
        """
        repo = Repository.find(cwd)
        root = main_folder(repo)
        world = World(repo.at(root) if not repo.bare else repo, root, Store(repo.common / "agentdeck"), Tmux())
        return cls(world, repo.prefix)

    @property
    def world(self) -> World:
        """What the engine works with, configured as the files say now. Each deed takes it once and keeps it."""
        found = signs(self.root, *self._world.watched)
        if found != self._signs:
            self._signs, self._world = found, replace(self._world)
        return self._world

    @property
    def root(self) -> Path:
        return self._world.root

    @property
    def name(self) -> str:
        return self._world.deck

    @property
    def store(self) -> Store:
        return self._world.store

    @property
    def config(self) -> Config:
        return self.settings.config

    @property
    def settings(self) -> Settings:
        """The configuration for looking: without what nobody has approved."""
        return self.world.safe_settings

    # Trust

    def standing(self) -> Standing:
        """What of the repository's configuration waits for approval."""
        return self.world.standing

    def check_trust(self) -> None:
        """Raise UntrustedError where something waits for approval."""
        self._trusted()

    def _trusted(self) -> World:
        """What a deed works with that uses the configuration: before anything is touched it is known to be approved."""
        world = self.world
        world.check_trust()
        return world

    def approve(self, values: Values) -> None:
        """Let these values be used, which a person has seen: others that are in the files by now are not."""
        approvals = self.world.approvals
        if approvals is None:
            raise StoreError("There is no folder for the approval.", hint="Set HOME, or XDG_STATE_HOME.")
        approvals.approve(values, commit=self.world.repo.commit("HEAD") or "")

    def forget_approval(self) -> bool:
        """Return whether there was one."""
        approvals = self.world.approvals
        return approvals is not None and approvals.forget()

    def running_files(self) -> list[str]:
        """The files of the project from which agents' own programs run commands."""
        from agentdeck.core.config.trust import RUNNING_FILES

        return [name for name in RUNNING_FILES if os.path.lexists(self.root / name)]

    # Looking

    def agents(self) -> list[AgentView]:
        """Every agent, in the order of their creation; [] in a repository that was never used."""
        return roster.agents(self.world)

    def agent(self, name: str) -> AgentView:
        """The agent of that name, or the only one whose name begins so; raise NotFoundError without one."""
        return roster.agent(self.world, name)

    def repair(self, note: Note = silent) -> None:
        """Bring the store and the machine together again after a crash; nothing to do costs next to nothing."""
        repair(self.world, note)

    # Starting

    def start(self, request: StartRequest, note: Note = silent) -> AgentView:
        """Make an agent and everything it holds, and start it; return when its runner lives.

        For an `id` that was used before, nothing starts and the first agent's view is returned. Where a step fails,
        what the steps before it made is taken back and their error raised.
        """
        from agentdeck.engine.lifecycle import starting

        world = self._trusted()
        self.store.open()
        folder = self.folder if request.folder is None else request.folder
        return starting.start(world, replace(request, folder=folder), note)

    def start_many(self, tasks: Sequence[QueuedTask], jobs: int, note: Note = silent) -> list[TaskEnd]:
        """Start `tasks` as the machine has room and their order allows, and wait for all of them."""
        from agentdeck.engine.task_queue import Queue

        return Queue(self.world, self.start, self.repair, tasks, jobs, note).run()

    def resume(self, name: str, prompt: str = "", note: Note = silent) -> AgentView:
        """Start an agent again that has ended: in its worktree, with its leases, from its session where its CLI can."""
        from agentdeck.engine.lifecycle.switching import resume

        return resume(self.world, self.agent(name), prompt, note)

    def fail_over(self, name: str, to: str = "", note: Note = silent) -> AgentView:
        """Let the profile `to` (default: the next of the agent's) take the agent over, whether it runs or has ended."""
        from agentdeck.engine.lifecycle.switching import switch

        return switch(self._trusted(), self.agent(name), to, note)

    def fail_back(self, name: str, note: Note = silent) -> AgentView:
        """Let the agent's own profile take it back."""
        from agentdeck.engine.lifecycle.switching import switch_back

        return switch_back(self._trusted(), self.agent(name), note)

    # While it runs

    def wait(self, name: str, note: Note = silent) -> AgentView:
        """Follow an agent until it is done, failed, stopped or landed, telling `note` what happens meanwhile."""
        from agentdeck.system.files.watch import ticks

        seen = 0
        view = self.agent(name)
        for _ in ticks(self.store.agent_folder(view.name)):
            try:
                view = self.agent(view.name)
            except NotFoundError:
                gone = replace(view.status, state=State.STOPPED, reason="it was removed")
                return replace(view, status=gone, alive=False)
            events = self.store.events(view.name)
            for event in events[seen:]:
                note(event)
            seen = len(events)
            if not view.state.is_live:
                break
            if not view.alive:
                self.repair(note)
        return view

    def send(self, name: str, text: str = "", *, keys: Sequence[str] = (), enter: bool = True) -> None:
        """Type `text`, then press `keys`, then Enter; the agent must be running."""
        from agentdeck.engine.lifecycle import keyboard as typing_to

        typing_to.send(self.world, self.agent(name), text, keys, enter=enter)

    def answer(self, name: str, *, yes: bool) -> None:
        """Press what says yes or no to the question that the agent asks now, as its profile knows."""
        from agentdeck.engine.lifecycle import keyboard as typing_to

        typing_to.answer(self.world, self.agent(name), yes=yes)

    def stop(self, name: str, note: Note = silent) -> AgentView:
        """End the agent's processes, by INT, TERM, KILL; what it made and holds stays, and it can be resumed."""
        from agentdeck.engine.lifecycle.ending import end_runner
        from agentdeck.engine.lifecycle.survivors import tell_survivors

        view = self.agent(name)
        end_runner(self.world, view.name)
        if self.store.status(view.name).state.is_live or (view.state is State.DONE and view.alive):
            status = replace(view.status, state=State.STOPPED, since=time.time(), reason="stopped", ended=time.time())
            self.store.set_status(view.name, status)
        view = self.agent(view.name)
        text = "stopped" if view.state is State.STOPPED else f"is not running; it is {view.state}"
        note(Event(EventKind.AGENT_STOPPED, view.name, text))
        tell_survivors(self.world, view.agent, note)
        return view

    def remove(
        self,
        name: str,
        note: Note = silent,
        *,
        stop: bool = False,
        keep_branch: bool = False,
        keep_database: bool = False,
    ) -> None:
        """Save what the agent holds, and remove it. A running agent refuses it unless `stop`.

        With `keep_database` its database is left as it is and forgotten, for a server that is gone for good.
        """
        from agentdeck.engine.lifecycle import removal

        world, view = self._trusted(), self.agent(name)
        if view.alive and view.state.is_live and not stop:
            raise RefusedError(
                f"{view.name} is {view.state}.", hint=f"Stop it first, or “agentdeck rm --stop {view.name}”."
            )
        with self.store.operation(view.name, wait=2):
            current = self.store.agent(view.name)
            if current is not None:
                removal.remove(world, current, note, keep_branch=keep_branch, keep_database=keep_database)

    # Landing and taking back

    def land(self, request: LandRequest, note: Note = silent) -> Landing:
        """Land finished agents on their base branch, in the order of their names in the request, through the gate.

        What could not land is in the entries, each with its reason; nothing is changed for it.
        """
        from agentdeck.engine.landing import landing

        request = replace(request, names=tuple(self.agent(name).name for name in request.names))
        world = self._trusted()
        landed = landing.land(world, request, note)
        if request.hand_back and not request.dry_run and any(entry.conflicts for entry in landed.entries):
            from agentdeck.engine.landing.resolving import hand_back

            landed = hand_back(world, self.land, self.repair, landed, request, note)
        return landed

    def radar(self, names: Sequence[str] = (), note: Note = silent) -> Report:
        """Which agents will collide with their base or one another: of `names`, or of all that have not landed."""
        from agentdeck.engine.radar.radar import look

        return look(self.world, names, note)

    def pull(self, branch: str = "", note: Note = silent) -> str:
        """Fast-forward `branch` (default: the one that new agents start from) to its remote's, and say what came."""
        from agentdeck.engine.landing import exchange
        from agentdeck.system.git.branches import plan_branch

        world = self._trusted()
        if not branch:
            configured = world.settings.config.agent.base or None
            branch = plan_branch(world.repo, "pull", None, configured, "{name}").base
        return exchange.pull(world, branch, note)

    def propose(self, request: LandRequest, *, draft: bool = False, program: str = "", note: Note = silent) -> str:
        """Push an agent's branch and open a pull request for it through `program`, which is gh or glab; by default the
        one that the remote needs. Return its address."""
        from agentdeck.engine.landing import exchange

        names = tuple(self.agent(name).name for name in request.names)
        request = replace(request, names=names)
        return exchange.pull_request(self._trusted(), request, draft=draft, program=program, note=note)

    def uncommitted(self, name: str) -> list[str]:
        """What a landing could commit of the agent's worktree, as `git status --short` writes it."""
        view = self.agent(name)
        if view.worktree is None or not os.path.lexists(view.worktree):
            return []
        from agentdeck.engine.worktrees import identity
        from agentdeck.system.git import changes

        return changes.to_commit(identity.enter(self.world, view.agent))[0]

    def unsaved(self, name: str) -> str:
        """What a removal of the agent would not save, in a sentence; empty where it saves all."""
        from agentdeck.engine.lifecycle import removal_checks

        return removal_checks.unsaved(self.world, self.agent(name).agent)

    def stale(self) -> list[Stale]:
        """What `prune` would clear away, and why; nothing is touched."""
        from agentdeck.engine.history.prune import find_stale

        return [*find_stale(self.world)]

    def prune(self, found: Iterable[Stale], note: Note = silent) -> tuple[Step | None, list[Stale]]:
        """Clear away what `stale` found; return the step that undoes it, and what could not be cleared."""
        from agentdeck.engine.history.prune import prune

        return prune(self._trusted(), found, note)

    def landings(self) -> list[Landing]:
        """Every landing that is still known, oldest first; those that run now among them."""
        from agentdeck.engine.records.landings import Landings

        return Landings(self.store).all()

    def steps(self) -> list[Step]:
        """Every removal, landing, prune and undo that is still known, oldest first."""
        from agentdeck.engine.records.steps import Steps

        return Steps(self.store).all()

    def undo(self, number: int | None = None, note: Note = silent) -> Step:
        """Take back the step of that number, or the latest that was not; return the step which that is.

        Raise RefusedError, with nothing changed, where it can't be as it was. A landing can be taken back without
        approval of what it brought.
        """
        from agentdeck.engine.history import undo

        step = self._step(number)
        return undo.undo(self._trusted() if undo.uses_configuration(step) else self.world, step, note)

    def undo_needs_trust(self, number: int | None = None) -> bool:
        """Whether taking that step back uses the configuration."""
        from agentdeck.engine.history.undo import uses_configuration

        return uses_configuration(self._step(number))

    def _step(self, number: int | None) -> Step:
        from agentdeck.engine.records.steps import Steps

        steps = Steps(self.store)
        return steps.latest() if number is None else steps.get(number)

    # Reading

    def screen(self, name: str, *, colours: bool = False) -> str:
        view = self.agent(name)
        return self.world.tmux.screen(self.name, view.name, colours=colours)

    def attach_argv(self, name: str) -> list[str]:
        """What to exec in this terminal to be at the agent's keys; detaching comes back."""
        view = self.agent(name)
        return self.world.tmux.attach_argv(self.name, view.name)

    def diff(self, name: str, *, stat: bool = False, colour: bool = False) -> str:
        """All that the agent changed since its base, committed or not, as a patch or as a table of files."""
        from agentdeck.engine.review.diffs import base_of
        from agentdeck.system.git import changes

        path, base = base_of(self.world, self.agent(name).agent)
        return changes.diff(self.world.repo, path, base, stat=stat, colour=colour)

    def log_lines(
        self, name: str, *, since: float | None = None, grep: re.Pattern[str] | None = None, follow: bool = False
    ) -> Iterator[LogLine]:
        """The time-stamped lines of the agent's last run; with `follow`, until that run has ended."""
        from agentdeck.system.state import logs

        view = self.agent(name)
        if view.log is None:
            return iter(())
        if follow:
            return logs.follow_log(view.log, since=since, grep=grep, until=lambda: not self.world.lives(view.name))
        return logs.read_log(view.log, since=since, grep=grep)

    def raw_output(self, name: str) -> Iterator[bytes]:
        """What the agent's terminal got, byte for byte."""
        from agentdeck.system.state import logs

        view = self.agent(name)
        return logs.read_raw(self.store.agent_folder(view.name) / "session.cast")

    def cost_of(self, view: AgentView) -> float | None:
        """US dollars for the agent's requests, by the gateway or on its own login; None where no price is known."""
        from agentdeck.engine.providers.spending import of_agent

        costs = [record.cost for record in of_agent(self.world, view.name) if record.cost is not None]
        return sum(costs) if costs else None

    def usage(self, view: AgentView) -> Callable[[], Usage | None]:
        """Begin to measure; what is returned says CPU since then, memory and processes, None where nothing runs."""
        from agentdeck.system.machine.usage import UsageSampler

        sampler = UsageSampler()
        pids = {view.name: view.status.runner_pid} if view.alive and view.status.runner_pid else {}
        sampler.begin(pids)
        return lambda: sampler.sample(pids).get(view.name)

    def disk(self, view: AgentView) -> int | None:
        """The bytes that an agent's worktree takes on disk; None where it is gone."""
        from agentdeck.system.machine.usage import disk_bytes

        return disk_bytes(view.worktree) if view.worktree and view.worktree.is_dir() else None

    def ports(self) -> list[PortLease]:
        """The ports handed out to this user's agents, of all decks."""
        return self.world.ports.owners()

    def doctor(self) -> list[Check]:
        from agentdeck.engine.doctor import examine

        return examine(self.world, self.agents())
