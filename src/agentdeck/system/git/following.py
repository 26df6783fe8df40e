"""The worktree that has a branch checked out follows its move: files and index become those of the other commit.

While that lasts we hold git's own `index.lock` there, so that no commit can be made of a state in between.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

from agentdeck.errors import BusyError, RefusedError
from agentdeck.system.files.files import copy_with_time
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.git.bases import Move
from agentdeck.system.git.checkouts import Worktree, enter, side_by_side
from agentdeck.system.git.repository import Repository
from agentdeck.system.git.treediff import changed

_OURS = b"agentdeck moves this worktree's branch\n"
"""What our `index.lock` says, so that one which a crash left behind is known."""
_INDEX = "agentdeck-index"
"""The index to come, in the worktree's git folder."""
_REFUSALS = ("Cannot merge", "would be overwritten", "would lose untracked", "would be removed")
"""What git says where it leaves all files as they are; anything else may have come when it was half-way."""
_PATIENCE = 10.0
"""Seconds to wait for another git to let go of the worktree's index."""


class _UntouchedError(RefusedError):
    """No file was touched."""


def check_files(repo: Repository, worktree: Worktree, move: Move) -> None:
    """Raise RefusedError where the move would touch what someone changed there; change nothing."""
    with scratch_folder() as scratch:
        _Files(repo, worktree, move, scratch / "index").check()


def write_files(repo: Repository, worktree: Worktree, move: Move) -> None:
    """Make the files those of the new commit, and an index for them, which `take_index` puts in place. Raise
    RefusedError, with nothing changed, as `check_files` does, and where the files can't be written."""
    files = _Files(repo, worktree, move, worktree.git_dir / _INDEX)
    try:
        files.check()
        files.write()
    except _UntouchedError:
        files.index.unlink(missing_ok=True)
        raise
    except RefusedError:
        put(repo, worktree, move, target=move.old)
        raise


def take_index(worktree: Worktree) -> None:
    (worktree.git_dir / _INDEX).replace(worktree.git_dir / "index")


class _Files:
    """The worktree's files, and at `index` a copy of its index, which goes ahead of the worktree's own."""

    def __init__(self, repo: Repository, worktree: Worktree, move: Move, index: Path) -> None:
        self.index = index
        self._here, self._move = enter(repo, worktree), move
        places = {"GIT_INDEX_FILE": index, "GIT_DIR": worktree.git_dir, "GIT_WORK_TREE": worktree.path}
        self._env = {name: str(path) for name, path in places.items()}
        index.unlink(missing_ok=True)
        if (worktree.git_dir / "index").exists():
            # With its time, by which git tells the entries that it can't trust.
            copy_with_time(worktree.git_dir / "index", index)

    def check(self) -> None:
        """Raise _UntouchedError where changes are in the way."""
        self._check_untracked()
        try:
            self._read_tree("--dry-run")
        except _UntouchedError:
            # A file that was only touched is taken for a changed one: that looks at each.
            self._here.run("update-index", "-q", "--refresh", env=self._env)
            self._read_tree("--dry-run")

    def write(self) -> None:
        """Make them those of the new commit. After any other RefusedError than an _UntouchedError they may be half of
        it."""
        self._read_tree()

    def _read_tree(self, *options: str) -> None:
        words = (*side_by_side(self._here), "-c", "submodule.recurse=false", "read-tree", "-m", "-u", *options)
        done = self._here.run(*words, self._move.old, self._move.new, env=self._env)
        if done:
            return
        branch = self._move.branch
        if any(refusal in done.complaint for refusal in _REFUSALS):
            raise _UntouchedError(
                f"{branch} is checked out in {self._here.folder} with changes that this would overwrite.",
                detail=done.complaint,
                hint="Commit them or stash them there; nothing was changed.",
            )
        raise (_UntouchedError if options else RefusedError)(
            f"The files of {branch} can't be written in {self._here.folder}; they are unchanged.",
            detail=done.complaint,
            hint="If a filter of the repository failed, or the disk is full, fix that first.",
        )

    def _check_untracked(self) -> None:
        """Raise _UntouchedError where a file that git ignores lies at a path that comes with the new commit: git would
        put its own over it."""
        added = (each.path for each in changed(self._here, self._move.old, self._move.new) if each.is_new)
        there = [path for path in added if os.path.lexists(self._here.folder / path)]
        if not there:
            return
        known = self._here.run("ls-files", "-z", env=self._env).text.split("\0")
        foreign = sorted(set(there) - set(known))
        if foreign:
            raise _UntouchedError(
                f"{self._here.folder} has files of its own where {self._move.branch} would add some.",
                detail="\n".join(foreign[:20]),
                hint="Move them away; nothing was changed.",
            )


@contextlib.contextmanager
def index_lock(worktree: Worktree) -> Iterator[None]:
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
                    f"Another git process is running in {worktree.path}.",
                    hint=f"If none is, a crash left its lock: rm {shlex.quote(str(path))}",
                ) from None
            time.sleep(0.02)
    try:
        yield
    finally:
        if _is_ours(path):
            path.unlink()
        mine.unlink(missing_ok=True)


def _is_ours(lock: Path) -> bool:
    return lock.exists() and lock.read_bytes() == _OURS


def clear_locks(worktree: Worktree) -> None:
    """Take away what a killed move left: first wait for its git, which outlives it by a moment."""
    theirs = worktree.git_dir / f"{_INDEX}.lock"
    deadline = time.monotonic() + _PATIENCE
    while theirs.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    theirs.unlink(missing_ok=True)
    lock = worktree.git_dir / "index.lock"
    if _is_ours(lock):
        lock.unlink()
    (worktree.git_dir / f"{_INDEX}-ours").unlink(missing_ok=True)


def put(repo: Repository, worktree: Worktree, move: Move, *, target: str) -> str:
    """Make the files and index entries of all paths of the move those of `target`.

    Where one of them holds what neither commit has, the worktree is saved first; return that snapshot's ref.
    """
    here = enter(repo, worktree)
    (worktree.git_dir / _INDEX).unlink(missing_ok=True)
    both = {each.path: each.contents for each in changed(here, move.old, move.new) if any(each.contents)}
    saved = ""
    if any(_is_foreign(here, path, known) for path, known in both.items()):
        from agentdeck.system.git import snapshots

        saved = f"refs/agentdeck/trash/worktree/{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{target[:8]}"
        snapshots.take(repo, worktree.path, saved, message=f"agentdeck: {worktree.path} after a move was cut short")
    side = 0 if target == move.old else 1
    there = [path for path, contents in both.items() if contents[side]]
    gone = [path for path, contents in both.items() if not contents[side]]
    literal = ("--literal-pathspecs", "-c", "submodule.recurse=false")
    # git wants to take the lock that we may hold.
    lock = worktree.git_dir / "index.lock"
    if _is_ours(lock):
        lock.unlink()
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
    if here.setting("core.sparseCheckout", "bool") == "true":
        here.run("sparse-checkout", "reapply")
    return saved


def _is_foreign(here: Repository, path: str, known: tuple[str, str]) -> bool:
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
