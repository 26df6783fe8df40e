"""Save a worktree whole, and bring it back byte for byte.

A snapshot is one commit under the ref that the caller names. Its tree:

    snapshot.json   branch, tip, permissions, empty folders, what the other entries belong to
    work/           the files as they lie on disk: no filter has touched them
    index           the raw index
    staged/         the index as a tree, and `conflicts/` the contents of unmerged paths: both keep the objects alive
    state/          unfinished merges, rebases and bisections, the reflog, the sparse patterns
    nested-N-…/     repositories inside it, see nested.py

Its parents are the tip and whatever else unfinished work leads to. Contents of files that git or git-lfs would encrypt
or store elsewhere lie in it as they were on disk; the refs are local and no ordinary push takes them along.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from agentdeck.core.frozen import dataclass, field, replace
from agentdeck.errors import GitError, NotFoundError, RefusedError
from agentdeck.system.files.files import from_json, locked
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.git import untrusted
from agentdeck.system.git.branches import free_name
from agentdeck.system.git.captures import Capture, capture, mode_kind
from agentdeck.system.git.checkouts import (
    Worktree,
    enter,
    find_worktree,
    is_bare,
    list_worktrees,
    main_folder,
    share_keys,
)
from agentdeck.system.git.identity import mark_ready
from agentdeck.system.git.nested import make_folders, restore_nested
from agentdeck.system.git.rawtrees import RawTrees, listing
from agentdeck.system.git.repository import Repository
from agentdeck.system.git.submodules import check_out

_FORMAT = 1
_IDENTITY = {
    "GIT_AUTHOR_NAME": "agentdeck",
    "GIT_AUTHOR_EMAIL": "agentdeck.localhost",
    "GIT_COMMITTER_NAME": "agentdeck",
    "GIT_COMMITTER_EMAIL": "agentdeck.localhost",
}

_EMPTY = {
    "sha1": "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    "sha256": "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
}
"""The id of the empty file."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    ref: str
    commit: str
    branch: str | None
    """The branch that was checked out; None when detached."""
    tip: str | None
    """The commit that was checked out; None before a branch's first."""
    work_tree: str
    taken: float
    """Seconds since the epoch."""
    ignored: bool
    """Whether git-ignored files are in it."""
    is_clean: bool
    """Whether it holds nothing that its tip does not hold."""
    fingerprint: str
    """Equal for two snapshots of the same content."""
    branches: dict[str, str] = field(default_factory=dict)
    """The branches that come back with it, and their tips."""


def take(
    repo: Repository, worktree: Path, ref: str, *, message: str, ignored: bool = False, branches: Iterable[str] = ()
) -> Snapshot:
    """Save the worktree under `ref`, its own index and files untouched; HEAD's branch, and `branches` too.

    Without `ignored`, git-ignored files are left out. Where `ref` has a snapshot already, that one is returned if
    nothing changed since; else it becomes a parent of the new one. Raise RefusedError where something can't be read.
    """
    found = find_worktree(repo, worktree)
    if found is None or found.bare:
        raise NotFoundError(f"{worktree} is not a worktree of this repository.")
    return take_of(repo, found, ref, message=message, ignored=ignored, branches=branches)


def take_of(
    repo: Repository,
    worktree: Worktree,
    ref: str,
    *,
    message: str,
    ignored: bool = False,
    branches: Iterable[str] = (),
) -> Snapshot:
    """As `take`, of a worktree that was found, or moved out of its place."""
    before = repo.commit(ref)
    with RawTrees.of(repo) as raw:
        captured = capture(repo, raw, worktree, ignored=ignored, branches=branches)
        if before and (there := load(repo, ref)).fingerprint == captured.fingerprint:
            return there
    facts = {
        "format": _FORMAT,
        "branch": captured.branch,
        "tip": captured.tip,
        "staged": captured.staged,
        "work": captured.work,
        "taken": time.time(),
        "ignored": ignored,
        "clean": captured.is_clean(),
        "fingerprint": captured.fingerprint,
        **captured.facts,
    }
    commit = _commit(repo, captured, facts, message, [before] if before else [])
    repo.git("update-ref", ref, commit, before or "0" * len(commit))
    return _from_facts(ref, commit, facts)


def discard(repo: Repository, saved: Snapshot) -> None:
    """Let go of a snapshot; one that is gone, or was replaced meanwhile, is left alone."""
    deleted = repo.run("update-ref", "-d", saved.ref, saved.commit)
    if not deleted and repo.commit(saved.ref) == saved.commit:
        raise GitError(f"The snapshot {saved.ref} can't be deleted.", detail=deleted.complaint)


