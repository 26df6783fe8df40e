"""Follow the pull requests of agents: failed checks, reviews and conflicts go to the agent that made them, at most
twice, and then to a person."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.core.pulls.pull import Pull, PullState
from agentdeck.core.pulls.reactions import Reaction, message, observed, react
from agentdeck.engine import roster
from agentdeck.engine.landing.exchange import push_again
from agentdeck.engine.lifecycle.hosts import tell
from agentdeck.engine.lifecycle.notifying import poke
from agentdeck.engine.records.pulls import pull_of, save_pull
from agentdeck.engine.views import AgentView
from agentdeck.engine.world import Note, World
from agentdeck.errors import DeckError
from agentdeck.system.files.files import locked
from agentdeck.system.git import pulls, remotes

PENDING_EVERY, EVERY = 60.0, 300.0
"""Seconds between two looks at a pull request whose checks run or whose agent works, and at others."""


@contextmanager
def alone(world: World) -> Iterator[None]:
    """One process at a time follows the pull requests of a repository."""
    with locked(world.store.open().folder / "pulls.lock", what="the pull requests"):
        yield


def open_pulls(world: World) -> dict[str, Pull]:
    """Those that were open when they were looked at last, by the agent."""
    found = {name: pull_of(world.store, name) for name in world.store.names()}
    return {name: pull for name, pull in found.items() if pull is not None and pull.state == "open"}


def due(world: World) -> list[str]:
    """The agents whose pull requests are to be looked at by now."""
    now, found = time.time(), []
    for name, pull in open_pulls(world).items():
        busy = pull.pending or world.store.status(name).state.is_live
        if now - pull.at >= (PENDING_EVERY if busy else EVERY):
            found.append(name)
    return found


def look(world: World, name: str, note: Note, *, only: bool = False) -> Pull | None:
    """Ask the forge about the agent's pull request, and do what is to be done; with `only`, nothing is done."""
    pull = pull_of(world.store, name)
    if pull is None:
        return None
    view = roster.agent(world, name)
    if not only and pull.state == "open" and (pull.tries or pull.seen):
        push_again(world, view.agent, note)
    now = pulls.pull_state(world.repo, pull.program, pull.url)
    pull = observed(pull, now, time.time()) if only else _act(world, view, pull, now, note)
    save_pull(world.store, name, pull)
    return pull


def _act(world: World, view: AgentView, pull: Pull, now: PullState, note: Note) -> Pull:
    remote = remotes.default_remote(world.repo)
    own = world.repo.commit(f"refs/remotes/{remote}/{view.branch}") or ""
    reaction = react(pull, now, own, time.time())
    if reaction.todo and not _give(world, view, reaction, note):
        return observed(pull, now, time.time())  # it is tried again at the next look
    if reaction.person:
        text = f"pull request #{pull.number}: {reaction.person}"
        world.note(Event(EventKind.PROPOSAL_NEWS, view.name, text, {"url": pull.url}), note)
    save_pull(world.store, view.name, reaction.pull)
    if now.state == "merged" and not view.state.is_live:
        status = world.store.status(view.name)
        reason = f"merged as pull request #{pull.number}; “agentdeck rm {view.name}” removes it"
        world.store.put_status(view.name, replace(status, state=State.LANDED, since=time.time(), reason=reason))
    if reaction.person:
        poke(world)
    return reaction.pull


def _give(world: World, view: AgentView, reaction: Reaction, note: Note) -> bool:
    """Send the agent to what is to be done; say whether it got it. What it asks is answered by people alone."""
    todo = reaction.todo
    if view.status.is_asking:
        return False
    program, url = reaction.pull.program, reaction.pull.url
    logs = {check.name: pulls.log_of(world.repo, program, url, check) for check in todo.checks}
    try:
        tell(world, view, message(reaction.pull, todo, logs), note)
    except DeckError as error:
        text = f"could not be told of its pull request: {error.title}"
        world.note(Event(EventKind.WARNING, view.name, text, {"detail": error.detail}), note)
        return False
    what = [check.name for check in todo.checks] + ["its conflict"] * todo.conflict
    what += [f"{len(todo.remarks)} comments"] if todo.remarks else []
    text = f"was sent to {', '.join(what)} of pull request #{reaction.pull.number}"
    world.note(Event(EventKind.PROPOSAL_HANDED, view.name, text, {"url": url}), note)
    return True
