"""Where a worktree's HEAD is: on a branch or on a commit, and what it is in the middle of.

HEAD is read as a file, so that `agentdeck ls` can ask for fifty of them. Where git keeps refs in tables the file says
nothing, and the list of worktrees does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.patterns import late
from agentdeck.system.files.files import opened
from agentdeck.system.git.checkouts import Worktree
from agentdeck.system.git.pipes import LONGEST
from agentdeck.system.git.repository import Repository

_HEADS = "refs/heads/"
_COMMIT = late(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NAMED = late(r"Branch: renamed refs/heads/(\S+) to refs/heads/(\S+)")
_RENAMED = late(r"Branch: renamed \S+ to refs/heads/(\S+)")
_MOVED = late(r"checkout: moving from \S+ to (\S+)")
_Moved = tuple[float, str, str]
_AT_ONCE = 1.0
"""Seconds between the making of a branch and the first checkout of it, where one command did both."""


_LONGEST_LOG = 2**24
"""Bytes; the reflog of a hundred thousand commits. An agent may have made its file as long as it likes."""
_ENTRY = late(r"[0-9a-f]{40,64} (?P<new>[0-9a-f]{40,64}) [^\t\0]*\t(?P<text>[^\0]*)")


@dataclass(frozen=True, slots=True)
class Head:
    branch: str
    """Without `refs/heads/`, and empty where HEAD is on a commit. In a rebase or a bisection, the branch that it is of.
    """
    commit: str = ""
    """Where HEAD is on a commit, that one."""
    under_way: str = ""
    """`a rebase`, `a bisection`, …: why HEAD is not where it is going to be. Empty where nothing is under way."""

    @property
    def text(self) -> str:
        where = self.branch or (f"detached at {self.commit[:10]}" if self.commit else "detached")
        return f"{where}, in {self.under_way}" if self.under_way else where


def head_at(git_dir: Path) -> Head | None:
    """HEAD of the worktree with that git folder; None where its file does not tell."""
    found = _read(git_dir / "HEAD")
    if found.startswith("ref: "):
        ref = found.removeprefix("ref: ")
        if not ref.startswith(_HEADS) or ref == f"{_HEADS}.invalid":
            return None
        return _looked_at(git_dir, ref.removeprefix(_HEADS), "")
    return _looked_at(git_dir, "", found) if _COMMIT.fullmatch(found) else None


def head_of(worktree: Worktree) -> Head:
    """HEAD of a worktree that git has listed."""
    commit = "" if worktree.branch else worktree.head or ""
    return _looked_at(worktree.git_dir, worktree.branch or "", commit)


def _looked_at(git_dir: Path, branch: str, commit: str) -> Head:
    for folder in ("rebase-merge", "rebase-apply"):
        if (git_dir / folder).is_dir():
            name = _read(git_dir / folder / "head-name")
            own = name.removeprefix(_HEADS) if name.startswith(_HEADS) else branch
            return Head(own, "" if own else commit, "a rebase" if name else "“git am”")
    if (git_dir / "BISECT_LOG").exists():
        start = _read(git_dir / "BISECT_START")
        own = branch or ("" if _COMMIT.fullmatch(start) else start.removeprefix(_HEADS))
        return Head(own, "" if own else commit, "a bisection")
    if todo := _read(git_dir / "sequencer" / "todo"):
        return Head(branch, commit, "a revert" if todo.startswith("revert") else "a cherry-pick")
    of_one = {"CHERRY_PICK_HEAD": "a cherry-pick", "REVERT_HEAD": "a revert"}  # git keeps no list of a single commit
    return Head(branch, commit, next((text for name, text in of_one.items() if (git_dir / name).exists()), ""))


def _read(path: Path) -> str:
    try:
        with opened(path) as file:
            found = file.read(LONGEST).decode("utf-8", "surrogateescape").strip()
            return "" if "\0" in found else found
    except OSError:
        return ""


def _log_of(git_dir: Path) -> tuple[list[re.Match[str]], bool]:
    """The entries of HEAD's reflog, the oldest first, and whether these are all; of a very long one, the last."""
    try:
        with opened(git_dir / "logs" / "HEAD") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _LONGEST_LOG))
            lines = file.read(_LONGEST_LOG).decode("utf-8", "surrogateescape").split("\n")
    except OSError:
        return [], True
    return [found for line in lines if (found := _ENTRY.fullmatch(line))], size <= _LONGEST_LOG


