"""Compute what landing a branch would give: a commit on top of the base, or the conflicts. No ref is moved.

All of it happens in the object database (mergetree.py); a commit that comes to nothing is garbage for git to collect.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum

from agentdeck.core.frozen import dataclass
from agentdeck.core.merging.conflicts import Conflict
from agentdeck.errors import GitError, RefusedError
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.git import hooks
from agentdeck.system.git.mergetree import merge
from agentdeck.system.git.repository import Repository

NOBODY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in {"NAME": "agentdeck", "EMAIL": "agentdeck.localhost", "DATE": "@1 +0000"}.items()
}
"""Who writes commits that only git's merge sees: always the same, so that the same content gives the same commit."""


class Method(StrEnum):
    """How a branch lands."""

    MERGE = "merge"
    """A merge commit, also where a fast-forward would do (--no-ff)."""
    SQUASH = "squash"
    REBASE = "rebase"
    FF_ONLY = "ff-only"


@dataclass(frozen=True, slots=True)
class MergeOutcome:
    """What landing gives: a commit, or conflicts."""

    commit: str = ""
    """The base's next tip; the base itself where it already has all of it; empty where there are conflicts."""
    conflicts: tuple[Conflict, ...] = ()
    at: str = ""
    """rebase: the commit that could not be applied."""


@dataclass(frozen=True, slots=True)
class CommitWording:
    """What the new commit says."""

    message: str
    trailers: tuple[tuple[str, str], ...] = ()


def compute(
    repo: Repository, method: Method, base: str, tip: str, wording: CommitWording, *, landed: str | None = None
) -> MergeOutcome:
    """Put the commits of `tip` that `base` lacks on top of it. Both are full commit ids.

    `landed` is an earlier commit of the same branch whose content is in `base` by a squash or rebase: what came before
    it is then not merged again. Raise RefusedError where `ff-only` is not possible, or git lacks a name to commit by.
    """
    if tip == landed:
        return MergeOutcome(base)
    if method is Method.FF_ONLY:
        return _forward(repo, base, tip)
    if method is Method.REBASE:
        return _rebase(repo, base, tip, wording, landed)
    ours = _pretend(repo, base, [landed, base]) if landed else base
    found = merge(repo, ours, tip)
    if not found.is_clean:
        return MergeOutcome(conflicts=found.conflicts)
    if found.tree == repo.tree(base):
        return MergeOutcome(base)
    return MergeOutcome(commit_result(repo, method, found.tree, base, tip, wording))


def _forward(repo: Repository, base: str, tip: str) -> MergeOutcome:
    if is_ancestor(repo, tip, base):
        return MergeOutcome(base)
    if not is_ancestor(repo, base, tip):
        raise RefusedError(
            "The base has commits that the branch lacks, so it can't be fast-forwarded.",
            hint="Land it with --merge, --squash or --rebase.",
        )
    return MergeOutcome(tip)


def commit_result(repo: Repository, method: Method, tree: str, base: str, tip: str, wording: CommitWording) -> str:
    """The commit that has `tree`, on top of `base`: a merge with `tip`, or for a squash one with no trace of it."""
    message = _through_hook(repo, _with_trailers(repo, wording))
    if method is Method.SQUASH:
        return _commit(repo, tree, [base], message, _only_author(repo, base, tip))
    return _commit(repo, tree, [base, tip], message)


def is_landed(repo: Repository, base: str, tip: str) -> str:
    """How `base` has all that `tip` brings: `merged`, `squashed`, `rebased`; empty where it has not, or can't be told.

    Squashed means that merging it now would change nothing, or that one commit of the base has the whole change.
    """
    if is_ancestor(repo, tip, base):
        return "merged"
    fork = repo.run("merge-base", base, tip).text.split("\n")[0]
    if not fork:
        return ""
    if all(line.startswith("-") for line in repo.lines("cherry", base, tip)):
        return "rebased"
    if merge(repo, base, tip).tree == repo.tree(base):
        return "squashed"
    whole = _pretend(repo, tip, [fork])
    return "squashed" if repo.git("cherry", base, whole).startswith("-") else ""


def is_ancestor(repo: Repository, older: str, newer: str) -> bool:
    return older == newer or bool(repo.run("merge-base", "--is-ancestor", older, newer))


def new_commits(repo: Repository, base: str, tip: str, landed: str | None = None) -> list[tuple[str, str]]:
    """Ids and subjects of the commits that `tip` has and neither `base` nor `landed` has, oldest first."""
    without = [f"^{landed}"] if landed else []
    lines = repo.lines("log", "--reverse", "--topo-order", "--format=%H%x00%s", f"{base}..{tip}", *without, "--")
    return [(commit, subject) for commit, _, subject in (line.partition("\0") for line in lines)]


