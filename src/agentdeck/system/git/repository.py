"""Run git, and find the repository one stands in. What reads and writes worktrees, snapshots and merges builds on this.

git is called as a program: GitPython takes 80 ms to import, more than most verbs may take, so it is imported only where
its objects earn that.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agentdeck.errors import DeckError, GitError, NotFoundError
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.machine.process import Result, run

# Not “cannot lock ref” by itself: that is also what git says where a ref has not the old value it was expected to have.
_LOCK_COMPLAINTS = (b".lock': File exists", b"could not lock config file")
NEEDED = (2, 39)
"""The first git with `merge-tree --stdin`."""
_LOCK_PATIENCE = 20.0
"""Seconds to go on trying while another git holds a lock of the repository."""
_LITTLE_ROOM = 1_000_000
"""Bytes on a disk under which a failure of git's is most likely for want of room."""
_ASTRAY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE")
"""Variables that a hook or another git leaves behind, and that would lead git to another repository."""
_KEPT_OUT = ("dubious ownership", "safe.bareRepository")
"""What git says of a repository that is there and that it does not use."""
_CLEAN: dict[str, str | None] = {
    **dict.fromkeys(_ASTRAY),
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository as seen from one of its worktrees, or from its bare folder."""

    folder: Path
    """Where git is run: the worktree's top, or the bare repository."""
    common: Path
    """The git folder that all its worktrees share."""
    bare: bool
    objects: Path | None = None
    """The folder that git writes new objects to instead of the repository's own; see `objects_aside`."""
    git_dir: Path | None = None
    """The git folder of the linked worktree at `folder`, so that git need not look for it; None where git finds it."""

    prefix: str = ""
    """The folder that `find` was asked about, as a path relative to the worktree's top."""

    @classmethod
    def find(cls, cwd: Path | None = None) -> Repository:
        """The repository that `cwd` (default: the current folder) lies in; raise NotFoundError outside of any."""
        cwd = cwd or Path.cwd()
        answer = run(
            ["git", "rev-parse", "--path-format=absolute", "--git-common-dir", "--is-bare-repository"], cwd=cwd
        )
        if not answer:
            raise NotFoundError(
                f"{cwd} is not in a git repository.",
                detail=answer.complaint if any(each in answer.complaint for each in _KEPT_OUT) else "",
                hint="Go to one, or create one with “git init”.",
            )
        common, bare = answer.text.rstrip("\n").rsplit("\n", 1)
        top = run(["git", "rev-parse", "--show-toplevel", "--show-prefix"], cwd=cwd, env=_CLEAN)
        folder, _, prefix = top.text.removesuffix("\n").rpartition("\n") if top else ("", "", "")
        found = Path(folder) if folder else Path(common)
        return cls(found, Path(common), bare == "true", prefix=prefix.removesuffix("/"))

    def at(self, folder: Path, git_dir: Path | None = None) -> Repository:
        """The same repository with git run in `folder`. For a linked worktree see `identity.inside`."""
        # In the main worktree git is not told of its folder: it would pass that on to hooks, as it does not by itself.
        is_bare = folder == self.common
        return Repository(folder, self.common, is_bare, self.objects, None if git_dir == self.common else git_dir)

    @contextlib.contextmanager
    def objects_aside(self) -> Iterator[Repository]:
        """The same repository, for trying things out: what git computes is gone with the block, and nothing is left."""
        with scratch_folder() as folder:
            yield replace(self, objects=folder)

    def run(
        self,
        *args: str | Path,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout: float | None = None,
    ) -> Result:
        """Run `git ARGS` here, whatever it exits with; wait and try again while another git holds a lock.

        No prompt can stop it, and variables that would point git at another repository are taken away. Raise DeckError
        where it takes longer than `timeout` seconds.
        """
        clean = {**_CLEAN, **self._places(), **(env or {})}
        deadline = time.monotonic() + _LOCK_PATIENCE
        pause = 0.02
        while True:
            result = run(["git", *args], cwd=self.folder, env=clean, stdin=stdin, timeout=timeout)
            locked = not result and any(complaint in result.err for complaint in _LOCK_COMPLAINTS)
            if not locked or time.monotonic() > deadline:
                return result
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def _places(self) -> dict[str, str]:
        places = {"GIT_CEILING_DIRECTORIES": str(self.folder.parent)}  # a folder without `.git` is no part of another
        if self.git_dir is not None:
            places["GIT_DIR"] = str(self.git_dir)
        elif self.bare:
            # Said, for git looks for no bare repository by itself where safe.bareRepository is “explicit”.
            places["GIT_DIR"] = str(self.common)
        if self.objects is not None:
            # Quoted, for a colon would end it.
            own = str(self.common / "objects").replace("\\", "\\\\").replace('"', '\\"')
            places |= {"GIT_OBJECT_DIRECTORY": str(self.objects), "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{own}"'}
        return places

    def git(self, *args: str | Path, env: Mapping[str, str] | None = None, stdin: bytes | None = None) -> str:
        """As `run`, but return its output without the last newline, and raise GitError where it failed."""
        result = self.run(*args, env=env, stdin=stdin)
        if not result:
            words = " ".join(str(arg) for arg in args[:3])
            raise GitError(f"git {words} failed in {self.folder}.", detail=result.complaint, hint=self._hint())
        return result.text.removesuffix("\n")

    def lines(self, *args: str | Path) -> list[str]:
        """As `git`, but line by line, without empty ones. A subject or a name may hold what `str.splitlines` would take
        for the end of a line too."""
        return [line for line in self.git(*args).split("\n") if line]

    def _hint(self) -> str:
        """What git itself often does not say of a failure: that the disk is full."""
        for folder in (self.folder, self.common):
            with contextlib.suppress(OSError):
                room = os.statvfs(folder)
                if room.f_bavail * room.f_frsize < _LITTLE_ROOM:
                    return f"The disk is full: free some space for {folder}, then try again."
        return ""

    def commit(self, revision: str) -> str | None:
        """The full id of the commit that `revision` names, or None."""
        result = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return result.text.strip() if result else None

    def setting(self, key: str) -> str | None:
        """One value of git's own configuration, or None."""
        result = self.run("config", "--get", key)
        return result.text.removesuffix("\n") if result else None


def git_in(folder: Path | str) -> str:
    """What a person types to run git in the worktree `folder`, from wherever they are now: the begin of a hint."""
    import shlex

    with contextlib.suppress(OSError):
        here = Path(os.environ.get("PWD") or "/")  # the folder of their shell, whatever `-C` said
        top = next((place for place in (here, *here.parents) if (place / ".git").exists()), None)
        if top is not None and top.samefile(folder):
            return "git"
    return f"git -C {shlex.quote(str(folder))}"


def version() -> tuple[int, ...]:
    """git's version as numbers, (2, 39, 5); raise MissingToolError without git."""
    answer = run(["git", "version"])
    told = re.search(r"\d+(?:\.\d+)+", answer.text)
    if not answer or told is None:
        raise DeckError("git doesn't print its version.", detail=answer.complaint)
    return tuple(map(int, told[0].split(".")))
