"""What a program writes outside of a linked worktree when it commits there: for sandboxes that hold all else back."""

from __future__ import annotations

from pathlib import Path

from agentdeck.system.git.heads import head_at

_HEADS = "refs/heads"


def commit_roots(common: Path, git_dir: Path) -> tuple[Path, ...]:
    """The least that a commit or a merge in the worktree with that git folder writes; the folders are there after.

    Its own git folder, the objects, and the folder that its branch is in with its log. Empty where all branches would
    be open with it: a branch in no folder, or refs in tables.
    """
    head = head_at(git_dir)
    if head is None:
        return ()
    roots = [git_dir, common / "objects"]
    if head.branch:
        folder, _, _ = head.branch.rpartition("/")
        if not folder:
            return ()
        # git takes an empty folder away, and a sandbox can't open what is not there.
        roots += [common / _HEADS / folder, common / "logs" / _HEADS / folder]
    for root in roots:
        root.mkdir(parents=True, exist_ok=True)
    return tuple(root.resolve() for root in roots)
