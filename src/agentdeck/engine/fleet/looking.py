"""Let what home knows of agents elsewhere follow what their hosts say, and fetch what they made."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Agent, Phase
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.core.text.durations import short_duration
from agentdeck.engine.fleet import mirror as mirrors
from agentdeck.engine.fleet.hosts import Remote
from agentdeck.engine.fleet.mirror import Mirror
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import DeckError, UnreachableError
from agentdeck.system.box.large_files import FOLDER, take
from agentdeck.system.files.files import locked, private_folder
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.git import bundles, large_files
from agentdeck.system.git.checkouts import trees_on

_KINDS = ("tip", "live")
_PULL = 120.0
_MOST = 64 << 30
"""Bytes that a host may say it has to send."""


def elsewhere(world: World, host: str = "") -> list[Agent]:
    """The agents that are on other hosts, or on that one."""
    if not (world.store.folder / "fleet").is_dir():
        return []
    return [agent for agent in world.store.agents() if agent.host and host in ("", agent.host)]


def sync(world: World, remote: Remote, agents: Iterable[Agent], note: Note = silent) -> None:
    """Let the copies of these agents of one host follow it."""
    names = [agent.name for agent in agents]
    with _alone(world, remote.spec.name):
        while names:
            known = {name: Mirror.read(world.store, name) for name in names}
            told = remote.call("sync", agents={name: mirrors.asked(mirror) for name, mirror in known.items()})
            if not isinstance(told, dict):
                raise UnreachableError(f"{remote.spec.name} says nothing of its agents.")
            # What it says of agents that nobody asked about is not looked at.
            current = {name: agent for name in names if (agent := world.store.agent(name)) is not None and agent.host}
            names = [
                name
                for name, agent in current.items()
                if name in told and mirrors.apply(world, agent, known[name], told[name], note)
            ]


def add_log(world: World, host: str, told: dict[str, Any]) -> None:
    """Add what the host pushed of a log; see mirror.add_log."""
    with _alone(world, host):
        mirrors.add_log(world, str(told["agent"]), told)


def pull(world: World, agent: Agent, note: Note = silent) -> Mirror:
    """Fetch the agent's commits, and one of all that its worktree holds; let its branch here follow."""
    remote = Remote.of(world, agent.host)
    with _alone(world, agent.host):
        before, since = Mirror.read(world.store, agent.name), world.store.status(agent.name).since
        told = _ask_for_commits(remote, agent, before)
        tip, live = told["tip"], told["live"]
        if not _is_here(world, agent, told):
            _take_commits(world, remote, agent, told)
            for kind, commit in (("tip", tip), ("live", live)):
                world.repo.git("update-ref", _ref(kind, agent.name), commit)
            _follow_tip(world, agent, before.tip, tip, note)
        mirror = replace(before, tip=tip, live=live, pulled=time.time(), pulled_since=since)
        mirror.write(world.store, agent.name)
        return mirror


def follow_work(world: World, agent: Agent) -> str:
    """Fetch its work where that can be; else return why not, and of when the work is that is here. Who only looks sees
    that one."""
    try:
        pull(world, agent)
    except DeckError as error:
        pulled = Mirror.read(world.store, agent.name).pulled
        age = (
            f"This is its work of {short_duration(time.time() - pulled)} ago." if pulled else "None of it is here yet."
        )
        return f"{error.title} {age}"
    return ""


def is_behind(world: World, agent: Agent, every: float) -> bool:
    """Whether the agent has done something since its work was fetched, as far as is known here; one at work does so all
    the time, and counts as such after `every` seconds."""
    mirror, status = Mirror.read(world.store, agent.name), world.store.status(agent.name)
    if agent.phase is not Phase.HELD:
        return False
    if status.state.is_live and not status.is_idle:
        return time.time() - mirror.pulled > every
    return mirror.pulled_since != status.since


def fetch_commits(world: World, remote: Remote, agent: Agent) -> tuple[str, str]:
    """Let the repository have the agent's last commit, and the one of all that its worktree holds; return both."""
    told = _ask_for_commits(remote, agent, Mirror.read(world.store, agent.name))
    _take_commits(world, remote, agent, told)
    return told["tip"], told["live"]


def _ask_for_commits(remote: Remote, agent: Agent, mirror: Mirror) -> dict[str, Any]:
    """Which commits they are, and what the host has to send for them."""
    have = [each for each in (mirror.tip, mirror.live, agent.worktree.base_commit if agent.worktree else "") if each]
    told = remote.call("pull", agent=agent.name, have=have, timeout=_PULL)
    if not isinstance(told, dict) or not all(bundles.is_commit_id(told.get(kind)) for kind in _KINDS):
        raise UnreachableError(f"{agent.host} does not say where the work of {agent.name} is.")
    return told


