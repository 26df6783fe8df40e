"""The conflict radar: which agents will collide with one another or with their base, before they do.

What each agent's worktree holds becomes a commit (system/git/wholework.py), and each two of these are merged in memory.
Answers are kept in `<store>/radar/` by the ids of what was merged, so only what changed is computed again, also by
another process.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import dataclass
from agentdeck.core.merging.conflicts import Conflict
from agentdeck.core.merging.radar import Pair, RadarReport, Verdict, order_of
from agentdeck.engine import roster
from agentdeck.engine.radar.marks import write_marks
from agentdeck.engine.radar.memory import Memory
from agentdeck.engine.views import AgentView
from agentdeck.engine.worktrees.heads import fetched
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import DeckError
from agentdeck.system.files.files import locked
from agentdeck.system.git.checkouts import Worktree, list_worktrees
from agentdeck.system.git.mergetree import changed_paths, folders_of, merge_base, merge_many, unrelated_hint, with_hunks
from agentdeck.system.git.staging import left_out
from agentdeck.system.git.wholework import WholeWork, Workshop

_WAIT = 30.0
"""Seconds to wait for another process that looks at this deck just now."""
_AT_ONCE = 40
"""Merges of which the conflicting files are in memory at one time."""
_WORKERS = min(8, (os.cpu_count() or 2) + 2)

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class _Side:
    """One agent, as far as it could be looked at."""

    name: str
    commit: str
    base: str
    """The name of the branch it lands on; empty where that is gone."""
    tip: str
    """That branch's commit; empty where it is gone."""


