"""Save a worktree, and all worktrees of the repository that lie in it, while it is moved out of its place.

What is saved is what was moved: it is compared after the move, when nobody reaches the files by their path any more.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from agentdeck.core.frozen import dataclass, replace
from agentdeck.errors import RefusedError
from agentdeck.system.git import snapshots
from agentdeck.system.git.checkouts import Worktree, worktrees_in
from agentdeck.system.git.going import Departure, check_can_move
from agentdeck.system.git.identity import Standing, identify
from agentdeck.system.git.repository import Repository

_SHOWN = 6
"""Paths and processes that are told."""


@dataclass(frozen=True, slots=True)
class Inner:
    """A worktree of the same repository inside the one that goes; a sub-agent's, most often."""

    path: str
    """Relative to the outer worktree."""
    ref: str
    """Its snapshot's."""
    locked: str | None
    """Why it was locked, perhaps “”; None where it was not."""


def inner_worktrees(repo: Repository, worktree: Worktree, departure: Departure | None = None) -> list[Worktree]:
    """The worktrees of the repository that lie in `worktree`, the outer before the inner; also those that were moved
    out of their place with it."""
    there = [
        other
        for other in worktrees_in(repo, worktree.path)
        if other.path.is_dir() or (departure is not None and departure.has(other.git_dir))
    ]
    return sorted(there, key=lambda other: len(other.path.parts))


def take_out(
    departure: Departure,
    worktree: Worktree,
    ref: str,
    *,
    message: str,
    ignored: bool,
    branches: Iterable[str] = (),
    strict: bool = True,
) -> list[Inner]:
    """Save the worktree and its `branches` under `ref`, those inside it under `ref-1` and so on, and move its folder
    out of its place. What lies there and is not the worktree is left; of a link to it, the link is moved.

    Raise RefusedError where it can't be saved, and, if `strict`, where something goes on writing there; what was done
    by then is for `Departure.put_back`.
    """
    if worktree.git_dir == departure.repo.common:
        raise RefusedError(f"{worktree.path} is the repository's main worktree and can't be removed.")
    found, place = identify(worktree.path, worktree.git_dir), departure.place
    is_link = found.standing is Standing.LINKED or (place is not None and place.is_symlink())
    trees = [worktree, *(() if is_link else inner_worktrees(departure.repo, worktree, departure))]
    saving = _Saving(departure, ref, message, ignored, tuple(branches))
    for tree in trees:
        departure.mark(tree)
    before: list[snapshots.Snapshot] = []
    if place is None:
        if not found.is_ours or os.path.realpath(worktree.path) != os.path.realpath(departure.home):
            saving.save([worktree])
            return []
        if not is_link:
            check_can_move(worktree.path)
        facts = worktree.path.lstat()
        before = saving.save(trees)
        place = departure.move_out()
        if not os.path.samestat(facts, place.lstat()):
            raise RefusedError(f"Another folder appeared at {worktree.path}, so it was not removed.")
    moved = [
        replace(tree, path=place / os.path.relpath(tree.path, worktree.path), home=tree.home or tree.path)
        for tree in trees
    ]
    # Twice: what wrote by the path is shut out by the first.
    for _ in range(2):
        now = saving.save(moved)
        if now == before:
            break
        last, before = before, now
    else:
        if strict:
            raise still_written(departure.home, place, _changed(departure.repo, last, now))
    return [
        Inner(os.path.relpath(tree.path, worktree.path), saved.ref, tree.locked)
        for tree, saved in zip(trees[1:], now[1:], strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Saving:
    departure: Departure
    ref: str
    message: str
    ignored: bool
    branches: tuple[str, ...]
    """Those of the outer worktree; one that lies in it has its own."""

    def save(self, trees: list[Worktree]) -> list[snapshots.Snapshot]:
        refs = [self.ref, *(f"{self.ref}-{number}" for number in range(1, len(trees)))]
        return [
            snapshots.take_of(
                self.departure.repo,
                tree,
                ref,
                message=self.message,
                ignored=self.ignored,
                branches=self.branches if ref == self.ref else (),
            )
            for tree, ref in zip(trees, refs, strict=True)
        ]


def _changed(repo: Repository, before: list[snapshots.Snapshot], now: list[snapshots.Snapshot]) -> list[str]:
    """The paths that differ, as far as they are files."""
    found = []
    for old, new in zip(before, now, strict=True):
        names = repo.git("diff-tree", "-r", "-z", "--name-only", "--no-renames", old.work_tree, new.work_tree)
        found += names.split("\0")[:-1]
    return found


def still_written(home: Path, place: Path, changed: list[str]) -> RefusedError:
    """For the worktree of `home`, which lies at `place` now."""
    at_work = processes_in(place)
    told = [f"{name} (pid {pid})" for pid, name in at_work[:_SHOWN]]
    stop = f"Stop {', '.join(told)}, then try again: kill {' '.join(str(pid) for pid, _ in at_work[:_SHOWN])}"
    return RefusedError(
        f"{home} is still being written to, so it was not removed.",
        detail="\n".join(changed[:_SHOWN]),
        hint=stop if at_work else "Stop the processes that write to it, then try again.",
    )


def processes_in(folder: Path) -> list[tuple[int, str]]:
    """The processes that work in `folder`: pid and name of each."""
    import psutil

    own, found = f"{os.path.realpath(folder)}/", []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error, OSError):
            places = [process.cwd(), *(file.path for file in process.open_files())]
            if process.pid != os.getpid() and any(f"{place}/".startswith(own) for place in places):
                found.append((process.pid, str(process.info["name"])))
    return found
