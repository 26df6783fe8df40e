"""Find the transcript that a CLI writes of a run. For the runner: standard library only."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from agentdeck.core.text.patterns import late
from agentdeck.core.transcripts.formats import Place, reader_of
from agentdeck.core.transcripts.reading import Lines, read_line
from agentdeck.core.transcripts.records import Kind
from agentdeck.system.files.files import opened, text_of

_HEAD = 256 * 1024
"""Bytes at the beginning of a transcript in which its folder is named."""
_CANDIDATES = 20
_SESSION = late(r"[\w.-]+")


def root_of(place: Place, environment: Mapping[str, str]) -> Path | None:
    """The folder that the CLI keeps its transcripts in, as it finds it in its own environment."""
    for root in place.roots:
        head, slash, rest = root.partition("/")
        if head == "~":
            head = environment.get("HOME") or ""
        elif head.startswith("$"):
            head = environment.get(head[1:], "")
        if head:
            return Path(f"{head}{slash}{rest}")
    return None


def of_session(place: Place, root: Path, session: str, cwd: str) -> Path | None:
    """The transcript of that session, the newest where there are several."""
    if not place.files or not _SESSION.fullmatch(session):
        return None
    found = _matching(root, place.files, cwd, session=session)
    return max(found, key=_time_of, default=None)


def newest(place: Place, root: Path, cwd: str, since: float) -> Path | None:
    """The transcript that was written last, not before `since`, of a session in the folder `cwd`."""
    found = [path for path in _matching(root, place.newest, cwd) if _time_of(path) >= since]
    for path in sorted(found, key=_time_of, reverse=True)[:_CANDIDATES]:
        if _names(place, path, cwd):
            return path
    return None


def subagents_of(place: Place, transcript: Path) -> list[Path]:
    """The transcripts of the sub-agents of the session that `transcript` is of."""
    if not place.subagents:
        return []
    pattern = place.subagents.replace("{stem}", glob.escape(transcript.stem))
    return sorted(transcript.parent.glob(pattern))


def _matching(root: Path, pattern: str, cwd: str, session: str = "*") -> Iterator[Path]:
    if not pattern:
        return iter(())
    slug = re.sub(r"[^A-Za-z0-9]", "-", cwd)
    return root.glob(pattern.replace("{slug}", slug).replace("{session}", session).replace("{session8}", session[:8]))


def _time_of(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _names(place: Place, path: Path, cwd: str) -> bool:
    """Whether the session began in `cwd`, and is no sub-agent's."""
    try:
        with opened(path) as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    if place.folder_in:
        return _same(_named_in(path.parent / place.folder_in), cwd)
    reader = reader_of(place.format)
    for line in Lines().feed(head):
        for record in read_line(reader, line):
            if record.kind is Kind.SESSION and record.text:
                return record.ok and _same(record.text, cwd)
    return False


def _named_in(path: Path) -> str:
    try:
        return text_of(path).strip()
    except OSError:
        return ""


def _same(folder: str, cwd: str) -> bool:
    return os.path.realpath(folder) == os.path.realpath(cwd) if folder else False
