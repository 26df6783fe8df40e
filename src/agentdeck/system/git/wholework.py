"""One commit for all that a worktree holds: committed, staged, unstaged and untracked, so that git can merge it.

The worktree, its index and the repository's objects stay as they are. What is needed is kept in one folder:

    objects/       what these commits are made of; git reads the repository's own objects beside them
    NAME.index     of each worktree, an index that knows its files, so that only what changed is read again

The same content gives the same commit. Everything in the folder can be thrown away at any time, and is made again.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from agentdeck.core.frozen import dataclass, replace
from agentdeck.errors import DeckError, GitError
from agentdeck.system.files.files import copy_with_time, private_folder, sign, text_of
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.files.stillness import touched
from agentdeck.system.git.checkouts import Worktree
from agentdeck.system.git.identity import Standing, identify
from agentdeck.system.git.merges import NOBODY
from agentdeck.system.git.repository import Repository
from agentdeck.system.git.staging import add_all, take_out_repositories
from agentdeck.system.machine.process import Result

_MOST_OBJECTS = 60_000
"""Objects up to which the folder is kept."""
_TIME_OUT = 120.0
"""Seconds that one git may take; a filter of the user's that never ends must not hold us for ever."""
_QUIET = {
    "core.fsmonitor": "false",  # or each look would start a daemon
    "core.splitIndex": "false",  # or parts of our index would lie in the worktree's git folder
    "core.untrackedCache": "false",
    "core.safecrlf": "false",
    "core.fsync": "none",
    "core.looseCompression": "0",
    "advice.addEmbeddedRepo": "false",
}
_OPTIONS = tuple(word for key, value in _QUIET.items() for word in ("-c", f"{key}={value}"))
_LARGE = 40_000
"""Bytes of an index of some hundred files: with more of them, git is faster than a look at each here."""
_TRUSTED = 300.0
"""Seconds after which git is asked although no file was touched: its rules may lie in files that are not looked at."""
_HALFWAY = {"rebase-merge": "rebase", "rebase-apply": "rebase", "BISECT_LOG": "bisection"}


@dataclass(frozen=True, slots=True)
class WholeWork:
    """What a worktree held when it was looked at."""

    commit: str
    note: str = ""
    """What of its work is not in `commit`, as a sentence; empty where all is."""
    parents: tuple[str, ...] = ()
    tree: str = ""
    index: tuple[int, ...] = ()
    """The sign of the worktree's own index, from which ours was started."""
    ours: tuple[int, ...] = ()
    """The sign of our index; a look that leaves it as it was has found no change."""
    repositories: tuple[str, ...] = ()
    """The repositories in it that are not submodules, which never land."""
    still: str = ""
    """What tells whether a file was touched since; empty where git has to be asked."""
    asked: float = 0.0
    """When git was asked, in seconds since the epoch."""


def look_once(repo: Repository, worktree: Worktree, tip: str) -> WholeWork:
    """What the worktree holds now, as a commit among the objects of `repo`; nothing of it is kept for another look."""
    with scratch_folder() as folder:
        shop = Workshop(repo, folder)
        shop.env = {}
        return shop.look("once", worktree, tip, None)


class Workshop:
    """The folder. Only one process may use it at a time: the caller holds a lock."""

    def __init__(self, repo: Repository, folder: Path) -> None:
        self.repo, self.folder = repo, folder
        self.env = {"GIT_OBJECT_DIRECTORY": str(folder / "objects")}
        """With this, git reads the repository's objects and writes into the folder."""

    def open(self) -> bool:
        """Make the folder, or make it anew where it has grown too large; whether what is in it is still what was."""
        objects = self.folder / "objects"
        grown = sum(1 for _ in (objects / "17").glob("*")) * 256 > _MOST_OBJECTS
        if grown:
            self.clear()
        for lock in self.folder.glob("*.lock"):
            # Of a git that was killed: the caller's lock says that none is at work.
            if lock.name.endswith(".index.lock"):
                lock.unlink(missing_ok=True)
        alternates = objects / "info" / "alternates"
        if alternates.exists():
            return True
        private_folder(alternates.parent)
        # Relative, which git allows here: a path may hold what the file's format can't.
        alternates.write_bytes(os.fsencode(os.path.relpath(self.repo.common / "objects", objects) + "\n"))
        return False

    def clear(self) -> None:
        """Throw all away but the caller's own files."""
        import shutil

        shutil.rmtree(self.folder / "objects", ignore_errors=True)
        for index in self.folder.glob("*.index"):
            index.unlink(missing_ok=True)

    def forget(self, names: set[str]) -> None:
        """Throw away what is kept of worktrees other than these."""
        for index in self.folder.glob("*.index"):
            if index.name.removesuffix(".index") not in names:
                index.unlink(missing_ok=True)

    def look(self, name: str, worktree: Worktree, tip: str | None, before: WholeWork | None) -> WholeWork:
        """What the worktree holds now. `name` is that of its index here, `tip` its branch's, `before` the last answer.

        Where the work can't be taken as it lies there, `tip` stands for it and the note says so. Raise DeckError where
        there is no commit at all.
        """
        found = identify(worktree.path, worktree.git_dir)
        if found.standing is Standing.GONE:
            return _only(tip or worktree.head, f"its worktree {worktree.path} is gone")
        if not found.is_usable:
            return _only(tip or worktree.head, f"its worktree {worktree.path} can't be used, {found.why}")
        for place, word in _HALFWAY.items():
            if (worktree.git_dir / place).exists():
                return _only(tip or worktree.head, f"it is in the middle of a {word}")
        if worktree.head is None:
            raise DeckError("its branch has no commit yet")
        parents = (worktree.head, *_merged_heads(worktree))
        bench = _Bench(self, name, worktree)
        try:
            return bench.look(parents, before)
        except GitError:
            # What is kept may lean on objects that were collected as garbage meanwhile.
            bench.index.unlink(missing_ok=True)
            return bench.look(parents, None)


