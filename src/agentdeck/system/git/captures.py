"""Read everything that a worktree holds and git would not bring back, into the repository's objects.

Nothing in the worktree or its git folder is written: the index is read as a copy, and so is the state of an unfinished
merge or rebase.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from agentdeck.core.frozen import dataclass, field
from agentdeck.core.text.hashes import sha256, sha256_of
from agentdeck.core.text.patterns import late
from agentdeck.errors import GitError
from agentdeck.system.files.files import bytes_of, opened, sign, text_of
from agentdeck.system.git import untrusted
from agentdeck.system.git.branches import branch_settings
from agentdeck.system.git.checkouts import Worktree, keeps_refs_in_tables, worktrees_in
from agentdeck.system.git.identity import identify
from agentdeck.system.git.nested import Nested, capture_nested, hidden_work
from agentdeck.system.git.rawtrees import RawTrees, TreeListing, listing, unreadable
from agentdeck.system.git.repository import Repository
from agentdeck.system.machine.process import Result

_NOT_STATE = frozenset(
    {"index", "gitdir", "commondir", "locked", "HEAD", "modules", "reftable", "fsmonitor--daemon", "git-crypt"}
)
"""What a linked worktree's git folder holds beside its state: made anew, or saved on its own."""
_STATE_OF_MAIN = late(
    r"[A-Z_]+_(HEAD|MSG|MODE|RR)|AUTO_MERGE|BISECT_[A-Z_]+|config\.worktree|sharedindex\..*"
    r"|(rebase-merge|rebase-apply|sequencer|refs/bisect|refs/worktree|refs/rewritten)/.*|info/sparse-checkout|logs/HEAD"
)
"""The same state in the main worktree's git folder, which holds the whole repository beside it."""
_UNFINISHED = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_", "rebase-", "sequencer/")
_PRIVATE_REFS = ("refs/bisect/", "refs/worktree/", "refs/rewritten/")
_CONVERTING = ("text", "crlf", "eol", "filter", "ident", "working-tree-encoding")


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One line of the index."""

    flag: str
    """`H`, or what is special: `S` skip-worktree, `M` unmerged, a small letter assume-unchanged."""
    mode: str
    oid: str
    stage: int
    path: str

    @property
    def is_submodule(self) -> bool:
        return self.mode == "160000"


@dataclass
class Capture:
    branch: str | None
    tip: str | None
    staged: str
    """The index as a tree, unmerged entries left out."""
    work: str
    """The files as they lie on disk, as a tree."""
    parts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The other objects of the snapshot by name: `tree` or `blob`, and the id."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What is not an object."""
    index: bytes | None = None
    """The raw index."""
    is_clean: Callable[[], bool] = bool
    """Whether all that it holds is in its tip. Asked of git, as are the parents, for a snapshot that is written."""
    parents: Callable[[], list[str]] = list
    """Commits to keep alive: the tip first, then what unfinished work and the reflog lead to."""

    @property
    def fingerprint(self) -> str:
        """Alike for two captures exactly when the worktree was the same, the index's time stamps aside."""
        content = [self.branch, self.tip, self.staged, self.work, self.parts, self.facts]
        return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def capture(
    repo: Repository, raw: RawTrees, worktree: Worktree, *, ignored: bool, branches: Iterable[str] = ()
) -> Capture:
    """Write the objects of a snapshot of `worktree`, with its git-ignored files where `ignored`, and of its branch and
    `branches`.

    Where its folder is gone, or is another by now, its files are taken to be as the index has them.
    """
    is_there = worktree.home is not None or identify(worktree.path, worktree.git_dir).is_ours
    view = _View(repo, worktree, is_there)
    index = raw.adopt_index(worktree.git_dir)
    seen = (worktree.git_dir, sha256(index or b"").digest())
    entries = repo.once(("entries", seen), view.entries)
    unmerged = [entry for entry in entries if entry.stage]
    folder = view.place
    raw.forget(folder, {entry.path for entry in unmerged})
    staged = repo.once(("staged", seen), lambda: raw.tree(folder))
    others, skipped = view.others(), () if ignored else view.ignored()
    try:
        found = listing(worktree.path, others.union(skipped)) if view.has_files else None
    except OSError as error:
        raise unreadable(worktree.path, Path(error.filename or worktree.path)) from error
    raw.forget(folder, _untrusted(view, entries, found))
    if found is not None:
        raw.put(folder, found.files)
    result = Capture(worktree.branch, worktree.head, staged, raw.tree(folder), index=index)
    if unmerged:
        result.parts["conflicts"] = ("tree", _tree_of_blobs(repo, unmerged))
    state = _state_files(repo, worktree)
    looks = tuple((path, _look_of(worktree.git_dir / path)) for path in state)
    tree = repo.once(("state", worktree.git_dir, looks), lambda: raw.tree_of(worktree.git_dir, state))
    result.parts["state"] = ("tree", tree)
    result.facts = {"index": _digest(entries), **_shape(found)}
    links = {entry.path: entry.oid for entry in entries if entry.is_submodule}
    nested: list[Nested] = []
    hidden = hidden_work(repo, worktree, worktree.path, skipped, others) if found else []
    for path in [*(found.repositories if found else ()), *hidden]:
        nested += capture_nested(repo, raw, worktree, path, link=links.get(path), ignored=ignored)
    for number, inner in enumerate(nested):
        result.parts |= {f"nested-{number}-{name}": ("tree", tree) for name, tree in inner.trees.items()}
    result.facts["boxed"] = untrusted.is_marked(repo.common, worktree.git_dir)
    result.facts["nested"] = [inner.facts for inner in nested]
    result.facts["branches"] = _branches(repo, worktree, branches)
    if keeps_refs_in_tables(repo):
        result.facts["refs"] = view.private_refs()
    result.is_clean = lambda: (
        found is not None
        # What a submodule holds is looked at below; git can't look into one out of its place.
        and not view.lines("status", "-z", "--porcelain", "--untracked-files=all", "--ignore-submodules=dirty")
        and not any(path.startswith(_UNFINISHED) for path in [*state, *result.facts.get("refs", {})])
        and all(inner.facts["kind"] == "pristine" for inner in nested)
    )
    result.parents = lambda: _parents(repo, worktree, state, result, view.reflog() if "refs" in result.facts else [])
    return result


