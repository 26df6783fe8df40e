"""The commits of a branch that another one has not."""

from __future__ import annotations

import re
from collections.abc import Collection

from agentdeck.core.frozen import dataclass
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


@dataclass(frozen=True, slots=True)
class CommitHead:
    """All that a commit says beside its changes."""

    id: str
    author: str
    authored: float
    """Seconds since the epoch."""
    committer: str
    committed: float
    parents: tuple[str, ...]
    message: str
    """Its subject and body, without the trailers."""
    trailers: tuple[str, ...]


def head(repo: Repository, commit: str) -> CommitHead:
    form = "--format=%H%x1f%an <%ae>%x1f%at%x1f%cn <%ce>%x1f%ct%x1f%P%x1f%(trailers:only,unfold)%x1f%B"
    fields = repo.git("log", "--no-show-signature", "-1", form, commit, "--").split("\x1f", 7)
    id_, author, authored, committer, committed, parents, trailers, message = fields
    told = [line for line in trailers.splitlines() if line.strip()]
    rest = message.rstrip()
    if told:
        # The trailers are the last paragraph; what git joined into one line may be several there.
        paragraphs = re.split(r"\n\s*\n", rest)
        rest = "\n\n".join(paragraphs[:-1]) if len(paragraphs) > 1 else rest
    return CommitHead(
        id_, author, float(authored), committer, float(committed), tuple(parents.split()), rest, tuple(told)
    )


def committers(repo: Repository, ids: Collection[str]) -> dict[str, str]:
    """Who committed each of those full ids, as `NAME <EMAIL>`; one that is gone is not there."""
    known = [oid for oid, kind in repo.kinds(ids).items() if kind == "commit"] if ids else []
    if not known:
        return {}
    form = "--format=%H%x1f%cn <%ce>"
    told = repo.git("log", "--no-show-signature", "--no-walk", "--stdin", form, stdin="\n".join(known).encode())
    return dict(line.split("\x1f", 1) for line in told.splitlines())


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