def _only(tip: str | None, why: str) -> WholeWork:
    if tip is None:
        raise DeckError(why)
    return WholeWork(tip, f"{why}: only its commits are compared")


def _merged_heads(worktree: Worktree) -> tuple[str, ...]:
    try:
        return tuple(text_of(worktree.git_dir / "MERGE_HEAD").split())
    except (OSError, ValueError):
        return ()


class _Bench:
    """One worktree and the index that is kept for it."""

    def __init__(self, shop: Workshop, name: str, worktree: Worktree) -> None:
        self._worktree = worktree
        self.index = shop.folder / f"{name}.index"
        self._here = shop.repo.at(worktree.path, worktree.git_dir)
        self._env = {
            **shop.env,
            "GIT_DIR": str(worktree.git_dir),
            "GIT_WORK_TREE": str(worktree.path),
            "GIT_INDEX_FILE": str(self.index),
        }

    def look(self, parents: tuple[str, ...], before: WholeWork | None) -> WholeWork:
        own = sign(self._worktree.git_dir / "index")
        if before is None or not before.ours or before.index != own or not self.index.exists():
            before = None
            self._adopt()
            if self._text("ls-files", "-z", "--unmerged"):
                self.index.unlink(missing_ok=True)
                return WholeWork(parents[0], "a merge in it is not resolved: only its commits are compared")
        still, asked = self._still(), time.time()
        if before is not None and self._is_still(before, still, asked, parents):
            return before
        return replace(self._look(parents, before, own), still=still, asked=asked)

    def _look(self, parents: tuple[str, ...], before: WholeWork | None, own: tuple[int, ...]) -> WholeWork:
        added = add_all(self._run)
        note = f"some files can't be read: {added.unread[0]}" if added.unread else ""
        found = (sign(self.index), parents, note, added.repositories)
        if before is not None and (before.ours, before.parents, before.note, before.repositories) == found:
            return before
        repositories = (*added.repositories, *take_out_repositories(self._run))
        tree = self._text("write-tree")
        if before is not None and (before.tree, before.parents) == (tree, parents):
            return WholeWork(before.commit, note, parents, tree, own, sign(self.index), repositories)
        commit = parents[0]
        if len(parents) > 1 or tree != self._text("rev-parse", f"{commit}^{{tree}}"):
            words = [word for parent in parents for word in ("-p", parent)]
            commit = self._text("commit-tree", tree, *words, "-m", "agentdeck", env=NOBODY)
        return WholeWork(commit, note, parents, tree, own, sign(self.index), repositories)

    def _still(self) -> str:
        """What tells whether its files were touched, or the usual ones of git's rules about them."""
        if self.index.exists() and self.index.stat().st_size > _LARGE:
            return ""
        home, common, git_dir = Path(os.environ.get("HOME") or "/"), self._here.common, self._worktree.git_dir
        xdg = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "git"
        own = [common / name for name in ("config", "config.worktree", "info/exclude", "info/attributes")]
        own += [git_dir / name for name in ("config.worktree", "info/sparse-checkout")]
        own += [home / ".gitconfig", *(xdg / name for name in ("config", "ignore", "attributes"))]
        files = touched(self._worktree.path)
        return f"{files} {hash(tuple(sign(file) for file in own))}" if files else ""

    def _is_still(self, before: WholeWork, still: str, now: float, parents: tuple[str, ...]) -> bool:
        is_same = still != "" and (before.still, before.ours, before.parents) == (still, sign(self.index), parents)
        return is_same and 0 <= now - before.asked < _TRUSTED

    def _adopt(self) -> None:
        """Start from the worktree's own index: it says what is tracked although it is ignored, and saves reading."""
        try:
            # With its time: git compares that with the files' to know which records it can't trust.
            copy_with_time(self._worktree.git_dir / "index", self.index)
        except FileNotFoundError:
            self.index.unlink(missing_ok=True)

    def _text(self, *words: str, env: dict[str, str] | None = None) -> str:
        done = self._run(*words, env=env)
        if not done:
            raise GitError(f"git {words[0]} failed in {self._worktree.path}.", detail=done.complaint)
        return done.text.removesuffix("\n")

    def _run(self, *words: str, env: dict[str, str] | None = None, stdin: bytes | None = None) -> Result:
        return self._here.run(*_OPTIONS, *words, env={**self._env, **(env or {})}, stdin=stdin, timeout=_TIME_OUT)