def _look_of(file: Path) -> tuple[int, bytes]:
    """The mode of a file, and its content or where it leads."""
    if file.is_symlink():
        return file.lstat().st_mode, bytes(file.readlink())
    with opened(file) as content:
        found = file.stat()
        return found.st_mode, sha256_of(content, found.st_size)


@dataclass(frozen=True)
class _View:
    """git in the worktree by way of its git folder, so that a `.git` that was deleted leads to no other repository."""

    repo: Repository
    worktree: Worktree
    has_files: bool
    """Whether its folder is there."""

    @property
    def place(self) -> Path:
        """Its folder; where that is gone, its git folder, for git must run somewhere."""
        return self.worktree.path if self.has_files else self.worktree.git_dir

    def run(self, *words: str, stdin: bytes | None = None) -> Result:
        env = {"GIT_DIR": str(self.worktree.git_dir), "GIT_WORK_TREE": str(self.place)}
        return self.repo.at(self.place).run(*words, env=env, stdin=stdin)

    def lines(self, *words: str, stdin: bytes | None = None) -> list[str]:
        """The NUL-ended records that git prints."""
        done = self.run(*words, stdin=stdin)
        if not done:
            raise GitError(f"git {words[0]} failed in {self.worktree.path}.", detail=done.complaint)
        return done.text.split("\0")[:-1]

    def entries(self) -> list[IndexEntry]:
        found = []
        for line in self.lines("ls-files", "-z", "-v", "--stage"):
            head, path = line.split("\t", 1)
            flag, mode, oid, stage = head.split(" ")
            found.append(IndexEntry(flag, mode, oid, int(stage), path))
        return found

    def others(self) -> set[str]:
        """The other worktrees in its folder, which are not its to save."""
        own = self.worktree.home or self.worktree.path
        inner = worktrees_in(self.repo, own)
        return {os.path.relpath(os.path.realpath(other.path), os.path.realpath(own)) for other in inner}

    def ignored(self) -> set[str]:
        words = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
        return {path.rstrip("/") for path in self.lines(*words)}

    def private_refs(self) -> dict[str, str]:
        """The refs that are this worktree's alone, but for HEAD, with what they point to."""
        told = self.run("for-each-ref", "--include-root-refs", "--format=%(refname) %(objectname)").text
        refs = dict(line.split(" ") for line in told.splitlines())
        own = [name for name in refs if ("/" not in name and name != "HEAD") or name.startswith(_PRIVATE_REFS)]
        return {name: refs[name] for name in own}

    def reflog(self) -> list[str]:
        return self.run("log", "-g", "--format=%H", "HEAD").text.split()

    def _attribute_files(self, paths: list[str]) -> list[Path]:
        """Where git may read attributes of `paths` from, but for what is the whole machine's."""
        folders = {""}
        for path in paths:
            while (path := path.rpartition("/")[0]) not in folders:
                folders.add(path)
        own = [self.repo.common / "info" / "attributes", self.worktree.git_dir / "index"]
        return [*own, *(self.place / folder / ".gitattributes" for folder in sorted(folders))]

    def converted(self, paths: list[str]) -> list[str]:
        """Those of `paths` whose bytes on disk may differ from the index's although git calls them unchanged."""
        names = os.fsencode("".join(f"{path}\0" for path in paths))
        rules = tuple(sign(file) for file in self._attribute_files(paths))
        fields = self.repo.once(
            ("attributes", self.worktree.git_dir, names, rules),
            lambda: self.lines("check-attr", "-z", "--stdin", *_CONVERTING, stdin=names),
        )
        here = self.repo.at(self.place, self.worktree.git_dir)
        everywhere = (here.setting("core.autocrlf") or "").lower() in ("true", "input", "1", "yes")
        found = set()
        for path, attribute, value in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
            if value not in ("unspecified", "unset") or (everywhere and attribute == "text" and value != "unset"):
                found.add(path)
        return list(found)


