"""Take a conversation from one account of a CLI to another: its transcript goes into that account's folder.

A transcript only grows. So of two with the same beginning the longer one is newer, and two that differ are not one
conversation. Standard library only, for the runner.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from agentdeck.core.transcripts.formats import Place
from agentdeck.system.box.careful import file_below, folder_below
from agentdeck.system.files.files import text_of
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
        relative = source.relative_to(old)
        if not (_takes_folder(place, old, new, relative, cwd) and _put(old, new, relative)):
            return False
        _put_beside(old, new, relative)
    except (OSError, ValueError):
        return False
    return True


def _takes_folder(place: Place, old: Path, new: Path, transcript: Path, cwd: str) -> bool:
    """Whether the account has the same name for the folder `cwd`, which is part of the transcript's path: it may have
    given that one to another folder, or another one to this. Where it has none, it is told this one."""
    if not place.folder_in:
        return True
    told = Path(os.path.normpath(transcript.parent / place.folder_in))
    names = (new / told.parent.parent).glob(f"*/{told.name}")
    mine = [path for path in names if os.path.realpath(text_of(path).strip()) == os.path.realpath(cwd)]
    if mine or (new / told).exists():
        return new / told in mine
    return _put(old, new, told)


def _put_beside(old: Path, new: Path, transcript: Path) -> None:
    """The files of the session that lie in a folder of its name, such as those of its sub-agents."""
    folder = old / transcript.with_suffix("")
    for path in sorted(folder.rglob("*")) if folder.is_dir() and not folder.is_symlink() else ():
        if path.is_file() and not path.is_symlink():
            with suppress(OSError):
                _put(old, new, path.relative_to(old))


def _put(old: Path, new: Path, relative: Path) -> bool:
    """Copy the file from `old` to `new` unless that has it already; return whether it does then. What is written there
    is an agent's, and neither read nor written by way of a link."""
    import shutil  # only where an account has reached its limit

    with file_below(old, relative) as source:
        found = os.fstat(source.fileno())
        with suppress(FileNotFoundError), file_below(new, relative) as target:
            if os.fstat(target.fileno()).st_size >= found.st_size:
                return _begins(target, source)
            if not _begins(source, target):
                return False
            source.seek(0)
        with folder_below(new, relative.parent, make=True) as folder:
            draft = f".{relative.name}.agentdeck"
            with suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(draft, flags, 0o600, dir_fd=folder), "wb") as write:
                shutil.copyfileobj(source, write, _PIECE)
                write.flush()
                os.fsync(write.fileno())
                os.utime(write.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))
            os.rename(draft, relative.name, src_dir_fd=folder, dst_dir_fd=folder)
    return True


def _begins(longer: BinaryIO, shorter: BinaryIO) -> bool:
    """Whether `longer` begins with all of `shorter`."""
    while piece := shorter.read(_PIECE):
        if longer.read(len(piece)) != piece:
            return False
    return True
