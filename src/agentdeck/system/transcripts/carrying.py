"""Take a conversation from one account of a CLI to another: its transcript goes into that account's folder.

A transcript only grows. So of two with the same beginning the longer one is newer, and two that differ are not one
conversation. Standard library only, for the runner.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from agentdeck.core.transcripts.formats import Place
from agentdeck.system.transcripts.finding import of_session, root_of

_PIECE = 1 << 20


def carry(place: Place, session: str, cwd: str, left: Mapping[str, str], to: Mapping[str, str]) -> bool:
    """Return whether the session is where a CLI with the environment `to` finds it, as far as it went with `left`.
    May be repeated, whatever a crash left of it."""
    old, new = root_of(place, left), root_of(place, to)
    if old is None or new is None or not session:
        return False
    source = of_session(place, old, session, cwd)
    if source is None:
        return False
    if os.path.realpath(old) == os.path.realpath(new):
        return True
    try:
        target = new / source.relative_to(old)
        if not _put(source, target):
            return False
        _put_beside(source, target)
    except (OSError, ValueError):
        return False
    return True


def _put_beside(source: Path, target: Path) -> None:
    """The files of the session that lie in a folder of its name, such as those of its sub-agents."""
    folder = source.with_suffix("")
    for path in sorted(folder.rglob("*")) if folder.is_dir() and not folder.is_symlink() else ():
        if path.is_file() and not path.is_symlink():
            with suppress(OSError):
                _put(path, target.with_suffix("") / path.relative_to(folder))


def _put(source: Path, target: Path) -> bool:
    """Copy `source` to `target` unless that has it already; return whether it does then."""
    import shutil  # only where an account has reached its limit

    if target.exists():
        if target.stat().st_size >= source.stat().st_size:
            return _begins(target, source)
        if not _begins(source, target):
            return False
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.agentdeck")
    with source.open("rb") as read, draft.open("wb") as write:
        shutil.copyfileobj(read, write, _PIECE)
        write.flush()
        os.fsync(write.fileno())
    shutil.copystat(source, draft)
    draft.replace(target)
    return True


def _begins(longer: Path, shorter: Path) -> bool:
    """Whether `longer` begins with all of `shorter`."""
    with longer.open("rb") as one, shorter.open("rb") as other:
        while piece := other.read(_PIECE):
            if one.read(len(piece)) != piece:
                return False
    return True
