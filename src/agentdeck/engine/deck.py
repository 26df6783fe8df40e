"""Deck: the one API that both faces use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.core.agents.events import Event
from agentdeck.core.frozen import replace
from agentdeck.engine import roster
from agentdeck.engine.api.current import Current
from agentdeck.engine.views import AgentView, Check, QueuedTask, StartRequest, TaskEnd
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import DeckError, RefusedError
from agentdeck.system.git.repository import Repository
from agentdeck.system.state.store import Store

if TYPE_CHECKING:
    from agentdeck.core.config.config import Config
    from agentdeck.core.config.tasks import TaskEntry
    from agentdeck.core.question import Question
    from agentdeck.engine.api.accounts import DeckAccounts
    from agentdeck.engine.api.audit import DeckAudit
    from agentdeck.engine.api.batches import DeckBatches
    from agentdeck.engine.api.benchmarks import DeckBenchmarks
    from agentdeck.engine.api.choices import DeckChoices
    from agentdeck.engine.api.configuration import DeckConfiguration
    from agentdeck.engine.api.delegation import DeckDelegation
    from agentdeck.engine.api.fleet import DeckFleet
    from agentdeck.engine.api.history import DeckHistory
    from agentdeck.engine.api.hosts import DeckHosts
    from agentdeck.engine.api.landings import DeckLandings
    from agentdeck.engine.api.messages import DeckMessages
    from agentdeck.engine.api.notices import DeckNotices
    from agentdeck.engine.api.processes import DeckProcesses
    from agentdeck.engine.api.providers import DeckProviders
    from agentdeck.engine.api.pulls import DeckPulls
    from agentdeck.engine.api.races import DeckRaces
    from agentdeck.engine.api.radar import DeckRadar
    from agentdeck.engine.api.reports import DeckReports
    from agentdeck.engine.api.review import DeckReview
    from agentdeck.engine.api.schedules import DeckSchedules
    from agentdeck.engine.api.starts import DeckStarts
    from agentdeck.engine.api.tasks import DeckTasks
    from agentdeck.engine.api.terminals import DeckTerminals
    from agentdeck.engine.api.trust import DeckTrust
    from agentdeck.engine.api.watching import DeckWatching
    from agentdeck.engine.lifecycle.hosts import Host
    from agentdeck.engine.views.history import Step
    from agentdeck.engine.views.holdings import Holding
    from agentdeck.engine.views.landings import Landing, LandRequest
    from agentdeck.engine.views.machine import PortLease
    from agentdeck.engine.views.providers import TimeFailedOver
    from agentdeck.engine.views.terminal import LogLine
    from agentdeck.system.config.settings import Settings


class Deck:
    """One repository under supervision: what every verb of the CLI and every key of the dashboard calls, and any other
    host may. What it takes and gives is in `engine.views`.

    What is done with an agent is a call of this; all else is a call of one of its parts.
    """

    def __init__(self, world: World, folder: str = "") -> None:
        """`folder` is where new agents begin, as a path relative to their worktrees' tops."""
        self._current, self._roster, self.folder = Current(world), roster.Roster(), folder

    @classmethod
    def find(cls, cwd: Path | None = None) -> Deck:
        """The deck of the repository that `cwd` lies in, also from inside an agent's worktree.

        Raise NotFoundError outside of a repository.
        """
        repo = Repository.find(cwd)
        return cls(World.of(repo), repo.prefix)

    @property
    def _world(self) -> World:
        return self._current.world

    @property
    def root(self) -> Path:
        return self._current.root

    @property
    def name(self) -> str:
        return self._current.name

    @property
    def store(self) -> Store:
        return self._current.store

    @property
    def config(self) -> Config:
        return self.settings.config

    @property
    def settings(self) -> Settings:
        """The configuration for looking: without what nobody has approved."""
        return self._world.safe_settings

    def peek(self, *path: str) -> Any:
        """One value of the configuration as the files write it, unchecked; None where none of them has it."""
        from agentdeck.system.config.settings import peek

        return peek(self.root, *path)

    # Its parts

    @cached_property
    def configuration(self) -> DeckConfiguration:
        from agentdeck.engine.api.configuration import DeckConfiguration

        return DeckConfiguration(self._current)

    @cached_property
    def trust(self) -> DeckTrust:
        from agentdeck.engine.api.trust import DeckTrust

        return DeckTrust(self._current)

    @cached_property
    def choices(self) -> DeckChoices:
        from agentdeck.engine.api.choices import DeckChoices

        return DeckChoices(self._current)

    @cached_property
    def review(self) -> DeckReview:
        from agentdeck.engine.api.review import DeckReview

        return DeckReview(self._current)

    @cached_property
    def radar(self) -> DeckRadar:
        from agentdeck.engine.api.radar import DeckRadar

        return DeckRadar(self._current)

    @cached_property
    def landings(self) -> DeckLandings:
        from agentdeck.engine.api.landings import DeckLandings

        return DeckLandings(self._current)

    @cached_property
    def fleet(self) -> DeckFleet:
        from agentdeck.engine.api.fleet import DeckFleet

        return DeckFleet(self._current)

    @cached_property
    def messages(self) -> DeckMessages:
        from agentdeck.engine.api.messages import DeckMessages

        return DeckMessages(self._current)

    @cached_property
    def history(self) -> DeckHistory:
        from agentdeck.engine.api.history import DeckHistory

        return DeckHistory(self._current)

    @cached_property
    def accounts(self) -> DeckAccounts:
        from agentdeck.engine.api.accounts import DeckAccounts

        return DeckAccounts(self._current)

    @cached_property
    def providers(self) -> DeckProviders:
        from agentdeck.engine.api.providers import DeckProviders

        return DeckProviders(self._current)

    @cached_property
    def terminals(self) -> DeckTerminals:
        from agentdeck.engine.api.terminals import DeckTerminals

        return DeckTerminals(self._current)

    @cached_property
    def delegation(self) -> DeckDelegation:
        from agentdeck.engine.api.delegation import DeckDelegation

        return DeckDelegation(self._current)

    @cached_property
    def notices(self) -> DeckNotices:
        from agentdeck.engine.api.notices import DeckNotices

        return DeckNotices(self._current)

    @cached_property
    def audit(self) -> DeckAudit:
        from agentdeck.engine.api.audit import DeckAudit

        return DeckAudit(self._current)

    @cached_property
    def reports(self) -> DeckReports:
        from agentdeck.engine.api.reports import DeckReports

        return DeckReports(self._current)

    @cached_property
    def schedules(self) -> DeckSchedules:
        from agentdeck.engine.api.schedules import DeckSchedules

        return DeckSchedules(self._current, self.start)

    @cached_property
    def starts(self) -> DeckStarts:
        from agentdeck.engine.api.starts import DeckStarts

        return DeckStarts(self._current)

    @cached_property
    def races(self) -> DeckRaces:
        from agentdeck.engine.api.races import DeckRaces

        return DeckRaces(self._current, self)

    @cached_property
    def benchmarks(self) -> DeckBenchmarks:
        from agentdeck.engine.api.benchmarks import DeckBenchmarks

        return DeckBenchmarks(self._current, self)

    @cached_property
    def pulls(self) -> DeckPulls:
        from agentdeck.engine.api.pulls import DeckPulls

        return DeckPulls(self._current, self.repair)

    @cached_property
    def processes(self) -> DeckProcesses:
        from agentdeck.engine.api.processes import DeckProcesses

        return DeckProcesses()

    @cached_property
    def tasks(self) -> DeckTasks:
        from agentdeck.engine.api.tasks import DeckTasks

        return DeckTasks(self._current, self.start_many)

    @cached_property
    def watching(self) -> DeckWatching:
        from agentdeck.engine.api.watching import DeckWatching

        return DeckWatching(self._current)

    # All of this user's

    def remember(self) -> None:
        """Let `everywhere` know this one."""
        from agentdeck.system.state import decks

        decks.remember(self.root)

    @classmethod
    def everywhere(cls) -> list[Deck]:
        """The decks of all repositories in which this user has had agents, by their folders."""
        from agentdeck.system.state import decks

        found = list[Deck]()
        for root in sorted(decks.known()):
            with suppress(DeckError):
                deck = cls.find(root)
                if deck.is_used:
                    found.append(deck)
        return found

    # Looking

    @property
    def is_used(self) -> bool:
        """Whether the repository has a deck's state."""
        return self.store.exists

    def check(self) -> None:
        """Raise StoreError where the deck's state is damaged, or of a newer agentdeck."""
        if self.store.exists:
            self.store.open()

    def agents(self) -> list[AgentView]:
        """Every agent, in the order of their creation; [] in a repository that was never used.

        One whose record can't be read is there as failed. Asked again, it reads only what changed."""
        return self._roster.agents(self._world)

    def agent(self, name: str) -> AgentView:
        """The agent of that name, or the only one whose name begins so; raise NotFoundError without one."""
        return self._current.agent(name)

    def events(self, name: str) -> list[Event]:
        """All that happened to the agent of that name, oldest first."""
        return self.store.events(name)

    def failovers(self, view: AgentView) -> list[TimeFailedOver]:
        """When others served the agent, oldest first, and which of its commits hold work of those times."""
        from agentdeck.engine.profiles.failovers import failovers

        return failovers(self._world, view.agent)

    def holdings(self, view: AgentView) -> list[Holding]:
        """What the agent holds, in the order of acquisition."""
        from agentdeck.engine.lifecycle.stack import holdings

        held = holdings(view.agent)
        # Of what an agent elsewhere holds, only its worktree is known here.
        return [each for each in held if each.kind == "worktree"] if view.host else held

    def variables(self, view: AgentView) -> dict[str, dict[str, str]]:
        """The variables that the agent is given, by the kind of resource; its own are under `agent`."""
        from agentdeck.engine.lifecycle.resources import variables_by_kind

        return variables_by_kind(self._world, view.agent)

    def repair(self, note: Note = silent) -> None:
        """Bring the store and the machine together again after a crash; nothing to do costs next to nothing."""
        from agentdeck.engine.reconcile import repair

        repair(self._world, note)

    def keep_traceback(self, text: str) -> Path:
        """Write down what a dashboard ended by, where that can be written; return where."""
        from agentdeck.system.files.files import write_atomic

        path = self.store.folder / "dashboard.log"
        with suppress(OSError):
            write_atomic(path, text)
        return path

    # Starting

    def start(self, request: StartRequest, note: Note = silent) -> AgentView:
        """Make an agent and everything it holds, and start it; return when its runner lives.

        For an `id` that was used before, nothing starts and the first agent's view is returned. Where a step fails,
        what the steps before it made is taken back and their error raised. What an agent's own program starts is its
        child.
        """
        from agentdeck.engine.lifecycle import delegating, starting

        world = self._current.trusted()
        self.store.open()
        self.remember()
        with self.fleet.placed(request, note) as host:
            if host.host:
                from agentdeck.engine.fleet.starting import start

                place = self.folder if request.folder is None else request.folder
                return start(world, replace(request, folder=place), host, note)
        folder = self.folder if request.folder is None else request.folder
        parent = request.parent or delegating.caller(world)
        return starting.start(world, replace(request, folder=folder, parent=parent), note)

    def start_many(self, tasks: Sequence[QueuedTask], jobs: int, note: Note = silent) -> list[TaskEnd]:
        """Start `tasks` as the machine has room and their order allows, and wait for all of them."""
        from agentdeck.engine.batch import Batch
        from agentdeck.engine.queues import queue

        with self.fleet.following() if any(task.request.on for task in tasks) else nullcontext():
            return queue(Batch(tasks, jobs, self._world, self.start, self.repair, note)).run()

    def resume(self, name: str, prompt: str = "", note: Note = silent, *, now: bool = False) -> AgentView:
        """Start an agent again that has ended: in its worktree, with its leases, from its session where its CLI can.
        With `now` it does not wait until this machine has room."""
        host, view = self._host_of(name)
        return host.resume(self._world, view, prompt, note, now=now)

    def fail_over(self, name: str, to: str = "", note: Note = silent) -> AgentView:
        """Let the profile `to` (default: the next of the agent's) take the agent over, whether it runs or has ended."""
        host, view = self._host_of(name)
        return host.fail_over(self._world, view, to, note)

    def fail_back(self, name: str, note: Note = silent) -> AgentView:
        """Let the agent's own profile take it back."""
        host, view = self._host_of(name)
        return host.fail_back(self._world, view, note)

    def _host_of(self, name: str) -> tuple[Host, AgentView]:
        """The host that the agent is on, to which all is left that is done with it."""
        from agentdeck.engine.lifecycle.hosts import host_of

        view = self.agent(name)
        return host_of(view), view

    # While it runs

    def wait(self, name: str, note: Note = silent) -> AgentView:
        """Follow an agent until it is done, failed, stopped or landed, telling `note` what happens meanwhile."""
        from agentdeck.engine.lifecycle.waiting import wait

        view = self.agent(name)
        with self.fleet.following() if view.host else nullcontext():
            return wait(lambda: self._world, self.agent(name), self.repair, note)

    def send(
        self, name: str, text: str = "", *, keys: Sequence[str] = (), enter: bool = True, now: bool = False
    ) -> bool:
        """Type `text`, then press `keys`, then Enter; the agent must be running.

        A message, which is a text alone with its Enter, waits until the agent is idle unless `now`; return whether it
        has been given. Raise RefusedError where the agent asks something, or does not begin to work on the message.
        """
        host, view = self._host_of(name)
        return host.send(self._world, view, text, keys, enter=enter, now=now)

    def answer(self, name: str, choice: str = "", text: str = "", seen: Question | None = None) -> str:
        """Answer the question that the agent asks now: with the number of an option (“1,3” for several), “yes”, “no”,
        or a text; return what was answered. `seen` is the question that the person looked at.

        Raise RefusedError, with nothing answered, where it asks nothing, has no such answer, or asks another question
        than `seen`.
        """
        host, view = self._host_of(name)
        return host.answer(self._world, view, choice, text, seen)

    def stop(self, name: str, note: Note = silent) -> AgentView:
        """End the agent's processes, by INT, TERM, KILL; what it made and holds stays, and it can be resumed."""
        host, view = self._host_of(name)
        return host.stop(self._world, view, note)

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

        world, view = self._current.trusted(), self.agent(name)
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
        """See DeckLandings.land."""
        return self.landings.land(request, note)

    def undo(self, number: int | None = None, note: Note = silent) -> Step:
        """See DeckHistory.undo."""
        return self.history.undo(number, note)

    def unsaved(self, name: str) -> str:
        """What a removal of the agent would not save, in a sentence; empty where it saves all."""
        host, view = self._host_of(name)
        return host.unsaved(self._world, view)

    # Reading

    def screen(self, name: str, *, colours: bool = False) -> str:
        host, view = self._host_of(name)
        return host.screen(self._world, view, colours=colours)

    def attach_argv(self, name: str) -> list[str]:
        """What to exec in this terminal to be at the agent's keys; detaching comes back."""
        host, view = self._host_of(name)
        return host.attach_argv(self._world, view)

    def log_lines(
        self, name: str, *, since: float | None = None, grep: re.Pattern[str] | None = None, follow: bool = False
    ) -> Iterator[LogLine]:
        """The time-stamped lines of the agent's last run; with `follow`, until that run has ended, else with those on
        the screen that the log of a program without a transcript gets when they scroll away."""
        host, view = self._host_of(name)
        return host.log_lines(self._world, view, since=since, grep=grep, follow=follow)

    def raw_output(self, name: str) -> Iterator[bytes]:
        """What the agent's terminal got, byte for byte."""
        host, view = self._host_of(name)
        return host.raw_output(self._world, view)

    def ports(self) -> list[PortLease]:
        """The ports handed out to this user's agents: on this machine of all decks, on other hosts of this one."""
        return [*self._world.ports.owners(), *self.fleet.ports()]

    def doctor(self) -> list[Check]:
        from agentdeck.engine.doctor import examine

        return examine(self._world, self.agents())

    # Without a deck

    @staticmethod
    def hosts() -> DeckHosts:
        """The machines of this user that agents can run on."""
        from agentdeck.engine.api.hosts import DeckHosts

        return DeckHosts()

    @staticmethod
    def batches() -> DeckBatches:
        """The batches of tasks that the server of this user's queue follows."""
        from agentdeck.engine.api.batches import DeckBatches

        return DeckBatches()

    @staticmethod
    def machine_checks() -> list[Check]:
        """What `doctor` can tell outside of a repository."""
        from agentdeck.engine.doctor import machine_checks

        return list(machine_checks())

    @staticmethod
    def scheduled_roots() -> list[Path]:
        """The repositories of this user whose schedules run."""
        from agentdeck.system.state.schedules import scheduled_roots

        return scheduled_roots()

    @staticmethod
    def profile_names() -> list[str]:
        from agentdeck.system.config.profiles import load_profiles

        return sorted(load_profiles())

    @staticmethod
    def tasks_in(file: Path) -> list[TaskEntry]:
        """The tasks of a file of tasks; raise ConfigError, which names every mistake in it."""
        from agentdeck.system.config.taskfile import load_tasks

        return load_tasks(file)
