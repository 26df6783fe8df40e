"""Move a branch from one commit to another by compare-and-swap, and the worktree along that has it checked out.

Three things change: files, the ref, the index. The files come first and the ref decides: a move that was cut short is
put back by `settle` where the ref is old, and finished where it is new. While it lasts we hold git's own `index.lock`
of that worktree, so that no commit can be made there of a state in between.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from agentdeck.errors import BusyError, RefusedError
from agentdeck.system import snapshots
from agentdeck.system.checkouts import Worktree, list_worktrees
from agentdeck.system.files import is_locked, locked, private_folder, write_json
from agentdeck.system.git import Repository
from agentdeck.system.process import uninterrupted
from agentdeck.system.submodules import follow_submodules

_OURS = b"agentdeck moves this worktree's branch\n"
"""What our `index.lock` says, so that one which a crash left behind is known."""
_INDEX = "agentdeck-index"
_REFUSALS = ("Cannot merge", "would be overwritten", "would lose untracked", "would be removed")
"""What git says where it leaves all files as they are; anything else may have come when it was half-way."""
_PATIENCE = 10.0
"""Seconds to wait for another git to let go of the worktree's index."""
_UNFINISHED = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}


class MovedError(RefusedError):
    """The branch is not at the commit any more that it was to be moved from."""


class _InTheWayError(RefusedError):
    """git refused to touch any file, because of what someone changed there."""


@dataclass(frozen=True, slots=True)
class Move:
    branch: str
    old: str
    new: str

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.branch}"


@dataclass(frozen=True, slots=True)
class Settled:
    """A move that a crash had cut short, and what became of it."""

    move: Move
    done: bool
    """Whether the branch is at the new commit; else it is as it was."""
    saved: str = ""
    """The snapshot of what was in the way in the worktree; empty where nothing was."""


@contextlib.contextmanager
def holding(repo: Repository, branch: str, *, wait: float = 0.0) -> Iterator[None]:
    """Be the only one, over all processes, who moves `branch`; raise BusyError after `wait` seconds."""
    with locked(_file(repo, branch, "lock"), wait=wait, what=f"the branch {branch}"):
        yield


def is_held(repo: Repository, branch: str) -> bool:
    return is_locked(_file(repo, branch, "lock"))


def holder_of(repo: Repository, branch: str) -> Worktree | None:
    """The worktree that has `branch` checked out and would have to follow; None where none has."""
    holders = [tree for tree in list_worktrees(repo) if tree.branch == branch and not tree.bare and tree.path.is_dir()]
    if len(holders) > 1:
        raise RefusedError(
            f"{branch} is checked out in more than one worktree: {', '.join(str(tree.path) for tree in holders)}.",
            hint="Check out something else in all but one of them.",
        )
    return holders[0] if holders else None


def check(repo: Repository, move: Move) -> None:
    """Raise RefusedError where the move would touch what someone changed in the branch's worktree; change nothing."""
    _check_not_rebased(repo, move.branch)
    worktree = holder_of(repo, move.branch)
    if worktree is None:
        return
    for name, what in _UNFINISHED.items():
        if (worktree.git_dir / name).exists():
            raise RefusedError(
                f"{what.capitalize()} of {move.branch} is under way in {worktree.path}.",
                hint="Finish or abort it there first.",
            )
    with _copied_index(worktree) as index:
        _try_files(repo.at(worktree.path), worktree, index, move, dry=True)


def advance(repo: Repository, move: Move, reason: str) -> None:
    """Do the move; the caller is `holding` the branch. The same again changes nothing.

    Raise MovedError, with nothing changed, where the branch is elsewhere by now; RefusedError as `check` does.
    """
    now = repo.commit(move.ref)
    if now == move.new:
        return
    if now != move.old:
        raise MovedError(f"The branch {move.branch} has moved on to {(now or 'nothing')[:12]}.", hint="Try again.")
    check(repo, move)
    worktree = holder_of(repo, move.branch)
    if worktree is None:
        _swap(repo, move, reason)
        return
    journal = _file(repo, move.branch, "move.json")
    with uninterrupted():
        write_json(journal, {**asdict(move), "worktree": str(worktree.path), "git_dir": str(worktree.git_dir)})
        try:
            with _index_lock(worktree):
                _follow(repo, worktree, move, reason)
        except RefusedError:
            journal.unlink()
            raise
        follow_submodules(repo.at(worktree.path), move.old, move.new)
        journal.unlink()
    repo.at(worktree.path).run("hook", "run", "--ignore-missing", "post-merge", "--", "0")


def _follow(repo: Repository, worktree: Worktree, move: Move, reason: str) -> None:
    """Files, then the ref, then the index. After a RefusedError all is as before; any other error leaves the journal,
    and so the rest to `settle`."""
    here, index = repo.at(worktree.path), worktree.git_dir / _INDEX
    _copy_index(worktree, index)
    try:
        _try_files(here, worktree, index, move)
    except _InTheWayError:
        index.unlink(missing_ok=True)
        raise
    except RefusedError:
        _put(repo, worktree, move, target=move.old)
        raise
    try:
        _swap(here, move, reason)
    except BaseException:
        _put(repo, worktree, move, target=move.old)
        raise
    index.replace(worktree.git_dir / "index")


