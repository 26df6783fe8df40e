"""Read differences as patches: between commits, or between a commit and a worktree with all that is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agentdeck.core.merging.patch import FilePatch, parse
from agentdeck.errors import GitError
from agentdeck.system.git.changes import everything, fork_point
from agentdeck.system.git.repository import Repository
from agentdeck.system.machine.process import Result

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_PLAIN = (
    *("--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--find-renames"),
    "--submodule=short",  # else diff.submodule may put lines between the files
)

Run = Callable[..., Result]


class Source:
    """Where differences are read; with a worktree, its untracked files count as added."""

    def __init__(self, repo: Repository, run: Run, untracked: frozenset[str] = frozenset()) -> None:
        self._repo, self._run, self.untracked = repo, run, untracked
        self.head = repo.commit("HEAD") or EMPTY_TREE

    def fork(self, base: str) -> str:
        """The last commit that HEAD has in common with `base`."""
        return fork_point(self._repo, self._repo.folder, base)

    def counts(self, begin: str, end: str | None) -> list[FilePatch]:
        """The files that differ between `begin` and `end` (None: the worktree), without their lines."""
        fields = iter(self._git("diff", "--numstat", "-z", *_PLAIN, *_ends(begin, end)).split("\0"))
        found = []
        for field in fields:
            if field.count("\t") < 2:
                continue
            added, deleted, path = field.split("\t", 2)
            old = path
            if not path:
                old, path = next(fields, ""), next(fields, "")
            is_binary = added == "-"
            counts = (0, 0) if is_binary else (int(added), int(deleted))
            found.append(FilePatch(path, old, "M" if old == path else "R", *counts, is_binary))
        return found

    def patch(self, begin: str, end: str | None, but: set[str] | frozenset[str] = frozenset()) -> list[FilePatch]:
        """As `counts`, with lines, and without the files in `but`."""
        paths = [".", *(f":(exclude,literal,top){path}" for path in sorted(but))]
        text = self._git("-c", "core.quotePath=true", "diff", "--patch", *_PLAIN, *_ends(begin, end), "--", *paths)
        return parse(text)

    def exact(self, begin: str, end: str | None, paths: Sequence[str]) -> bytes:
        """The differences of these files as `apply` takes them, binary ones too."""
        places = [f":(literal,top){path}" for path in paths]
        words = ("-c", "core.quotePath=true", "diff", "--patch", "--binary", "--full-index", *_PLAIN)
        done = self._run(*words, *_ends(begin, end), "--", *places)
        if not done:
            raise GitError(f"git diff failed in {self._repo.folder}.", detail=done.complaint)
        return done.out

    def _git(self, *words: str) -> str:
        done = self._run(*words)
        if not done:
            raise GitError(f"git {words[0]} failed in {self._repo.folder}.", detail=done.complaint)
        return done.out.decode("utf-8", "surrogateescape")


def _ends(begin: str, end: str | None) -> list[str]:
    return [begin] if end is None else [begin, end]


@contextmanager
def reading(repo: Repository, worktree: Path) -> Iterator[Source]:
    """A source for a worktree, which is not touched."""
    with everything(repo, worktree) as (git, untracked):
        yield Source(git.here, git.run, frozenset(untracked))


def apply(here: Repository, patch: bytes, *, reverse: bool, check: bool = False) -> str:
    """Apply the patch to the files of a worktree, not to its index; all of it or nothing. Return why it can't be, or
    “”; with `check` nothing is written."""
    words = [*(["--reverse"] if reverse else []), *(["--check"] if check else [])]
    done = here.run("apply", "--whitespace=nowarn", *words, "-", stdin=patch)
    return "" if done else done.complaint or "it does not fit"
