"""What a worktree changed against where its branch came from: committed, staged, unstaged and untracked alike."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentdeck.core.frozen import dataclass, replace
from agentdeck.errors import GitError, NotFoundError
from agentdeck.system.files.files import copy_with_time
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.git.checkouts import enter, find_worktree
from agentdeck.system.git.identity import inside
from agentdeck.system.git.repository import Repository
from agentdeck.system.git.staging import staged_repositories
from agentdeck.system.machine.process import Result

_NUMBERS = ("--numstat", "-z", "--no-renames", "--no-ext-diff")
_FIELDS = {"1": 7, "u": 9}
"""How many fields stand before the path, by the kind of record of `git status --porcelain=v2`."""
_EVERY_FILE = ("--no-renames", "--untracked-files=normal")
"""Told, because status.showUntrackedFiles may hide what a landing would leave out."""


@dataclass(frozen=True, slots=True)
class Changes:
    added: int
    """Lines, those of untracked text files among them; binary files count none."""
    deleted: int
    files: int
    untracked: int
    loose: int = 0
    """Files whose changes are not committed, where that was counted."""
    head: str = ""
    """The commit that HEAD is at, where that was told on the way."""


def changes(repo: Repository, worktree: Path, base: str) -> Changes:
    """Count what differs between the worktree and the last commit it has in common with `base`."""
    with everything(repo, worktree) as (git, untracked):
        listed = git("diff", *_NUMBERS, fork_point(repo, worktree, base))
    return _counted(listed, len(untracked))


def changes_at_a_glance(repo: Repository, worktree: Path, base: str) -> Changes:
    """As `changes`, with two or three calls of git in place of eight where nothing is uncommitted."""
    here = inside(repo, worktree)
    status = here.git("-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch", "-z", *_EVERY_FILE)
    lines = status.split("\0")
    facts = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# "))
    head = facts.get("branch.oid", "")
    if loose := sum(bool(line) and not line.startswith("#") for line in lines):
        return replace(changes(repo, worktree, base), loose=loose, head=head)
    if base in ("HEAD", head):
        return Changes(0, 0, 0, 0, head=head)
    listed = here.run("diff", *_NUMBERS, f"{base}...HEAD")
    return replace(_counted(listed.text, 0) if listed else changes(repo, worktree, base), head=head)


def changes_between(repo: Repository, begin: str, end: str) -> Changes:
    """As `changes`, between two commits."""
    return _counted(repo.git("diff", *_NUMBERS, begin, end, "--"), 0)


def _counted(listed: str, untracked: int) -> Changes:
    rows = [record.split("\t") for record in listed.split("\0") if record.count("\t") >= 2]
    counts = [(int(added), int(deleted)) for added, deleted, *_ in rows if added != "-"]
    return Changes(sum(row[0] for row in counts), sum(row[1] for row in counts), len(rows), untracked)


def uncommitted(here: Repository) -> list[str]:
    """What the worktree `here` holds beside its last commit, as `git status --short` writes it."""
    return [line for line, _ in _short_status(here)]


def _short_status(here: Repository) -> Iterator[tuple[str, str]]:
    """Each line, and git's word for how a submodule differs: `SCMU`, with a point for each that does not apply."""
    for record in here.git("status", "--porcelain=v2", "-z", *_EVERY_FILE).split("\0"):
        kind, _, rest = record.partition(" ")
        if kind == "?":
            yield f"?? {rest}", ""
        elif kind in _FIELDS:
            fields = rest.split(" ", _FIELDS[kind])
            yield f"{fields[0].replace('.', ' ')} {fields[-1]}", fields[1]


def to_commit(here: Repository) -> tuple[list[str], list[str]]:
    """As `uncommitted`, without what no commit takes: the repositories that lie in the worktree, whose paths come
    second, and the untracked files of submodules."""
    found = [line for line, submodule in _short_status(here) if not (line[0] == " " and submodule == "S..U")]
    repositories = list(staged_repositories(here.run)) if any(line[0] in "AT" for line in found) else []
    lines = [line for line in found if line[3:] not in repositories]
    for line in [line for line in lines if line.startswith("?? ") and line.endswith("/")]:
        words = ("ls-files", "-z", "--others", "--exclude-standard", "--", line[3:])
        inside = [path for path in here.git("--literal-pathspecs", *words).split("\0") if path]
        repositories += [path.rstrip("/") for path in inside if path.endswith("/")]
        if inside and all(path.endswith("/") for path in inside):
            lines.remove(line)
    return lines, repositories


def diff(repo: Repository, worktree: Path, base: str, *, stat: bool = False, colour: bool = False) -> str:
    """The same as a patch that `git apply` takes, or with `stat` as a table of files.

    Bytes that are not UTF-8 are kept as lone surrogates: write it with `surrogateescape`.
    """
    with everything(repo, worktree) as (git, _):
        return git(*_diff_words(stat=stat, colour=colour), fork_point(repo, worktree, base))


def between(repo: Repository, begin: str, end: str, *, stat: bool = False, colour: bool = False) -> str:
    """As `diff`, between two commits."""
    done = repo.run(*_diff_words(stat=stat, colour=colour), begin, end, "--")
    if not done:
        raise GitError(f"git diff failed in {repo.folder}.", detail=done.complaint)
    return done.out.decode("utf-8", "surrogateescape")


def _diff_words(*, stat: bool, colour: bool) -> list[str]:
    form = ["--stat"] if stat else ["--patch", "--binary"]
    plain = (f"--color={'always' if colour else 'never'}", "--no-ext-diff", "--no-textconv")
    return ["-c", "core.quotePath=false", "diff", *form, *plain]


def fork_point(repo: Repository, worktree: Path, base: str) -> str:
    here = inside(repo, worktree)
    commit = here.commit(base)
    if commit is None:
        raise NotFoundError(f"The base “{base}” no longer exists.")
    shared = here.run("merge-base", "HEAD", commit)
    return shared.text.strip() or commit


class _Git:
    """git in the worktree with an index of its own."""

    def __init__(self, here: Repository, git_dir: Path, index: Path) -> None:
        self.here = here
        self._env = {"GIT_DIR": str(git_dir), "GIT_WORK_TREE": str(here.folder), "GIT_INDEX_FILE": str(index)}

    def run(self, *words: str, stdin: bytes | None = None) -> Result:
        return self.here.run(*words, env=self._env, stdin=stdin)

    def __call__(self, *words: str, stdin: bytes | None = None) -> str:
        done = self.run(*words, stdin=stdin)
        if not done:
            raise GitError(f"git {words[0]} failed in {self.here.folder}.", detail=done.complaint)
        return done.out.decode("utf-8", "surrogateescape")


@contextmanager
def everything(repo: Repository, worktree: Path) -> Iterator[tuple[_Git, list[str]]]:
    """git with a copy of the worktree's index that knows the untracked files too, and the names of these."""
    found = find_worktree(repo, worktree)
    if found is None or not found.path.is_dir():
        raise NotFoundError(f"There is no worktree at {worktree}.")
    with scratch_folder() as scratch:
        index = scratch / "index"
        if (found.git_dir / "index").exists():
            # With its time: git compares that with the files' to know which records it can't trust.
            copy_with_time(found.git_dir / "index", index)
        git = _Git(enter(repo, found), found.git_dir, index)
        names = git("ls-files", "-z", "--others", "--exclude-standard")
        if names:
            words = ("--literal-pathspecs", "add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul")
            git(*words, stdin=os.fsencode(names))
        yield git, [name for name in names.split("\0") if name]