class Radar:
    """Looks at the agents of one deck. One caller at a time; a second one, in whatever process, waits."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._folder = world.store.folder / "radar"
        self._shop = Workshop(world.repo, self._folder)
        self._memory = Memory(self._folder / "memory.json")
        self._mutex = threading.Lock()
        self._cancelled = threading.Event()
        self._folders_of: dict[str, list[str]] = {}
        self.looked = 0
        """Worktrees that the last scan found changed."""
        self.merged = 0
        """Pairs that the last scan had to merge."""

    def cancel(self) -> None:
        """Make a scan that runs in another thread end soon, with a DeckError."""
        self._cancelled.set()

    def scan(
        self, views: Sequence[AgentView], note: Note = silent, *, changed: Collection[str] | None = None
    ) -> RadarReport:
        """Compare each of `views`, which should be all that have something to land, with its base and each other.

        `changed` are the agents whose worktrees may have changed since this Radar's last scan, None where that is not
        known. New conflicts, and those that ended, are noted as events once. Raise BusyError where another process
        looks for very long.
        """
        if not views and not self._folder.exists():
            return RadarReport((), (), (), (), {}, time.time())  # nothing is made in a repository that was never used
        with self._mutex, locked(self._folder / "lock", wait=_WAIT, what="the conflict radar"):
            self._cancelled.clear()
            self._memory.load()
            if not self._shop.open():
                self._memory.clear()
            report = self._scan(views, changed)
            if self._is_broken():
                # What is kept leans on objects of the repository that were collected as garbage meanwhile.
                self._shop.clear()
                self._shop.open()
                self._memory.clear()
                report = self._scan(views, None)
            self._tell(report, note)
            self._memory.prune(set(self._world.store.names()))
            self._shop.forget(set(self._memory.wholes))
            self._memory.save()
            write_marks(self._world, report, views)
        return report

    def _scan(self, views: Sequence[AgentView], changed: Collection[str] | None) -> RadarReport:
        at = time.time()
        problems: dict[str, list[str]] = {}
        sides = self._sides(views, changed, problems)
        self._memory.live = {side.commit for side in sides} | {side.tip for side in sides}
        wanted = [(side.commit, side.tip) for side in sides if side.tip]
        self._find_forks(wanted)
        couples = [(one, other) for number, one in enumerate(sides) for other in sides[number + 1 :]]
        self._merge(wanted + [(one.commit, other.commit) for one, other in couples])
        self._find_changes(self._own_work(sides))
        apart = [(one, other) for one, other in couples if one.base != other.base and self._own(one) & self._own(other)]
        self._find_forks([(one.commit, other.commit) for one, other in apart])
        self._find_changes(
            (self._memory.forks[one.commit, other.commit], side.commit) for one, other in apart for side in (one, other)
        )
        base = [pair for side in sides if (pair := self._against_base(side, problems))]
        pairs = [pair for one, other in couples if (pair := self._against(one, other, problems))]
        names = tuple(side.name for side in sides)
        return RadarReport(
            agents=tuple(view.name for view in views),
            base=tuple(base),
            pairs=tuple(pairs),
            order=order_of(names, base, pairs),
            problems={name: "; ".join(dict.fromkeys(texts)) for name, texts in problems.items()},
            at=at,
        )

    # What the agents hold

    def _sides(
        self, views: Sequence[AgentView], changed: Collection[str] | None, problems: dict[str, list[str]]
    ) -> list[_Side]:
        worktrees = {os.path.realpath(worktree.git_dir): worktree for worktree in list_worktrees(self._world.repo)}
        tips = self._tips()
        self.looked = 0

        def look(view: AgentView) -> WholeWork | str:
            try:
                return self._look(view, _worktree_of(view, worktrees), tips.get(view.branch), changed)
            except DeckError as error:
                return error.title

        sides = []
        for view, whole in zip(views, self._spread(look, views), strict=True):
            if isinstance(whole, str):
                problems.setdefault(view.name, []).append(whole)
                self._memory.wholes.pop(view.name, None)
                continue
            if whole.note:
                problems.setdefault(view.name, []).append(whole.note)
            if whole.repositories:
                problems.setdefault(view.name, []).append(left_out(whole.repositories))
            before = self._memory.wholes.get(view.name)
            self.looked += before is None or before.commit != whole.commit
            self._memory.wholes[view.name] = whole
            tip = tips.get(view.base) or (self._world.repo.commit(view.base) if view.base else None)
            if tip is None:
                problems.setdefault(view.name, []).append(f"its base {view.base or 'branch'} is gone")
            sides.append(_Side(view.name, whole.commit, view.base, tip or ""))
        return sides

    def _look(
        self, view: AgentView, worktree: Worktree | None, tip: str | None, changed: Collection[str] | None
    ) -> WholeWork:
        before = self._memory.wholes.get(view.name)
        if view.host:
            return WholeWork(fetched(self._world, view.agent)[2])
        if worktree is None:
            if tip is None:
                raise DeckError("it no longer has a worktree or a branch")
            return WholeWork(tip, "its worktree is gone: only its commits are compared")
        if changed is not None and view.name not in changed and before is not None and before.ours:
            return before
        return self._shop.look(view.name, worktree, tip, before)

    def _tips(self) -> dict[str, str]:
        listed = self._world.repo.lines("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads")
        return {name.removeprefix("refs/heads/"): oid for oid, _, name in (line.partition(" ") for line in listed)}

    def _spread(self, act: Callable[[In], Out], items: Sequence[In]) -> list[Out]:
        """Do it for all of them, several at a time: each waits for a git most of the while."""

        def one(item: In) -> Out:
            if self._cancelled.is_set():
                raise DeckError("The comparison was cancelled.")
            return act(item)

        if len(items) <= 1:
            return [one(item) for item in items]
        with ThreadPoolExecutor(_WORKERS) as pool:
            return list(pool.map(one, items))

    def places(self, views: Sequence[AgentView]) -> dict[Path, str]:
        """The folders in which a change may alter what the next scan finds, with the agent it belongs to; “” where it
        may be any. A folder stands for what lies in it itself, not deeper."""
        common = self._world.repo.common
        heads = common / "refs" / "heads"
        found = {common: "", common / "reftable": "", self._world.store.folder / "agents": ""}
        found |= {Path(folder): "" for folder, _, _ in os.walk(heads)}
        worktrees = {os.path.realpath(worktree.git_dir): worktree for worktree in list_worktrees(self._world.repo)}
        for view in views:
            worktree = _worktree_of(view, worktrees)
            if worktree is None or not worktree.path.is_dir():
                continue
            found[worktree.git_dir] = found[worktree.git_dir / "reftable"] = found[worktree.path] = view.name
            whole = self._memory.wholes.get(view.name)
            for folder in self._folders(whole.tree) if whole and whole.tree else ():
                found[worktree.path / folder] = view.name
        return {path: name for path, name in found.items() if path.is_dir()}

    def _folders(self, tree: str) -> list[str]:
        if tree not in self._folders_of:
            self._folders_of[tree] = folders_of(self._world.repo, tree, self._shop.env)
        return self._folders_of[tree]

    # What they changed

    def _find_forks(self, pairs: Iterable[tuple[str, str]]) -> None:
        unknown = [pair for pair in dict.fromkeys(pairs) if pair not in self._memory.forks]
        found = self._spread(lambda pair: merge_base(self._world.repo, *pair, self._shop.env), unknown)
        self._memory.forks.update(zip(unknown, found, strict=True))

    def _find_changes(self, pairs: Iterable[tuple[str, str]]) -> None:
        unknown = [pair for pair in dict.fromkeys(pairs) if pair not in self._memory.changes and pair[0]]
        found = changed_paths(self._world.repo, unknown, self._shop.env)
        self._memory.changes.update(zip(unknown, found, strict=True))

    def _own_work(self, sides: Iterable[_Side]) -> list[tuple[str, str]]:
        """From where to where each side's own changes go, and its base's meanwhile."""
        forks = self._memory.forks
        return [(forks[side.commit, side.tip], end) for side in sides if side.tip for end in (side.commit, side.tip)]

    def _own(self, side: _Side) -> frozenset[str]:
        return self._changes(self._memory.forks.get((side.commit, side.tip), ""), side.commit)

    def _changes(self, fork: str, end: str) -> frozenset[str]:
        return self._memory.changes.get((fork, end), frozenset())

    # What they come to together

    def _merge(self, pairs: Iterable[tuple[str, str]]) -> None:
        unknown = [pair for pair in dict.fromkeys(pairs) if pair not in self._memory.merges]
        self.merged = len(unknown)
        size = max(_AT_ONCE, -(-len(unknown) // _WORKERS))
        chunks = [unknown[at : at + size] for at in range(0, len(unknown), size)]
        for chunk, found in zip(chunks, self._spread(self._merged, chunks), strict=True):
            self._memory.merges.update(zip(chunk, found, strict=True))

    def _is_broken(self) -> bool:
        """Whether two could not be merged although they have history in common."""
        failed = [
            pair for pair, found in self._memory.merges.items() if found is None and self._memory.live >= set(pair)
        ]
        self._find_forks(failed)
        return any(self._memory.forks[pair] for pair in failed)

    def _merged(self, pairs: list[tuple[str, str]]) -> list[tuple[Conflict, ...] | None]:
        repo, env = self._world.repo, self._shop.env
        found = merge_many(repo, pairs, env)
        unclean = [(each, *pair) for each, pair in zip(found, pairs, strict=True) if each and each.conflicts]
        placed = iter(with_hunks(repo, unclean, env))
        return [None if each is None else next(placed).conflicts if each.conflicts else () for each in found]

    def _against_base(self, side: _Side, problems: dict[str, list[str]]) -> Pair | None:
        if not side.tip:
            return None
        conflicts = self._memory.merges[side.commit, side.tip]
        if conflicts is None:
            problems.setdefault(side.name, []).append(self._unrelated(side.base))
            return None
        fork = self._memory.forks[side.commit, side.tip]
        shared = self._changes(fork, side.commit) & self._changes(fork, side.tip)
        return _pair(side.name, side.base, shared, conflicts)

    def _unrelated(self, other: str) -> str:
        return " ".join(filter(None, (f"it has no history in common with {other}.", unrelated_hint(self._world.repo))))

    def _against(self, one: _Side, other: _Side, problems: dict[str, list[str]]) -> Pair | None:
        conflicts = self._memory.merges[one.commit, other.commit]
        if conflicts is None:
            problems.setdefault(one.name, []).append(self._unrelated(other.name))
            return None
        shared = self._own(one) & self._own(other)
        if shared and one.base != other.base:
            # One may have begun where the other had got to: what it took over is no work of its own.
            fork = self._memory.forks[one.commit, other.commit]
            shared = shared & self._changes(fork, one.commit) & self._changes(fork, other.commit)
        return _pair(one.name, other.name, shared, conflicts)

    # Events

    def _tell(self, report: RadarReport, note: Note) -> None:
        """Note each conflict that is new, and each that has ended, to the agents it concerns."""
        now = {_key(report, pair): pair for pair in (*report.base, *report.pairs)}
        told = self._memory.told
        for key, pair in now.items():
            if pair.verdict is Verdict.CONFLICTS and key not in told:
                told.add(key)
                self._note_conflict(key, pair, note)
            elif pair.verdict is not Verdict.CONFLICTS and key in told:
                told.discard(key)
                self._note_end(key, note)
        for key in [key for key in told if key not in now]:
            kind, a, b = key
            names = (a,) if kind == "base" else (a, b)
            if any(self._is_gone(name) for name in names):
                told.discard(key)
                self._note_end(key, note)

    def _is_gone(self, name: str) -> bool:
        return self._world.store.agent(name) is None or self._world.store.status(name).state is State.LANDED

    def _note_conflict(self, key: tuple[str, str, str], pair: Pair, note: Note) -> None:
        where = ", ".join(conflict.where for conflict in pair.conflicts[:3])
        more = f", and {len(pair.conflicts) - 3} more" if len(pair.conflicts) > 3 else ""
        paths = [conflict.path for conflict in pair.conflicts]
        for name, other in _concerned(key):
            data = {"with": other, "paths": paths}
            self._note(Event(EventKind.RADAR_CONFLICT, name, f"conflicts with {other} in {where}{more}", data), note)

    def _note_end(self, key: tuple[str, str, str], note: Note) -> None:
        for name, other in _concerned(key):
            if self._world.store.agent(name) is not None:
                text = f"no longer conflicts with {other}"
                self._note(Event(EventKind.RADAR_CLEARED, name, text, {"with": other}), note)

    def _note(self, event: Event, note: Note) -> None:
        with contextlib.suppress(FileNotFoundError):  # the agent is being removed
            self._world.note(event, note)


def _key(report: RadarReport, pair: Pair) -> tuple[str, str, str]:
    return ("base" if any(pair is each for each in report.base) else "pair", pair.a, pair.b)


def _concerned(key: tuple[str, str, str]) -> list[tuple[str, str]]:
    kind, a, b = key
    return [(a, b)] if kind == "base" else [(a, b), (b, a)]


def _pair(a: str, b: str, shared: frozenset[str], conflicts: tuple[Conflict, ...]) -> Pair:
    verdict = Verdict.CONFLICTS if conflicts else Verdict.TOUCHES if shared else Verdict.CLEAN
    return Pair(a, b, verdict, tuple(sorted(shared)), conflicts)


def _worktree_of(view: AgentView, worktrees: dict[str, Worktree]) -> Worktree | None:
    lease = view.agent.worktree
    if lease is None:
        return None
    if found := worktrees.get(os.path.realpath(lease.git_dir or "/")):
        return found
    own = os.path.realpath(lease.path)
    return next((each for each in worktrees.values() if os.path.realpath(each.path) == own), None)


def to_land(views: Iterable[AgentView], names: Collection[str] = ()) -> list[AgentView]:
    """Those of `views` that a scan is about: all that have something to land, and those that are asked for."""
    return [view for view in views if view.agent.worktree and (view.state is not State.LANDED or view.name in names)]


def look(world: World, names: Sequence[str] = (), note: Note = silent) -> RadarReport:
    """One scan of the whole deck; what it says of `names`, where some are given."""
    wanted = [roster.agent(world, name).name for name in names]
    report = Radar(world).scan(to_land(roster.agents(world), wanted), note)
    return report.about(wanted) if wanted else report
