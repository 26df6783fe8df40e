"""Merge commits inside the object database: no worktree, no index and no ref is touched (`git merge-tree`, 2.39)."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence

from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.merging.conflicts import Conflict, Sides, find_hunks, find_sides
from agentdeck.core.text.patterns import late_bytes
from agentdeck.core.tools import GIT, words
from agentdeck.errors import GitError, MissingToolError
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.git.checkouts import is_bare
from agentdeck.system.git.repository import Repository, git_in, version
from agentdeck.system.machine.process import Result

_OPTIONS = ("-c", "merge.conflictStyle=merge", "merge-tree", "--write-tree", "-z", "--messages")
_USAGE = 129
"""What git exits with for an option that it does not know."""
_WITH_LINES = ("contents", "add/add")
_FOUND = late_bytes(rb"([0-9a-f]+) (\w+) (\d+)\n")
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
    with _attributes(repo, ours) as (place, seen):
        done = place.run(*_OPTIONS, ours, theirs, env=seen)
    _check_known(done)
    if done.code not in (0, 1):
        raise GitError(
            f"{ours[:12]} and {theirs[:12]} can't be merged.", detail=done.complaint, hint=unrelated_hint(repo)
        )
    fields = iter(done.text.split("\0"))
    found = _read(fields, is_clean=done.code == 0)
    return with_hunks(repo, [(found, ours, theirs)])[0]


def unrelated_hint(repo: Repository) -> str:
    """What to do where two commits have no history in common; empty where nothing can be done."""
    if not (repo.common / "shallow").exists():
        return ""
    return f"This clone is shallow, so their common history may be missing: {git_in(repo.folder)} fetch --unshallow"


def merge_many(
    repo: Repository, pairs: Sequence[tuple[str, str]], env: Mapping[str, str] | None = None
) -> list[Merge | None]:
    """The same for many pairs by one git; None for a pair that can't be merged. The conflicts come without their lines,
    which `with_hunks` finds."""
    if not pairs:
        return []
    with _attributes(repo, pairs[0][0]) as (place, seen):
        asked = "".join(f"{a} {b}\n" for a, b in pairs)
        done = place.run(*_OPTIONS, "--stdin", env={**(env or {}), **seen}, stdin=asked.encode())
    _check_known(done)
    if done:
        fields = iter(done.text.split("\0"))
        return [_read(fields, is_clean=next(fields) == "1") for _ in pairs]
    if len(pairs) == 1:
        return [None]
    # git stops at the first pair that can't be merged, and does not tell which one that is.
    half = len(pairs) // 2
    return merge_many(repo, pairs[:half], env) + merge_many(repo, pairs[half:], env)


@contextlib.contextmanager
def _attributes(repo: Repository, commit: str) -> Iterator[tuple[Repository, dict[str, str]]]:
    """Where to run a merge, and with what, so that it heeds the attributes of `commit` also in a bare repository: git
    reads them from a checkout, which there is made of the attributes alone."""
    if not is_bare(repo):
        yield repo, {}
        return
    with scratch_folder() as folder:
        packed = repo.run("archive", "--format=tar", commit, ":(glob)**/.gitattributes")
        if packed:
            import tarfile

            with tarfile.open(fileobj=io.BytesIO(packed.out)) as files:
                for file in files:
                    if (content := files.extractfile(file)) is not None:
                        path = folder / file.name
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(content.read())
        yield replace(repo, folder=folder, bare=False, git_dir=repo.common), {"GIT_WORK_TREE": str(folder)}


def _check_known(done: Result) -> None:
    """Raise MissingToolError where this git has no such merge-tree."""
    if done.code != _USAGE:
        return
    needed, found = map(words, (GIT, version()))
    raise MissingToolError(
        f"git {needed} or newer is needed to merge; {found} is installed.",
        hint="“agentdeck doctor” says how to install it.",
    )


def with_hunks(
    repo: Repository, found: Sequence[tuple[Merge, str, str]], env: Mapping[str, str] | None = None
) -> list[Merge]:
    """Each merge of these, which is that of the two commits beside it, with the lines of its conflicts."""
    asked = [
        f"{merged.tree}:{conflict.path}"
        for merged, _, _ in found
        for conflict in merged.conflicts
        if conflict.kind in _WITH_LINES
    ]
    contents = _contents(repo, asked, env)
    placed = []
    for merged, ours, theirs in found:
        conflicts = []
        for conflict in merged.conflicts:
            content = contents.get(f"{merged.tree}:{conflict.path}") if conflict.kind in _WITH_LINES else None
            hunks = find_hunks(content, ours, theirs) if content is not None else ()
            conflicts.append(replace(conflict, hunks=hunks))
        placed.append(Merge(merged.tree, tuple(conflicts)))
    return placed


def sides_of(repo: Repository, merged: Merge, ours: str, theirs: str) -> dict[str, tuple[Sides, ...]]:
    """What both sides have in each place of each file that this merge could not put together, by path."""
    paths = [each.path for each in merged.conflicts if each.kind in _WITH_LINES]
    contents = _contents(repo, [f"{merged.tree}:{path}" for path in paths], None)
    return {path: find_sides(contents.get(f"{merged.tree}:{path}", b""), ours, theirs) for path in paths}


def merge_base(repo: Repository, one: str, other: str, env: Mapping[str, str] | None = None) -> str:
    """The last commit that both have in common (the first of several); empty where there is none."""
    return repo.run("merge-base", one, other, env=env).text.partition("\n")[0]


def changed_paths(
    repo: Repository, pairs: Sequence[tuple[str, str]], env: Mapping[str, str] | None = None
) -> list[frozenset[str]]:
    """For each two commits the paths that differ; a file that was moved counts at both places. By one git."""
    if not pairs:
        return []
    # A commit and another one as its parent: what it is shown to change is what differs between both.
    asked = "".join(f"{end} {start}\n" for start, end in pairs)
    options = ("--stdin", "-r", "-z", "--name-only", "--no-renames", "--always")
    fields = repo.git("diff-tree", *options, env=env, stdin=asked.encode()).split("\0")
    found: list[set[str]] = []
    for field in fields:
        if len(found) < len(pairs) and field == pairs[len(found)][1]:
            found.append(set())
        elif field:
            found[-1].add(field)
    return [frozenset(paths) for paths in found]


def folders_of(repo: Repository, tree: str, env: Mapping[str, str] | None = None) -> list[str]:
    """The folders of a tree, without its top."""
    return repo.git("ls-tree", "-r", "-d", "-z", "--name-only", tree, env=env).split("\0")[:-1]


def _contents(repo: Repository, names: Sequence[str], env: Mapping[str, str] | None) -> dict[str, bytes]:
    """The contents of those of `names`, each TREE:PATH, that are there and not too large; by two gits in all."""
    if not names:
        return {}
    told = repo.run(
        "cat-file", "--batch-check", "-z", env=env, stdin=os.fsencode("".join(f"{name}\0" for name in names))
    )
    oids: dict[str, bytes] = {}
    at = 0
    for name in names:
        if found := _FOUND.match(told.out, at):
            at = found.end()
            if found[2] == b"blob" and int(found[3]) <= _LARGEST:
                oids[name] = found[1]
        else:
            at += len(os.fsencode(name)) + len(b" missing\n")
    wanted = list(dict.fromkeys(oids.values()))
    read = repo.run("cat-file", "--batch", env=env, stdin=b"".join(oid + b"\n" for oid in wanted)) if wanted else None
    blobs: dict[bytes, bytes] = {}
    at = 0
    for oid in wanted if read else []:
        if read is not None and (found := _FOUND.match(read.out, at)):
            end = found.end() + int(found[3])
            blobs[oid] = read.out[found.end() : end]
            at = end + 1
    return {name: blobs[oid] for name, oid in oids.items() if oid in blobs}


def _read(fields: Iterator[str], *, is_clean: bool) -> Merge:
    """One answer of git: the tree, the unmerged entries, an empty field, then messages (count, paths, kind, text)."""
    tree = next(fields)
    paths: dict[str, None] = {}
    while entry := next(fields, ""):
        paths.setdefault(entry.partition("\t")[2])
    told: dict[str, tuple[str, str]] = {}
    # Of submodules git adds an advice, in the place of the empty field that ends the messages.
    while (count := next(fields, "")).isdigit():
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
