"""Both sides of each place in which an agent conflicts with another one or with a branch: who wrote what, for what."""

from __future__ import annotations

from collections.abc import Iterator

from agentdeck.core.agents.agent import Agent
from agentdeck.core.merging.conflicts import Conflict, Hunk, Sides
from agentdeck.engine.records.landings import Entry, Landings, Stage
from agentdeck.engine.records.steps import Steps
from agentdeck.engine.views.radar import Collision, CollisionPlace, LineOwner
from agentdeck.engine.worktrees.heads import fetched, work_of
from agentdeck.engine.world import World
from agentdeck.errors import NotFoundError, RefusedError
from agentdeck.system.git import blame
from agentdeck.system.git.blame import LineAuthor
from agentdeck.system.git.mergetree import merge, merge_base, sides_of
from agentdeck.system.git.repository import Repository
from agentdeck.system.git.wholework import look_once

_LANDINGS = 100
"""Landings, the newest, in which an agent is looked for that landed a commit."""


def collision(world: World, name: str, other: str, *, is_agent: bool) -> Collision:
    """Merge all that the agent `name` has, committed or not, with all that the agent or the branch `other` has."""
    agent = _agent(world, name)
    with world.repo.objects_aside() as repo:
        ours = _whole(world, repo, agent)
        rival = _agent(world, other) if is_agent else None
        theirs = _whole(world, repo, rival) if rival is not None else repo.commit(f"refs/heads/{other}")
        if theirs is None:
            raise NotFoundError(f"There is no branch “{other}” to compare {name} with.")
        merged = merge(repo, ours, theirs)
        sides = sides_of(repo, merged, ours, theirs)
        owners = None if is_agent else _Owners(world, repo, other, merge_base(repo, ours, theirs), theirs)
        places = [place for each in merged.conflicts for place in _places(each, sides.get(each.path, ()), owners)]
    return Collision(name, agent.task, other, is_agent, rival.task if rival is not None else "", tuple(places))


def _agent(world: World, name: str) -> Agent:
    agent = world.store.agent(name)
    if agent is None:
        raise NotFoundError(f"There is no agent “{name}” in this deck.")
    return agent


def _whole(world: World, repo: Repository, agent: Agent) -> str:
    """The commit of all that the agent has; what of it is not committed lies among the objects of `repo`."""
    if agent.host:
        return fetched(world, agent)[2]
    work = work_of(world, agent)
    if work.tip is None:
        raise RefusedError(f"{agent.name} has no commit to compare.")
    if work.worktree is None or not work.worktree.path.is_dir():
        return work.tip
    return look_once(repo, work.worktree, work.tip).commit


def _places(conflict: Conflict, sides: tuple[Sides, ...], owners: _Owners | None) -> Iterator[CollisionPlace]:
    if not sides:
        found = owners.of_path(conflict.path) if owners is not None else ()
        yield CollisionPlace(conflict.path, conflict.kind, conflict.text, owners=found)
    for each in sides:
        yield CollisionPlace(
            conflict.path,
            conflict.kind,
            conflict.text,
            each.hunk,
            _text(each.ours),
            _text(each.theirs),
            owners.of_lines(conflict.path, each.hunk) if owners is not None else (),
        )


def _text(lines: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(line.decode("utf-8", "replace") for line in lines)


class _Owners:
    """Says who wrote what of a branch since it was left."""

    def __init__(self, world: World, repo: Repository, branch: str, begin: str, end: str) -> None:
        self._world, self._repo, self._begin, self._end = world, repo, begin, end
        self._entries = [
            entry
            for landing in reversed(Landings(world.store).all()[-_LANDINGS:])
            for entry in landing.entries
            if entry.stage is Stage.LANDED and entry.base == branch and entry.new
        ]
        self._known: dict[str, LineOwner] = {}
        self._commits: dict[str, frozenset[str]] = {}

    def of_lines(self, path: str, hunk: Hunk) -> tuple[LineOwner, ...]:
        found = blame.authors(self._repo, self._end, path, [(hunk.theirs_start, hunk.theirs_count)])
        return tuple(map(self._owner, found)) or self.of_path(path)

    def of_path(self, path: str) -> tuple[LineOwner, ...]:
        found = blame.last_change(self._repo, self._begin, self._end, path)
        return (self._owner(found),) if found is not None else ()

    def _owner(self, by: LineAuthor) -> LineOwner:
        if by.commit not in self._known:
            entry = next((each for each in self._entries if by.commit in self._landed(each)), None)
            agent = self._world.store.agent(entry.agent) if entry is not None else None
            self._known[by.commit] = LineOwner(
                by.commit,
                by.author,
                by.subject,
                entry.agent if entry is not None else "",
                agent.task if agent is not None else "",
                self._step(entry) if entry is not None else 0,
            )
        return self._known[by.commit]

    def _landed(self, entry: Entry) -> frozenset[str]:
        """The commits that this landing brought."""
        if entry.new not in self._commits:
            told = self._repo.run("rev-list", f"{entry.old}..{entry.new}")
            self._commits[entry.new] = frozenset(told.text.split())
        return self._commits[entry.new]

    def _step(self, entry: Entry) -> int:
        steps = Steps(self._world.store).all() if entry.step else []
        return next((step.number for step in steps if step.number == entry.step and not step.undone), 0)