def load(repo: Repository, ref: str) -> Snapshot:
    """The snapshot at `ref`; raise NotFoundError where there is none."""
    commit, facts = _read(repo, ref)
    return _from_facts(ref, commit, facts)


def restore(repo: Repository, ref: str, path: Path) -> Worktree:
    """Make a worktree at `path` with all that the snapshot holds; complete one that an earlier call left half-made.

    Its branch is made again at the saved tip. Where the branch has moved, or is checked out elsewhere, the worktree
    gets a new branch at the saved tip, and says so in its `note`. Raise RefusedError where `path` is not free.
    """
    commit, facts = _read(repo, ref)
    reason = f"agentdeck is restoring {commit}"
    worktree = _registered(repo, path, commit, reason)
    if facts.get("boxed"):
        untrusted.mark(repo.common, worktree.git_dir)
    notes = _restore_branches(repo, worktree, facts)
    with RawTrees.of(repo) as raw:
        raw.unpack(f"{commit}:work", path)
        make_folders(path, facts["empty"])
        for number, inner in enumerate(facts["nested"]):
            if inner["kind"] != "pristine":
                trees = {name: f"{commit}:nested-{number}-{name}" for name in ("files", "git")}
                restore_nested(raw, worktree, inner, trees)
        _restore_state(raw, worktree, commit)
    for name, oid in facts.get("refs", {}).items():
        repo.git("update-ref", "--no-deref", name, oid, env={"GIT_DIR": str(worktree.git_dir)})
    here = enter(repo, worktree)
    _restore_index(here, worktree, commit)
    pristine = [inner["path"] for inner in facts["nested"] if inner["kind"] == "pristine"]
    notes += check_out(here, repo.common / "modules", pristine) if pristine else []
    _restore_modes(path, facts)
    mark_ready(path, worktree.git_dir)
    repo.git("worktree", "unlock", path)
    return replace(find_worktree(repo, path) or worktree, note="\n".join(notes))


def _commit(repo: Repository, captured: Capture, facts: dict[str, Any], message: str, before: list[str]) -> str:
    files = {"snapshot.json": json.dumps(facts, separators=(",", ":"), sort_keys=True).encode()}
    if captured.index is not None:
        files["index"] = captured.index
    with scratch_folder() as scratch:
        paths = [scratch / name for name in files]
        for path in paths:
            path.write_bytes(files[path.name])
        blobs = repo.lines("hash-object", "-w", "--no-filters", "--", *paths)
    parts = {
        **{name: ("blob", blob) for name, blob in zip(files, blobs, strict=True)},
        "work": ("tree", captured.work),
        "staged": ("tree", captured.staged),
        **captured.parts,
    }
    modes = {"blob": "100644", "tree": "040000"}
    lines = "".join(f"{modes[kind]} {kind} {oid}\t{name}\n" for name, (kind, oid) in parts.items())
    tree = repo.git("mktree", stdin=lines.encode())
    parents = [word for parent in [*captured.parents(), *before] for word in ("-p", parent)]
    return repo.git("commit-tree", tree, *parents, "-m", message, env=_IDENTITY)


def _read(repo: Repository, ref: str) -> tuple[str, dict[str, Any]]:
    commit = repo.commit(ref)
    text = repo.blob(f"{commit}:snapshot.json") if commit else None
    if commit is None or text is None:
        raise NotFoundError(f"There is no snapshot at {ref}.")
    facts: dict[str, Any] = from_json(text)
    if facts["format"] > _FORMAT:
        raise RefusedError(f"The snapshot at {ref} was written by a newer agentdeck.", hint="Upgrade agentdeck.")
    return commit, facts


def _from_facts(ref: str, commit: str, facts: dict[str, Any]) -> Snapshot:
    return Snapshot(
        ref=ref,
        commit=commit,
        branch=facts["branch"],
        tip=facts["tip"],
        work_tree=facts["work"],
        taken=facts["taken"],
        ignored=facts["ignored"],
        is_clean=facts["clean"],
        fingerprint=facts["fingerprint"],
        branches={name: branch["tip"] for name, branch in facts["branches"].items()},
    )