def _is_here(world: World, agent: Agent, told: dict[str, Any]) -> bool:
    """Whether all of that is here and in its refs, as in most looks at an agent: one git instead of many."""
    if told.get("size") or told.get("large"):
        return False
    wanted = {_ref(kind, agent.name): str(told[kind]) for kind in _KINDS}
    if agent.worktree and agent.worktree.branch:
        wanted[f"refs/heads/{agent.worktree.branch}"] = str(told["tip"])
    found = world.repo.run("for-each-ref", "--format=%(refname) %(objectname) %(objecttype)", *wanted)
    return set(found.text.splitlines()) == {f"{ref} {commit} commit" for ref, commit in wanted.items()}


def _take_commits(world: World, remote: Remote, agent: Agent, told: dict[str, Any]) -> None:
    with scratch_folder() as scratch:
        if size := int(told.get("size", 0)):
            path = scratch / "bundle"
            download(remote, str(told["key"]), size, path)
            refs = {f"refs/agentdeck/{kind}/{agent.name}": f"refs/agentdeck/got/{kind}/{agent.name}" for kind in _KINDS}
            bundles.take_in(world.repo, path, refs)
            for ref in refs.values():
                world.repo.run("update-ref", "-d", ref)
        _take_large_files(world, remote, told.get("large"), scratch)
    for commit in (told["tip"], told["live"]):
        if world.repo.commit(commit) != commit:
            raise UnreachableError(f"{agent.host} did not send the commit {commit[:12]} of {agent.name}.")


def _take_large_files(world: World, remote: Remote, names: Any, scratch: Path) -> None:
    """Fetch the files of git-lfs that the agent's last commit has and this repository has not."""
    for name in names if isinstance(names, list) else []:
        if not large_files.is_name(str(name)) or large_files.place(world.repo.common, name).exists():
            continue
        path = private_folder(large_files.place(scratch, name).parent) / name
        with path.open("wb") as file:
            while file.tell() <= _MOST and (
                data := base64.b64decode(str(remote.call("large_part", name=name, offset=file.tell(), timeout=60)))
            ):
                file.write(data)
        take(scratch / FOLDER, world.repo.common)  # only what is what its name says


def _ref(kind: str, name: str) -> str:
    return f"refs/agentdeck/{kind}/{name}"


def live_ref(name: str) -> str:
    """The ref with the commit of all that the agent's worktree held when it was fetched last."""
    return _ref("live", name)


def download(remote: Remote, key: str, size: int, path: Path) -> None:
    """Bring a file here that the host has put there for us."""
    if size > _MOST:
        raise UnreachableError(f"{remote.spec.name} has more to send than can be.")
    with path.open("wb") as file:
        while file.tell() < size:
            data = base64.b64decode(str(remote.call("part", key=key, offset=file.tell(), timeout=60)))
            if not data:
                raise UnreachableError(f"{remote.spec.name} sent less than it said.")
            file.write(data)


def _follow_tip(world: World, agent: Agent, old: str, new: str, note: Note) -> None:
    """Move the agent's branch here to its last commit, unless a person has moved it or works on it."""
    lease = agent.worktree
    branch = lease.branch if lease else ""
    now = world.repo.commit(f"refs/heads/{branch}") if branch else None
    if not branch or now == new:
        return
    expected = old or (lease.base_commit if lease else "")
    if now not in (None, expected) and not world.repo.run("merge-base", "--is-ancestor", now, new):
        text = f"its branch {branch} was moved here, so its work on {agent.host} is in {_ref('tip', agent.name)} only"
        world.note(Event(EventKind.WARNING, agent.name, text), note)
    elif any(tree.path.is_dir() and not tree.bare for tree in trees_on(world.repo, branch)):
        text = f"its branch {branch} is checked out here, so its work on {agent.host} is in {_ref('tip', agent.name)}"
        world.note(Event(EventKind.WARNING, agent.name, text), note)
    else:
        zero = "0" * len(new)
        world.repo.git("update-ref", "-m", f"agentdeck: from {agent.host}", f"refs/heads/{branch}", new, now or zero)


@contextmanager
def _alone(world: World, host: str) -> Iterator[None]:
    """Several processes may look at once; what one has written the next one must see."""
    folder = private_folder(world.store.folder / "fleet")
    with locked(folder / f"{host}.lock", wait=30, what=f"the host {host}"):
        yield
