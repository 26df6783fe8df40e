"""What a program writes outside of a linked worktree when it commits there: for sandboxes that hold all else back."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from agentdeck.system.git.heads import head_at
from agentdeck.system.git.repository import Repository

_HEADS = "refs/heads"
_KEPT = "keep..lock"
"""A file that keeps git from taking a folder of branches away once all in it are packed. git passes over it as over a
lock, and no branch can be called so."""


def has_own_configuration(repo: Repository) -> bool:
    """Whether git takes configuration from each worktree's own git folder as well, as after `git sparse-checkout`."""
    return repo.setting("extensions.worktreeConfig", "bool") == "true"


def commit_roots(repo: Repository, git_dir: Path) -> tuple[Path, ...]:
    """The least that a commit or a merge in the worktree with that git folder writes; the folders are there after.

    Its own git folder, the objects, and the folder that its branch is in with its log. Empty where all branches would
    be open with it: a branch in no folder, or refs in tables. Empty too where its own git folder has configuration, for
    that names programs, which the next git outside of the sandbox would run.
    """
    common, head = repo.common, head_at(git_dir)
    if head is None or has_own_configuration(repo):
        return ()
    roots = [git_dir, common / "objects"]
    if head.branch:
        folder, _, _ = head.branch.rpartition("/")
        if not folder:
            return ()
        roots += [common / _HEADS / folder, common / "logs" / _HEADS / folder]
    for root in roots[2:]:
        root.mkdir(parents=True, exist_ok=True)
        (root / _KEPT).touch()
    return tuple(root.resolve() for root in roots)


def let_folder_go(common: Path, branch: str) -> None:
    """Undo what `commit_roots` did for a branch that is gone, unless there are others in its folder."""
    folder, _, _ = branch.rpartition("/")
    places = [common / _HEADS / folder, common / "logs" / _HEADS / folder]
    if not folder or not any((place / _KEPT).exists() for place in places):
        return
    with suppress(OSError):
        packed = common / "packed-refs"
        is_packed = packed.exists() and f" {_HEADS}/{folder}/" in packed.read_text("utf-8", "replace")
        if is_packed or any(each.name != _KEPT for each in places[0].iterdir()):
            return
    for place in places:
        with suppress(OSError):
            (place / _KEPT).unlink()
            place.rmdir()
