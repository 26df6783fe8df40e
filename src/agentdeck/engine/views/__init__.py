"""What the engine hands to the faces, and takes from them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.core.accounts.lanes import cli_of
from agentdeck.core.agents.agent import PASSING_FAULTS, Agent, Fault, Mode, Result, State, Status
from agentdeck.core.frozen import dataclass, field
from agentdeck.core.providers.serving import Serving
from agentdeck.core.transcripts.activity import Activity, Call
from agentdeck.engine.records.hosts import HostMark
from agentdeck.engine.worktrees.heads import WorktreeLook, look_at
from agentdeck.errors import DeckError, ExitCode, StoreError
from agentdeck.system.git.heads import Head
from agentdeck.system.state.messages import Message
from agentdeck.system.state.store import PULL, Store

_A_DAY = 86_400.0

if TYPE_CHECKING:
    from agentdeck.core.fleet.placement import Needs
    from agentdeck.core.pulls.pull import Pull


@dataclass(frozen=True, slots=True)
class AgentView:
    """One agent at one moment."""

    agent: Agent
    status: Status
    alive: bool
    """Whether its runner lives: an interactive agent that is `done` still does."""
    serving: Serving | None = None
    """Who serves its requests, where the gateway does and knows."""
    trouble: str = ""
    """What is wrong with its worktree, as the end of a sentence; empty where it is right, or is gone."""
    damaged: StoreError | None = None
    """Why its record can't be read; then nothing else of it is known."""
    head: Head | None = None
    """HEAD of its worktree; None where that can't be told without git."""
    activity: Activity | None = None
    """What it does and has taken, from its CLI's transcript; None where that has none that is known."""
    messages: tuple[Message, ...] = ()
    """What was sent to it and is not known to have reached it."""
    unreachable: float = 0.0
    """Since when its host does not answer, in seconds since the epoch: all else is how it stood then; 0 where it does,
    and for an agent of this machine."""
    pull: Pull | None = None
    """Its pull request, as it was when it was looked at last."""

    @property
    def name(self) -> str:
        return self.agent.name

    @property
    def host(self) -> str:
        """The host that it is on; empty for this machine."""
        return self.agent.host

    @property
    def failed_over(self) -> bool:
        """Whether it works, and another than its tier's first provider serves it, or none does, or another profile
        than its own goes on for it."""
        by_profile = self.profile != self.agent.profile and self.status.reason != ""
        return self._works and (by_profile or self._rerouted is not None)

    @property
    def waits_for_room(self) -> bool:
        """Whether it begins as soon as this machine has room for it."""
        return self.alive and self.status.state is State.STARTING and self.status.reason.startswith("waits for ")

    @property
    def _works(self) -> bool:
        return self.alive and self.status.state is State.WORKING

    @property
    def _rerouted(self) -> Serving | None:
        """What the gateway says of a failover between providers."""
        return self.serving if self.serving is not None and self.serving.reason else None

    @property
    def _is_unserved(self) -> bool:
        """Whether it works, as far as its program knows, and no provider answers it."""
        return self._works and self._rerouted is not None and not self._rerouted.provider

    @property
    def state(self) -> State:
        return State.LIMITED if self._is_unserved else self.status.state

    @property
    def reason(self) -> str:
        if self.unreachable:
            since = time.strftime("%H:%M", time.localtime(self.unreachable))
            if time.time() - self.unreachable > _A_DAY:
                since = time.strftime("%Y-%m-%d", time.localtime(self.unreachable))
            return f"{self.host} is unreachable since {since}; last known: {self.state}"
        if self.state is State.DONE and self.agent.landing_asked and not self.status.result:
            return f"{self.agent.landing_asked} asks to land it"
        if self.state is State.DONE and not self.status.result and self.pull is not None and self.pull.needs:
            return f"pull request #{self.pull.number}: {self.pull.needs}"
        return self._rerouted.text if self.failed_over and self._rerouted else self.status.reason

    @property
    def messages_text(self) -> str:
        """How many messages have not reached it, as a part of a sentence; empty for none."""
        unsure = sum(each.is_unsure for each in self.messages)
        waiting = len(self.messages) - unsure
        parts = [
            f"{waiting} message{'s wait' if waiting > 1 else ' waits'}" if waiting else "",
            f"{unsure} message{'s' if unsure > 1 else ''} may not have arrived" if unsure else "",
        ]
        return "; ".join(filter(None, parts))

    @property
    def last_served(self) -> Serving | None:
        """Who serves it, or did last, where the gateway knows; that none does is true while it works only."""
        told = self.serving
        return told if told is not None and (told.provider or self._works) else None

    @property
    def served_by(self) -> str:
        """Who serves it in place of its tier's first provider, or did last; that none does is said while it works."""
        return self.last_served.text if self.last_served is not None else ""

    @property
    def since(self) -> float:
        return self._rerouted.since if self._is_unserved and self._rerouted else self.status.since

    @property
    def model(self) -> str:
        """The model that answers: as the gateway served it last, else as the agent's program says, or was told."""
        told = self.agent.model if cli_of(self.profile) == cli_of(self.agent.profile) else ""
        return (self.serving.model if self.serving else "") or self.status.model or told

    @property
    def tool(self) -> Call | None:
        """The tool that it runs now, as far as is known."""
        works = self.alive and self.status.state is State.WORKING
        return self.activity.now if works and self.activity is not None else None

    @property
    def profile(self) -> str:
        """The one that serves it, or did at its end: its own, or the one that it was failed over to."""
        return self.status.profile or self.agent.profile

    @property
    def recorded_branch(self) -> str:
        lease = self.agent.worktree
        return lease.branch if lease else self.agent.branch

    @property
    def branch(self) -> str:
        """The branch that its work is on; empty where HEAD of its worktree is on a commit."""
        return self.recorded_branch if self.head is None else self.head.branch

    @property
    def where(self) -> str:
        """The branch, or what else is to be said of HEAD."""
        return self.recorded_branch if self.head is None else self.head.text

    @property
    def base(self) -> str:
        lease = self.agent.worktree
        return lease.base if lease else self.agent.base

    @property
    def worktree(self) -> Path | None:
        lease = self.agent.worktree
        return Path(lease.path) if lease else None

    @property
    def ports(self) -> list[int]:
        lease = self.agent.ports
        return list(lease.ports) if lease else []

    @property
    def log(self) -> Path | None:
        lease = self.agent.pane
        path = lease.log if lease else None
        return Path(path) if path else None

    @property
    def outcome(self) -> ExitCode:
        """What `agentdeck run` exits with for an agent that stands like this."""
        if self.state is State.LANDED:
            return ExitCode.OK
        if self.state is State.DONE and not self.status.result:
            return ExitCode.OK
        if self.state.has_ended and (code := _BY_RESULT.get(self.status.result)) is not None:
            return code
        if self.state is State.STOPPED:
            return ExitCode.INTERRUPTED
        by_fault = {Fault.TIMED_OUT: ExitCode.TIMED_OUT, **dict.fromkeys(PASSING_FAULTS, ExitCode.TRY_LATER)}
        return by_fault.get(self.status.fault, ExitCode.FAILED)