def unsettled(repo: Repository) -> list[Path]:
    """The journals of moves that nobody is at any more; costs a look into one folder."""
    folder = _folder(repo)
    if not folder.is_dir():
        return []
    return [
        path for path in folder.glob("*.move.json") if not is_locked(folder / path.name.replace("move.json", "lock"))
    ]


def settle(repo: Repository) -> list[Settled]:
    """Bring every move that a crash cut short to one of its ends; what others are at is left to them."""
    found = []
    for journal in unsettled(repo):
        with contextlib.suppress(BusyError, FileNotFoundError), holding(repo, _branch_of(journal)):
            found.append(_settle(repo, journal))
    return found


def _settle(repo: Repository, journal: Path) -> Settled:
    facts = json.loads(journal.read_text("utf-8"))
    move = Move(facts["branch"], facts["old"], facts["new"])
    git_dir = Path(facts["git_dir"])
    worktree = next((tree for tree in list_worktrees(repo) if tree.git_dir == git_dir and tree.path.is_dir()), None)
    now, saved = repo.commit(move.ref), ""
    if worktree is not None:
        _clear_locks(worktree)
        # Where someone has set the branch elsewhere since, they have also set the files.
        if worktree.branch == move.branch and now in (move.old, move.new):
            saved = _put(repo, worktree, move, target=now)
            if now == move.new:
                follow_submodules(repo.at(worktree.path), move.old, move.new)
    journal.unlink()
    return Settled(move, now == move.new, saved)


def _branch_of(journal: Path) -> str:
    return str(json.loads(journal.read_text("utf-8"))["branch"])


def _folder(repo: Repository) -> Path:
    return repo.common / "agentdeck" / "bases"


def _file(repo: Repository, branch: str, kind: str) -> Path:
    name = hashlib.sha256(branch.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return private_folder(_folder(repo)) / f"{name}.{kind}"


def _swap(here: Repository, move: Move, reason: str) -> None:
    done = here.run("update-ref", "-m", reason, move.ref, move.new, move.old)
    if not done:
        now = here.commit(move.ref)
        if now != move.old:
            raise MovedError(f"The branch {move.branch} has moved on to {(now or 'nothing')[:12]}.", hint="Try again.")
        raise RefusedError(f"The branch {move.branch} can't be moved.", detail=done.complaint)


def _check_not_rebased(repo: Repository, branch: str) -> None:
    for worktree in list_worktrees(repo):
        for kind in ("rebase-merge", "rebase-apply"):
            head = worktree.git_dir / kind / "head-name"
            if head.exists() and head.read_text("utf-8", "surrogateescape").strip() == f"refs/heads/{branch}":
                raise RefusedError(
                    f"A rebase of {branch} is under way in {worktree.path}.", hint="Finish or abort it there first."
                )


def _try_files(here: Repository, worktree: Worktree, index: Path, move: Move, *, dry: bool = False) -> None:
    """Make `index`, and unless `dry` the files, those of the new commit; raise RefusedError where changes are in the
    way, with nothing changed."""
    _check_untracked(here, index, move)
    env = {"GIT_INDEX_FILE": str(index), "GIT_DIR": str(worktree.git_dir), "GIT_WORK_TREE": str(worktree.path)}
    here.run("update-index", "-q", "--refresh", env=env)
    words = ["-c", "submodule.recurse=false", "read-tree", "-m", "-u", *(["--dry-run"] if dry else [])]
    done = here.run(*words, move.old, move.new, env=env)
    if done:
        return
    if any(refusal in done.complaint for refusal in _REFUSALS):
        raise _InTheWayError(
            f"{move.branch} is checked out in {worktree.path} with changes that this would touch.",
            detail=done.complaint,
            hint="Commit them or stash them there; nothing was changed.",
        )
    raise RefusedError(
        f"The files of {move.branch} can't be written in {worktree.path}; they are as they were.",
        detail=done.complaint,
        hint="Where a filter of the repository failed, or the disk is full, mend that first.",
    )


def _check_untracked(here: Repository, index: Path, move: Move) -> None:
    """Raise RefusedError where a file that git ignores lies at a path that comes with the new commit: git would put
    its own over it."""
    added = here.git("diff-tree", "-r", "-z", "--no-renames", "--diff-filter=A", "--name-only", move.old, move.new)
    there = [name for name in added.split("\0") if name and os.path.lexists(here.folder / name)]
    if not there:
        return
    known = here.run("ls-files", "-z", env={"GIT_INDEX_FILE": str(index)}).text.split("\0")
    foreign = sorted(set(there) - set(known))
    if foreign:
        raise _InTheWayError(
            f"{here.folder} has files of its own where {move.branch} is about to get some.",
            detail="\n".join(foreign[:20]),
            hint="Move them away; nothing was changed.",
        )


@contextlib.contextmanager
def _copied_index(worktree: Worktree) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="agentdeck-", ignore_cleanup_errors=True) as scratch:
        index = Path(scratch, "index")
        _copy_index(worktree, index)
        yield index


