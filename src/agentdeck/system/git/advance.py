"""Move a branch from one commit to another by compare-and-swap, and the worktree along that has it checked out.

Three things change: files, the ref, the index. The files come first and the ref decides: a move that was cut short is
put back by `settle` where the ref is old, and finished where it is new.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from agentdeck.core.frozen import asdict, dataclass
from agentdeck.errors import BusyError, RefusedError
from agentdeck.system.files.files import read_note, write_json
from agentdeck.system.git import bases, following, hooks
from agentdeck.system.git.bases import Move
from agentdeck.system.git.checkouts import Worktree, enter, keeps_refs_in_tables, list_worktrees
from agentdeck.system.git.repository import Repository
from agentdeck.system.git.submodules import follow_submodules
from agentdeck.system.machine.interrupts import uninterrupted

_UNFINISHED = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}


@dataclass(frozen=True, slots=True)
class Settled:
    """A move that a crash had cut short, and what became of it."""

    move: Move
    done: bool
    """Whether the branch is at the new commit; else it is as it was."""
    saved: str = ""
    """The snapshot of what was in the way in the worktree; empty where nothing was."""


def check(repo: Repository, move: Move) -> None:
    """Raise RefusedError where the move would touch what someone changed in the branch's worktree; change nothing."""
    worktree = _free_holder(repo, move.branch)
    if worktree is not None:
        following.check_files(repo, worktree, move)


def advance(repo: Repository, move: Move, reason: str) -> None:
    """Do the move; the caller is `holding` the branch. The same again changes nothing.

    Raise MovedError, with nothing changed, where the branch is elsewhere by now; RefusedError as `check` does.
    """
    if repo.commit(move.ref) == move.new:
        return
    bases.check_unmoved(repo, move)
    worktree = _free_holder(repo, move.branch)
    if worktree is None:
        bases.compare_and_swap(repo, move, reason)
        return
    journal = bases.file_of(repo, move.branch, bases.MOVE)
    with uninterrupted():
        write_json(journal, {**asdict(move), "worktree": str(worktree.path), "git_dir": str(worktree.git_dir)})
        try:
            with following.index_lock(worktree):
                _follow(repo, worktree, move, reason)
        except RefusedError:
            journal.unlink()
            raise
        follow_submodules(enter(repo, worktree), move.old, move.new)
        journal.unlink()
    hooks.run(enter(repo, worktree), "post-merge", "0")


def _follow(repo: Repository, worktree: Worktree, move: Move, reason: str) -> None:
    """Files, then the ref, then the index. After a RefusedError all is as before; any other error leaves the journal,
    and so the rest to `settle`."""
    following.write_files(repo, worktree, move)
    try:
        bases.compare_and_swap(enter(repo, worktree), move, reason)
    except BaseException:
        following.put(repo, worktree, move, target=move.old)
        raise
    following.take_index(worktree)


def _free_holder(repo: Repository, branch: str) -> Worktree | None:
    """The worktree that has `branch` checked out and has to follow, None where none has; raise RefusedError where
    several have it, or where it is in the middle of something."""
    trees = list_worktrees(repo)
    for tree in trees:
        for kind in ("rebase-merge", "rebase-apply"):
            head = tree.git_dir / kind / "head-name"
            if head.exists() and head.read_text("utf-8", "surrogateescape").strip() == f"refs/heads/{branch}":
                raise RefusedError(
                    f"A rebase of {branch} is under way in {tree.path}.", hint="Finish or abort it there first."
                )
    holders = [tree for tree in trees if tree.branch == branch and not tree.bare and tree.path.is_dir()]
    if len(holders) > 1:
        raise RefusedError(
            f"{branch} is checked out in more than one worktree: {', '.join(str(tree.path) for tree in holders)}.",
            hint="Check out another branch in all but one of them.",
        )
    for tree in holders:
        if what := _unfinished(repo, tree):
            raise RefusedError(
                f"{what.capitalize()} of {branch} is under way in {tree.path}.", hint="Finish or abort it there first."
            )
    return holders[0] if holders else None


def _unfinished(repo: Repository, tree: Worktree) -> str:
    """What is under way there; empty where nothing is."""
    tables = keeps_refs_in_tables(repo)
    for name, what in _UNFINISHED.items():
        if (tree.git_dir / name).exists() or (tables and name.isupper() and enter(repo, tree).commit(name)):
            return what
    return ""


def settle(repo: Repository) -> list[Settled]:
    """Bring every move that a crash cut short to one of its ends; what others are at is left to them."""
    found = []
    for journal in bases.left(repo.common, bases.MOVE):
        with contextlib.suppress(BusyError, FileNotFoundError):
            move, _ = _begun(journal)
            with bases.holding(repo, move.branch):
                found.append(_settle(repo, journal))
    return found


def _begun(journal: Path) -> tuple[Move, Path]:
    def parse(facts: Any) -> tuple[Move, Path]:
        return Move(*(str(facts[key]) for key in ("branch", "old", "new"))), Path(facts["git_dir"])

    return read_note(journal, "The move of a branch", parse)


def _settle(repo: Repository, journal: Path) -> Settled:
    move, git_dir = _begun(journal)
    worktree = next((tree for tree in list_worktrees(repo) if tree.git_dir == git_dir and tree.path.is_dir()), None)
    now, saved = repo.commit(move.ref), ""
    if worktree is not None:
        following.clear_locks(worktree)
        # Where someone has set the branch elsewhere since, they have also set the files.
        if worktree.branch == move.branch and now in (move.old, move.new):
            saved = following.put(repo, worktree, move, target=now)
            if now == move.new:
                follow_submodules(enter(repo, worktree), move.old, move.new)
    journal.unlink()
    return Settled(move, now == move.new, saved)