def _untrusted(view: _View, entries: list[IndexEntry], found: TreeListing | None) -> set[str]:
    """The paths at which the index must not be believed about what lies on disk."""
    if found is None:
        return {entry.path for entry in entries if entry.flag in "Ss" or entry.is_submodule}
    there = set(found.files)
    plain = [entry.path for entry in entries if entry.flag == "H" and not entry.is_submodule and entry.path in there]
    return {entry.path for entry in entries}.difference(plain) | set(view.converted(plain))


def _state_files(repo: Repository, worktree: Worktree) -> list[str]:
    """The files of the worktree's git folder that tell of unfinished work, its reflog and its own settings."""
    if worktree.git_dir == repo.common:
        places = ("", "info", "logs", "rebase-merge", "rebase-apply", "sequencer", "refs")
        found: list[str] = []
        for place in places:
            folder = repo.common / place
            names = listing(folder).files if place not in ("", "info", "logs") and folder.is_dir() else []
            if place in ("", "info", "logs") and folder.is_dir():
                names = [entry.name for entry in folder.iterdir() if entry.is_file()]
            found += [f"{place}/{name}" if place else name for name in names]
        return sorted(path for path in found if _STATE_OF_MAIN.fullmatch(path) and not path.endswith(".lock"))
    files = listing(worktree.git_dir, _NOT_STATE).files
    return [path for path in files if not path.endswith(".lock") and not path.startswith("agentdeck-")]