_BY_RESULT = {
    Result.UNCHANGED: ExitCode.UNCHANGED,
    Result.UNCOMMITTED: ExitCode.UNCOMMITTED,
    Result.DENIED: ExitCode.DENIED,
    Result.ASKED: ExitCode.ASKED,
    Result.UNSERVED: ExitCode.TRY_LATER,
    Result.INTERRUPTED: ExitCode.INTERRUPTED,
}


def view_of(store: Store, agent: Agent, serving: Serving | None = None) -> AgentView:
    name = agent.name
    return made_view(store, agent, serving, store.status(name), store.activity(name), store.runner_lives(name))


def made_view(
    store: Store,
    agent: Agent,
    serving: Serving | None,
    status: Status,
    activity: Activity | None,
    alive: bool,
    worktree: WorktreeLook | None = None,
) -> AgentView:
    """The view of an agent of which these were read."""
    look = worktree or look_at(store.folder.parent, agent)
    if serving is not None and serving.since < agent.created:
        serving = None  # of an earlier agent of this name
    messages = tuple(store.messages(agent.name).all())
    unreachable = HostMark.read(store, agent.host).unreachable if agent.host else 0.0
    pull = _pull_of(store, agent.name)
    return AgentView(
        agent, status, alive, serving, look.trouble, None, look.head, activity, messages, unreachable, pull
    )


def _pull_of(store: Store, name: str) -> Pull | None:
    """What is loaded for it is loaded where there is one."""
    if not os.access(f"{store.agent_folder(name)}/{PULL}", os.F_OK):
        return None
    from agentdeck.engine.records.pulls import pull_of

    return pull_of(store, name)


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What a person asks for when they start an agent; what is None or empty is chosen for them."""

    task: str = ""
    profile: str | None = None
    account: str | None = None
    """The account of its CLI; None: the one that has most left."""
    name: str | None = None
    branch: str | None = None
    base: str | None = None
    base_commit: str = ""
    """Where a new branch begins, in place of the tip of `base`."""
    tier: str | None = None
    model: str | None = None
    """The model that its CLI uses; None: as its profile, its tier or its CLI says."""
    permission: str | None = None
    """How much it may do without asking; None: as the profile, the configuration or its CLI says."""
    box: str | None = None
    """The mode of its box; None: as the configuration says."""
    sure: bool = False
    """Whether `all` was said twice."""
    timeout: float | None = None
    env: dict[str, str] = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    """Any command as the agent, in place of a profile."""
    id: str | None = None
    mode: Mode | None = None
    failover: tuple[str, ...] | None = None
    """The profiles to go on with when the agent's provider fails; None: the configured ones."""
    folder: str | None = None
    """Where in its worktree it begins, as a path relative to that; None: in the folder that the deck was found from."""
    on: str = ""
    """The host to start it on, or `any`; empty: this machine."""
    needs: Needs | None = None
    """What a host must have where `on` is `any`."""
    if_lost: str = ""
    """What happens where its host does not answer; empty: it waits. See orders.check_if_lost."""
    closes: str = ""
    """The issue that its work closes, as commits name it; empty for none."""
    now: bool = False
    """Whether it begins at once, whatever the machine has room for."""
    parent: str = ""
    """The agent that starts it; empty for a person. It gets no more than its parent has, and counts against its caps
    and its budget."""
    cancelled: Callable[[], bool] = field(default=lambda: False, compare=False)
    """Asked now and then while it starts: whether what was made so far shall be taken back."""


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """One task of many. It starts when every task named in `after` is done."""

    name: str
    request: StartRequest
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """How one task of many ended: its agent, or the error of its start. One that was skipped has neither, nor one
    whose agent was removed."""

    view: AgentView | None = None
    error: DeckError | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of `doctor`; `ok` is None where something optional is missing."""

    name: str
    ok: bool | None
    text: str
    hint: str = ""
