"""Who moves a branch: one process at a time, over all that use the repository, and what it leaves when it is killed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.hashes import sha256
from agentdeck.errors import RefusedError
from agentdeck.system.files.files import is_locked, locked, private_folder
from agentdeck.system.git.repository import Repository

MOVE = "move.json"
"""The note of a move that has begun, see advance.py."""
STEP = "step.json"
"""The note of the step that a pull which has begun is going to be, see engine/landing/exchange.py."""


class MovedError(RefusedError):
    """The branch is not at the commit any more that it was to be moved from."""


@dataclass(frozen=True, slots=True)
class Move:
    branch: str
    old: str
    new: str

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.branch}"


@contextlib.contextmanager
def holding(repo: Repository, branch: str, *, wait: float = 0.0) -> Iterator[None]:
    """Be the only one, over all processes, who moves `branch`; raise BusyError after `wait` seconds."""
    with locked(file_of(repo, branch, "lock"), wait=wait, what=f"the branch {branch}"):
        yield


def is_held(repo: Repository, branch: str) -> bool:
    return is_locked(file_of(repo, branch, "lock"))


def file_of(repo: Repository, branch: str, kind: str) -> Path:
    """Where what is noted of a move of `branch` lies: `kind` is `lock`, or that of a note."""
    name = sha256(branch.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return private_folder(_folder(repo.common)) / f"{name}.{kind}"


def left(common: Path, kind: str) -> list[Path]:
    """The notes of that kind in the repository with this git folder whose branch nobody holds any more; costs a look
    into one folder."""
    notes = _folder(common).glob(f"*.{kind}")
    return [path for path in notes if not is_locked(path.with_name(path.name.replace(kind, "lock")))]


def compare_and_swap(repo: Repository, move: Move, reason: str) -> None:
    """Move the ref alone; raise MovedError where it is elsewhere, RefusedError where git refuses."""
    done = repo.run("update-ref", "-m", reason, move.ref, move.new, move.old)
    # A git that was killed may have moved it before.
    if not done and repo.commit(move.ref) != move.new:
        check_unmoved(repo, move)
        raise RefusedError(f"The branch {move.branch} can't be moved.", detail=done.complaint)


def check_unmoved(repo: Repository, move: Move) -> None:
    now = repo.commit(move.ref)
    if now != move.old:
        raise MovedError(f"The branch {move.branch} has moved on to {(now or 'nothing')[:12]}.", hint="Try again.")


def _folder(common: Path) -> Path:
    return common / "agentdeck" / "bases"
