"""Merge commits inside the object database: no worktree, no index and no ref is touched (`git merge-tree`, 2.39)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agentdeck.core.conflicts import Conflict, find_hunks
from agentdeck.errors import GitError
from agentdeck.system.git import Repository

_OPTIONS = ("-c", "merge.conflictStyle=merge", "merge-tree", "--write-tree", "-z", "--messages")
_LARGEST = 4 * 1024 * 1024
"""Bytes of a conflicting file up to which the lines are looked for."""


@dataclass(frozen=True, slots=True)
class Merge:
    """What merging two commits gives."""

    tree: str
    """The merged tree; with conflict markers in it where it is not clean."""
    conflicts: tuple[Conflict, ...] = ()

    @property
    def is_clean(self) -> bool:
        return not self.conflicts


def merge(repo: Repository, ours: str, theirs: str) -> Merge:
    """Merge two commits, which are given by their full ids. Raise GitError where they have no history in common."""
    done = repo.run(*_OPTIONS, ours, theirs)
    if done.code not in (0, 1):
        raise GitError(f"{ours[:12]} and {theirs[:12]} can't be merged.", detail=done.complaint)
    fields = iter(done.text.split("\0"))
    found = _read(fields, is_clean=done.code == 0)
    return with_hunks(repo, found, ours, theirs)


def merge_many(
    repo: Repository, pairs: Sequence[tuple[str, str]], env: Mapping[str, str] | None = None
) -> Iterator[Merge]:
    """The same for many pairs by one git; conflicts come without their lines, which `with_hunks` finds."""
    if not pairs:
        return
    done = repo.run(*_OPTIONS, "--stdin", env=env, stdin="".join(f"{a} {b}\n" for a, b in pairs).encode())
    if not done:
        raise GitError(f"{len(pairs)} merges can't be computed.", detail=done.complaint)
    fields = iter(done.text.split("\0"))
    for _ in pairs:
        yield _read(fields, is_clean=next(fields) == "1")


def with_hunks(repo: Repository, found: Merge, ours: str, theirs: str, env: Mapping[str, str] | None = None) -> Merge:
    """`found`, which is the merge of these two commits, with the lines of its conflicts."""
    placed = []
    for conflict in found.conflicts:
        blob = f"{found.tree}:{conflict.path}"
        size = repo.run("cat-file", "-s", blob, env=env) if conflict.kind in ("contents", "add/add") else None
        if size and int(size.text) <= _LARGEST:
            content = repo.run("cat-file", "blob", blob, env=env).out
            placed.append(replace(conflict, hunks=find_hunks(content, ours, theirs)))
        else:
            placed.append(conflict)
    return Merge(found.tree, tuple(placed))


def _read(fields: Iterator[str], *, is_clean: bool) -> Merge:
    """One answer of git: the tree, the unmerged entries, an empty field, then messages (count, paths, kind, text)."""
    tree = next(fields)
    paths: dict[str, None] = {}
    while entry := next(fields, ""):
        paths.setdefault(entry.partition("\t")[2])
    told: dict[str, tuple[str, str]] = {}
    while count := next(fields, ""):
        names = [next(fields) for _ in range(int(count))]
        kind, text = next(fields), next(fields).strip()
        if kind.startswith("CONFLICT"):
            word = kind.partition("(")[2].rstrip(")") or kind
            for name in names:
                told.setdefault(name, (word, text))
    if is_clean:
        return Merge(tree)
    # A rename may make git tell of a path that has no unmerged entry, and the other way round.
    every = {**paths, **dict.fromkeys(name for name in told if not paths)}
    return Merge(tree, tuple(Conflict(os.fspath(name), *told.get(name, ("contents", ""))) for name in every))