def _rebase(repo: Repository, base: str, tip: str, wording: CommitWording, landed: str | None) -> MergeOutcome:
    """Apply the branch's commits one by one, merges left out as git's own rebase does."""
    words = ["rev-list", "--reverse", "--topo-order", "--no-merges", "--cherry-pick", "--right-only"]
    listed = repo.lines(*words, f"{base}...{tip}", *([f"^{landed}"] if landed else []))
    now = base
    for commit in listed:
        parent = repo.commit(f"{commit}^") or _empty_commit(repo)
        # A commit with the tree we have and the parent of the one to apply: then git merges from that parent.
        found = merge(repo, _pretend(repo, now, [parent]), commit if repo.commit(f"{commit}^") else
                      _pretend(repo, commit, [parent]))  # fmt: skip
        if not found.is_clean:
            return MergeOutcome(conflicts=found.conflicts, at=commit)
        if found.tree == repo.tree(now):
            continue
        message = _with_trailers(repo, CommitWording(repo.git("log", "-1", "--format=%B", commit), wording.trailers))
        now = _commit(repo, found.tree, [now], message, _author(repo, commit))
    _check_nothing_lost(repo, base, tip, now, landed)
    return MergeOutcome(now)


def _check_nothing_lost(repo: Repository, base: str, tip: str, rebased: str, landed: str | None) -> None:
    """Raise RefusedError where the merges that a rebase leaves out held work of their own, such as solved conflicts."""
    if not repo.git("rev-list", "--merges", "--max-count=1", tip, f"^{base}", *([f"^{landed}"] if landed else [])):
        return
    merged = merge(repo, _pretend(repo, base, [landed, base]) if landed else base, tip)
    if not merged.is_clean or merged.tree != repo.tree(rebased):
        raise RefusedError(
            "The branch has merge commits, and a rebase would lose the changes made in them.",
            hint="Land it with --merge or --squash.",
        )


def _pretend(repo: Repository, tree_of: str, parents: Sequence[str]) -> str:
    """A commit with the tree of `tree_of` and other parents; the same one whenever it is asked for."""
    words = [word for parent in dict.fromkeys(parents) for word in ("-p", parent)]
    return repo.git("commit-tree", f"{tree_of}^{{tree}}", *words, "-m", "agentdeck", env=NOBODY)


def _empty_commit(repo: Repository) -> str:
    return repo.git("commit-tree", repo.git("mktree", stdin=b""), "-m", "agentdeck", env=NOBODY)


def _commit(
    repo: Repository, tree: str, parents: Sequence[str], message: str, author: dict[str, str] | None = None
) -> str:
    words = [word for parent in parents for word in ("-p", parent)]
    # commit-tree is plumbing: it signs when told to, not when commit.gpgSign says so.
    signed = repo.setting("commit.gpgSign", "bool") == "true"
    done = repo.run(
        "commit-tree", *(["-S"] if signed else []), tree, *words, "-F", "-", env=author, stdin=encoded(message)
    )
    if not done:
        _check_identity(repo)
        what = "can't be signed" if signed else "can't be made"
        hint = "Unlock the key, or set commit.gpgSign to false for this repository." if signed else ""
        raise GitError(f"The commit {what}.", detail=done.complaint, hint=hint)
    return done.text.strip()


def _author(repo: Repository, commit: str) -> dict[str, str]:
    name, email, date = repo.git("log", "-1", "--no-mailmap", "--format=%an%x00%ae%x00%ad", "--date=raw", commit).split(
        "\0"
    )
    return {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email, "GIT_AUTHOR_DATE": f"@{date}"}


def _only_author(repo: Repository, base: str, tip: str) -> dict[str, str] | None:
    """Who wrote all commits that are squashed, where that is one person; else the one who lands them is the author."""
    authors = set(repo.lines("log", "--no-merges", "--no-mailmap", "--format=%an%x00%ae", f"{base}..{tip}", "--"))
    if len(authors) != 1:
        return None
    name, email = authors.pop().split("\0")
    return {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email}


def _with_trailers(repo: Repository, wording: CommitWording) -> str:
    title = wording.message.strip()
    text = title + "\n"
    if not wording.trailers:
        return text
    lines = [f"{key}: {' '.join(value.split())}" for key, value in wording.trailers]
    if "\n" not in title and not repo.may_configure("trailer"):
        return "\n".join((text, *dict.fromkeys(lines), ""))  # a title has no trailers that git would have to find
    words = [f"--trailer={line}" for line in lines]
    options = ["--no-divider", "--if-exists", "addIfDifferent"]
    return repo.git("interpret-trailers", *options, *words, stdin=encoded(text)) + "\n"


def _through_hook(repo: Repository, message: str) -> str:
    """The message as the repository's commit-msg hook leaves it; raise RefusedError where that refuses it."""
    if not hooks.can_have(repo, "commit-msg"):
        return message
    with scratch_folder() as folder:
        file = folder / "COMMIT_EDITMSG"
        file.write_bytes(encoded(message))
        ran = hooks.run(repo, "commit-msg", file)
        if ran is not None and not ran:
            raise RefusedError(
                "The repository's commit-msg hook refused the message.",
                detail=f"{message.strip()}\n{ran.complaint}",
                hint="Give another one with --message.",
            )
        return os.fsdecode(file.read_bytes())


def _check_identity(repo: Repository) -> None:
    told = repo.run("var", "GIT_COMMITTER_IDENT")
    if not told:
        raise RefusedError(
            "git has no name and email to commit with.",
            detail=told.complaint.splitlines()[-1] if told.complaint else "",
            hint="git config --global user.name … && git config --global user.email …",
        )


def encoded(text: str) -> bytes:
    """A message as git takes it."""
    return text.encode("utf-8", "surrogateescape")
