"""Who wrote which lines of a file."""

from __future__ import annotations

from collections.abc import Sequence

from agentdeck.core.frozen import dataclass
from agentdeck.system.git.repository import Repository


@dataclass(frozen=True, slots=True)
class LineAuthor:
    """One commit, and the lines of the file that it wrote last."""

    commit: str
    author: str
    subject: str
    lines: tuple[int, ...]
    """Their numbers in the file, from 1."""


def authors(repo: Repository, revision: str, path: str, spans: Sequence[tuple[int, int]]) -> list[LineAuthor]:
    """Who wrote these lines of `path` as they are in `revision`; each span is a first line and how many. In the order
    of the lines; [] where git can't tell."""
    words = [word for start, count in spans if count > 0 for word in ("-L", f"{start},+{count}")]
    if not words:
        return []
    told = repo.run("blame", "--incremental", *words, revision, "--", path)
    return _read(told.text.split("\n")) if told else []


def last_change(repo: Repository, begin: str, end: str, path: str) -> LineAuthor | None:
    """The last commit from `begin` to `end` that changed the file: for lines that are gone, which no blame knows."""
    told = repo.run("log", "-1", "--format=%H%x00%an%x00%s", f"{begin}..{end}", "--", path)
    fields = told.text.strip("\n").split("\0")
    return LineAuthor(fields[0], fields[1], fields[2], ()) if len(fields) == 3 else None


def _read(rows: Sequence[str]) -> list[LineAuthor]:
    """Groups of lines: `COMMIT BEFORE NOW COUNT`, what is new about the commit, and at last `filename …`."""
    known: dict[str, dict[str, str]] = {}
    lines: dict[str, set[int]] = {}
    commit = ""
    for row in rows:
        word, _, rest = row.partition(" ")
        if not commit:
            numbers = rest.split(" ")
            if len(numbers) == 3 and all(map(str.isdecimal, numbers)):
                commit = word
                known.setdefault(commit, {})
                lines.setdefault(commit, set()).update(range(int(numbers[1]), int(numbers[1]) + int(numbers[2])))
        elif word == "filename":
            commit = ""
        else:
            known[commit].setdefault(word, rest)
    found = [
        LineAuthor(commit, facts.get("author", ""), facts.get("summary", ""), tuple(sorted(lines[commit])))
        for commit, facts in known.items()
    ]
    return sorted(found, key=lambda each: each.lines)