def _tree_of_blobs(repo: Repository, entries: Iterable[IndexEntry]) -> str:
    """A tree that keeps the contents of `entries` alive, each under its id."""
    blobs = {entry.oid: entry.mode for entry in entries if not entry.is_submodule}
    lines = "".join(f"100644 blob {oid}\t{oid}\n" for oid in sorted(blobs))
    return repo.git("mktree", "--missing", stdin=lines.encode())


def _digest(entries: list[IndexEntry]) -> str:
    text = "".join(f"{entry.flag} {entry.mode} {entry.oid} {entry.stage}\t{entry.path}\0" for entry in entries)
    return sha256(os.fsencode(text)).hexdigest()


def _shape(found: TreeListing | None) -> dict[str, Any]:
    """What trees can't hold: empty folders and permissions."""
    if found is None:
        return {"empty": [], "usual_modes": {}, "modes": {}}
    kinds = {path: mode_kind(mode) for path, mode in found.modes.items()} | dict.fromkeys(found.folders, "folder")
    modes = found.modes | found.folders
    counts: dict[str, Counter[int]] = {}
    for path, mode in modes.items():
        counts.setdefault(kinds[path], Counter())[mode] += 1
    usual = {kind: count.most_common(1)[0][0] for kind, count in counts.items()}
    return {
        "empty": found.empty,
        "usual_modes": usual,
        "modes": {path: mode for path, mode in modes.items() if mode != usual[kinds[path]]},
    }


def mode_kind(mode: int) -> str:
    return "program" if mode & 0o100 else "plain"


def _branches(repo: Repository, worktree: Worktree, others: Iterable[str]) -> dict[str, Any]:
    """The branches that are this worktree's to work on, with their tips and settings: HEAD's, one being rebased, and
    `others`."""
    names = [worktree.branch] if worktree.branch else []
    for place in ("rebase-merge", "rebase-apply"):
        head_name = worktree.git_dir / place / "head-name"
        if head_name.is_file() and (ref := text_of(head_name).strip()).startswith("refs/heads/"):
            names.append(ref.removeprefix("refs/heads/"))
    tips = {name: repo.commit(f"refs/heads/{name}") for name in dict.fromkeys([*names, *others])}
    return {name: {"tip": tip, "settings": branch_settings(repo, name)} for name, tip in tips.items() if tip}


def _parents(repo: Repository, worktree: Worktree, state: list[str], result: Capture, reflog: list[str]) -> list[str]:
    tips = [branch["tip"] for branch in result.facts["branches"].values()]
    first = [result.tip] if result.tip else []
    named: set[str] = {tip for tip in tips if tip != result.tip} | set(result.facts.get("refs", {}).values())
    remembered = set(reflog)
    for path in state:
        if (worktree.git_dir / path).is_symlink():
            continue
        ids = re.findall(rb"\b[0-9a-f]{40}(?:[0-9a-f]{24})?\b", bytes_of(worktree.git_dir / path))
        (remembered if path.startswith("logs/") else named).update(os.fsdecode(oid) for oid in ids)
    heads = _heads(repo, named | remembered, result.tip)
    if heads is None:  # A reflog may lead to commits that were collected as garbage in part.
        heads = _heads(repo, named, result.tip) or []
    return first + heads


def _heads(repo: Repository, ids: set[str], tip: str | None) -> list[str] | None:
    """Those of `ids` that are commits which neither `tip` nor another one leads to; None where history is broken."""
    ids.discard(tip or "")
    commits = [oid for oid, kind in repo.kinds(sorted(ids)).items() if kind == "commit"]
    if not commits:
        return []
    asked_for = "\n".join([*commits, f"^{tip}" if tip else ""]).rstrip() + "\n"
    walked = repo.run("rev-list", "--parents", "--stdin", stdin=asked_for.encode())
    if not walked:
        return None
    lines = [line.split() for line in walked.text.splitlines()]
    reached = {parent for line in lines for parent in line[1:]}
    return [line[0] for line in lines if line[0] not in reached]
