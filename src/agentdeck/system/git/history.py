"""The commits of a branch that another one has not."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentdeck.system.git.repository import Repository

_RECORD = re.compile(r"^\x1e(?=[0-9a-f]{40,64}\x1f)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Commit:
    id: str
    at: float
    """Seconds since the epoch at which it was written."""
    author: str
    subject: str
    added: int = 0
    deleted: int = 0
    is_merge: bool = False


def commits(repo: Repository, base: str, tip: str, most: int = 1000) -> list[Commit]:
    """Those that `tip` has and `base` has not, newest first, `most` at most."""
    form = "--format=%x1e%H%x1f%at%x1f%P%x1f%an%x1f%s"
    # log.showSignature would put gpg's words between the records.
    text = repo.git(
        "log", "--no-show-signature", f"--max-count={most}", "--numstat", "--no-renames", form, f"{base}..{tip}", "--"
    )
    return [_commit(record) for record in _RECORD.split(text) if record.strip()]


def _commit(record: str) -> Commit:
    head, *rest = record.split("\n")
    id_, at, parents, author, subject = head.split("\x1f", 4)
    counts = [line.split("\t", 2)[:2] for line in rest if line.count("\t") >= 2]
    added, deleted = (sum(int(each[side]) for each in counts if each[side].isdigit()) for side in (0, 1))
    return Commit(id_, float(at), author, subject, added, deleted, " " in parents)