def _registered(repo: Repository, path: Path, commit: str, reason: str) -> Worktree:
    """An empty worktree at `path`, locked with `reason`: a new one, or the one an earlier call made."""
    with locked(repo.common / "agentdeck" / "worktrees.lock", wait=60, what="this repository's worktrees"):
        worktree = find_worktree(repo, path)
        if worktree is not None and worktree.locked == reason and path.exists():
            return worktree
        if os.path.lexists(path) and (path.is_symlink() or not path.is_dir() or any(path.iterdir())):
            raise RefusedError(f"{path} is not empty, so nothing was restored there.", hint="Move it away first.")
        if worktree is not None and worktree.locked is not None:
            raise RefusedError(f"{path} belongs to a locked worktree whose folder is gone.", detail=worktree.locked)
        start = repo.at(repo.common if is_bare(repo) else main_folder(repo))
        path.parent.mkdir(parents=True, exist_ok=True)
        # At the snapshot's own commit, which is there even when no commit was checked out in what it saved.
        words = ["worktree", "add", "--quiet", "--detach", "--no-checkout", "--lock", "--reason", reason]
        start.git(*words, *(["--force"] if worktree else []), "--", path, commit)
        worktree = find_worktree(repo, path)
    if worktree is None:
        raise GitError(f"git made no worktree at {path}.")
    share_keys(repo, worktree.git_dir)
    return worktree


def _restore_branches(repo: Repository, worktree: Worktree, facts: dict[str, Any]) -> list[str]:
    """Make the saved branches where they are gone, and point HEAD as it was; return what had to be different."""
    own = {"GIT_DIR": str(worktree.git_dir)}
    used = {other.branch for other in list_worktrees(repo) if other.git_dir != worktree.git_dir and other.path.exists()}
    head, notes = facts["branch"], []
    for name, saved in facts["branches"].items():
        ref, tip = f"refs/heads/{name}", saved["tip"]
        now = repo.commit(ref)
        if now is None:
            repo.git("update-ref", "-m", "agentdeck: restored", ref, tip, "0" * len(tip))
            for key, value in saved["settings"]:
                repo.git("config", f"branch.{name}.{key}", value)
        elif name == head and worktree.branch and worktree.branch.startswith(f"{name}-restored"):
            head = worktree.branch
        elif name == head and (now != tip or name in used):
            head = free_name(repo, f"{name}-restored")
            why = "is checked out elsewhere" if name in used else f"has moved on to {now[:12]}"
            notes.append(f"The branch {name} {why}; the restored work is on the new branch {head}.")
            repo.git("update-ref", "-m", "agentdeck: restored", f"refs/heads/{head}", tip, "0" * len(tip))
    if not _can_be_head(repo, head, facts["tip"]):
        head = next((name for name in facts["branches"] if name not in used), None)
        if head is None:
            return notes
        notes.append(f"HEAD was damaged; it is on the branch {head} now.")
    if head is None:
        repo.git("update-ref", "--no-deref", "HEAD", facts["tip"], env=own)
    else:
        repo.git("symbolic-ref", "HEAD", f"refs/heads/{head}", env=own)
    return notes


def _can_be_head(repo: Repository, branch: str | None, tip: str | None) -> bool:
    """Whether git takes that for a HEAD: an agent may have written anything there."""
    if not branch:
        return branch is None and tip is not None
    ref = f"refs/heads/{branch}"
    return repo.commit(ref) is not None or bool(repo.run("check-ref-format", ref))


def _restore_state(raw: RawTrees, worktree: Worktree, commit: str) -> None:
    """Put back the files of the worktree's git folder, and take away what git copied there from another worktree."""
    for name in ("ORIG_HEAD", "config.worktree", "info/sparse-checkout", "logs/HEAD"):
        (worktree.git_dir / name).unlink(missing_ok=True)
    raw.unpack(f"{commit}:state", worktree.git_dir)


def _restore_index(here: Repository, worktree: Worktree, commit: str) -> None:
    saved = here.blob(f"{commit}:index")
    if saved is None:
        return
    put_index(worktree, saved)
    # A file that was announced with “git add -N” is the empty one to the index, and nothing may have kept that.
    if bytes.fromhex(_EMPTY[here.hash_kind]) in saved or b"link" in saved:  # a split index has it elsewhere
        here.git("hash-object", "-w", "--stdin", stdin=b"")
    here.run("update-index", "-q", "--refresh")


def put_index(worktree: Worktree, content: bytes) -> None:
    """Let a worktree have that index; it is never half-written."""
    new = worktree.git_dir / "agentdeck-index"
    new.write_bytes(content)
    # An index this old makes git compare contents where it would believe time stamps, which are of the former files.
    os.utime(new, (1, 1))
    new.replace(worktree.git_dir / "index")


def _restore_modes(path: Path, facts: dict[str, Any]) -> None:
    found = listing(path)
    modes = {name: (mode, mode_kind(mode)) for name, mode in found.modes.items()}
    modes |= {name: (mode, "folder") for name, mode in found.folders.items()}
    for name, (mode, kind) in sorted(modes.items(), reverse=True):
        wanted = facts["modes"].get(name, facts["usual_modes"].get(kind, mode))
        if mode != wanted:
            (path / name).chmod(wanted)