def _copy_index(worktree: Worktree, to: Path) -> None:
    to.unlink(missing_ok=True)
    if (worktree.git_dir / "index").exists():
        # With its time, by which git tells the entries that it can't trust.
        shutil.copy2(worktree.git_dir / "index", to)


@contextlib.contextmanager
def _index_lock(worktree: Worktree) -> Iterator[None]:
    """Hold git's own lock on the worktree's index."""
    path, mine = worktree.git_dir / "index.lock", worktree.git_dir / f"{_INDEX}-ours"
    mine.write_bytes(_OURS)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            # Linked and not created: so it never is there without saying whose it is.
            path.hardlink_to(mine)
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                raise BusyError(
                    f"Another git is at work in {worktree.path}.",
                    hint=f"If none is, a crash left its lock behind: rm '{path}'",
                ) from None
            time.sleep(0.02)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        mine.unlink(missing_ok=True)


def _clear_locks(worktree: Worktree) -> None:
    """Take away what a killed move left: first wait for its git, which outlives it by a moment."""
    theirs = worktree.git_dir / f"{_INDEX}.lock"
    deadline = time.monotonic() + _PATIENCE
    while theirs.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    theirs.unlink(missing_ok=True)
    lock = worktree.git_dir / "index.lock"
    if lock.exists() and lock.read_bytes() == _OURS:
        lock.unlink()
    (worktree.git_dir / f"{_INDEX}-ours").unlink(missing_ok=True)


def _put(repo: Repository, worktree: Worktree, move: Move, *, target: str) -> str:
    """Make the files and index entries of all paths of the move those of `target`.

    Where one of them holds what neither commit has, the worktree is saved first; return that snapshot's ref.
    """
    here = repo.at(worktree.path)
    (worktree.git_dir / _INDEX).unlink(missing_ok=True)
    sides = {side: _blobs(here, move, side) for side in (move.old, move.new)}
    paths = sorted({*sides[move.old], *sides[move.new]})
    saved = ""
    if any(_is_foreign(here, path, sides[move.old].get(path), sides[move.new].get(path)) for path in paths):
        saved = f"refs/agentdeck/trash/worktree/{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{target[:8]}"
        snapshots.take(repo, worktree.path, saved, message=f"agentdeck: {worktree.path} after a move was cut short")
    there = [path for path in paths if path in sides[target]]
    gone = [path for path in paths if path not in sides[target]]
    literal = ("--literal-pathspecs", "-c", "submodule.recurse=false")
    # Our lock, where we hold it, is no other git's.
    held = worktree.git_dir / "index.lock"
    ours = held.exists() and held.read_bytes() == _OURS
    if ours:
        held.unlink()
    if gone:
        stdin = os.fsencode("\0".join(gone))
        here.git(
            *literal, "rm", "-rfq", "--cached", "--ignore-unmatch", "--pathspec-from-file=-", "--pathspec-file-nul",
            stdin=stdin,
        )  # fmt: skip
        for path in gone:
            _delete(here.folder, path)
    if there:
        stdin = os.fsencode("\0".join(there))
        # Those that are left out of a sparse checkout too, which would else make git refuse all of them.
        words = (
            "checkout",
            "-q",
            "--ignore-skip-worktree-bits",
            target,
            "--pathspec-from-file=-",
            "--pathspec-file-nul",
        )
        here.git(*literal, *words, stdin=stdin)
    if here.run("config", "--type=bool", "--get", "core.sparseCheckout").text.strip() == "true":
        here.run("sparse-checkout", "reapply")
    if ours:
        held.write_bytes(_OURS)
    return saved


def _blobs(here: Repository, move: Move, side: str) -> dict[str, str]:
    """Path to object id, on one side of the move, of what the move touches."""
    listed = here.git("diff-tree", "-r", "-z", "--no-renames", "--no-abbrev", move.old, move.new).split("\0")
    found = {}
    for head, path in zip(listed[::2], listed[1::2], strict=False):
        old_mode, new_mode, old, new, _ = head.lstrip(":").split()
        mode, oid = (old_mode, old) if side == move.old else (new_mode, new)
        if oid.strip("0") and mode != "160000":
            found[path] = oid
    return found


def _is_foreign(here: Repository, path: str, *known: str | None) -> bool:
    target = here.folder / path
    if target.is_symlink():
        hashed = here.run("hash-object", "--stdin", stdin=os.fsencode(target.readlink()))
    elif target.is_file():
        hashed = here.run("hash-object", "--path", path, "--", target)
    else:
        return target.is_dir() and any(target.iterdir())
    return hashed.text.strip() not in known


def _delete(top: Path, path: str) -> None:
    """Delete a file, and the folders that are empty without it."""
    target = top / path
    with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
        target.unlink()
    for folder in target.parents:
        if folder == top:
            return
        try:
            folder.rmdir()
        except OSError:
            return