def origin_tip(repo: Repository, worktree: Worktree) -> str | None:
    """The commit that the worktree's work had come to before what is under way there began; None without one."""
    for folder in ("rebase-merge", "rebase-apply"):
        if commit := _read(worktree.git_dir / folder / "orig-head"):
            return repo.commit(commit)
    start = _read(worktree.git_dir / "BISECT_START")
    return repo.commit(start) if start else worktree.head


def last_commit_on(repo: Repository, worktree: Worktree, branch: str, first: str) -> str | None:
    """The commit that `branch`, which is gone, was at last when HEAD was on it; None where HEAD was elsewhere last.
    The worktree was made on the branch `first`."""
    entries, whole = _log_of(worktree.git_dir)  # git reads no reflog of a HEAD without a commit
    moves = (_MOVED.fullmatch(each["text"]) or _RENAMED.fullmatch(each["text"]) for each in entries)
    been = [first if whole else "", *(found[1] for found in moves if found)]
    commits = [each["new"] for each in entries if each["new"].strip("0")]
    return repo.commit(commits[-1]) if commits and been[-1] == branch else None


def made_there(repo: Repository, worktree: Worktree, own: Collection[str], since: float) -> list[str]:
    """The branches that were made in the worktree after `since`, or that are one of `own` under a new name, without
    `own`. git's reflogs tell.

    A branch that follows one of a remote is taken to be a person's, and so is every branch of which this can't be
    known.
    """
    if _stayed(worktree):
        return []
    moves = _reflog(repo, worktree, "HEAD")
    been = [found[1] for _, _, text in moves if (found := _MOVED.fullmatch(text) or _RENAMED.fullmatch(text))]
    known = [name for name in dict.fromkeys(been) if name not in own and repo.commit(f"{_HEADS}{name}")]
    return [name for name in known if _is_made_there(repo, worktree, name, own, since, moves)]


def _stayed(worktree: Worktree) -> bool:
    """Whether the file of HEAD's reflog, which is there where git keeps refs in files, tells of no branch that it went
    to. git is not asked about one that is too long to be true."""
    entries, whole = _log_of(worktree.git_dir)
    moved = any(_MOVED.match(each["text"]) or _RENAMED.match(each["text"]) for each in entries)
    return not whole or (bool(entries) and not moved)


def _is_made_there(
    repo: Repository, worktree: Worktree, branch: str, own: Collection[str], since: float, moves: list[_Moved]
) -> bool:
    if repo.setting(f"branch.{branch}.remote") not in (None, "."):
        return False
    told = _reflog(repo, worktree, f"{_HEADS}{branch}")
    name = branch
    for _, _, text in told:
        renamed = _NAMED.fullmatch(text)
        if renamed and renamed[2] == name:
            name = renamed[1]
            if name in own:
                return True
    if not told or not told[-1][2].lower().startswith("branch: created from"):
        return False
    made_at, commit, _ = told[-1]
    # One command made it and went to it, or two in a row did: nobody else can have worked on it in between.
    went = [at for at, tip, text in moves if (to := _MOVED.fullmatch(text)) and to[1] == name and tip == commit]
    return made_at >= int(since) and any(0 <= at - made_at <= _AT_ONCE for at in went)


def _reflog(repo: Repository, worktree: Worktree, ref: str) -> list[_Moved]:
    """When, where to and why `ref`, or HEAD of the worktree, moved: the latest first."""
    words = ("log", "-g", "--no-show-signature", "--date=unix", "--format=%gd%x00%H%x00%gs", ref, "--")
    told = repo.run(*words, env={"GIT_DIR": str(worktree.git_dir)}).text
    rows = [line.split("\0", 2) for line in told.split("\n") if line.count("\0") >= 2]
    return [(float(at), commit, text) for name, commit, text in rows if (at := name[name.rfind("@{") + 2 : -1])]
