"""What a person has approved of a repository's configuration: one file a repository, in the user's state folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.hashes import sha256
from agentdeck.errors import FileError
from agentdeck.system.files.files import from_json, home_path, private_folder, write_atomic

if TYPE_CHECKING:
    from agentdeck.core.config.trust import Change, Values

_KEPT = 20
"""Approved configurations that are remembered, so that switching between branches does not ask again."""
_WRITABLE_BY_OTHERS = 0o022


@dataclass(frozen=True, slots=True)
class Approvals:
    """The record of the repository with that common folder."""

    folder: Path
    common: Path

    @property
    def path(self) -> Path:
        name = sha256(os.fsencode(os.path.realpath(self.common))).hexdigest()
        return self.folder / f"{name}.json"

    def read(self) -> list[Values]:
        """The approved values, newest first. A record that is not this user's, of another folder or damaged counts as
        none."""
        return [entry["values"] for entry in self._entries()]

    def _entries(self) -> list[dict[str, Any]]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            record = from_json(_private_text(self.path))
            if record["repository"] == self._identity():
                entries = list(record["approved"])
                return entries if all(isinstance(entry["values"], dict) for entry in entries) else []
        return []

    def approve(self, values: Values, *, commit: str = "") -> None:
        """Make `values` the newest; raise FileError where that can't be written."""
        from agentdeck.core.config.trust import canonical

        text = canonical(values)
        others = [entry for entry in self._entries() if canonical(entry["values"]) != text]
        entry = {"values": from_json(text), "by": _user(), "at": time.time(), "commit": commit}
        record = {"repository": self._identity(), "approved": [entry, *others][:_KEPT]}
        private_folder(self.folder)
        write_atomic(self.path, json.dumps(record, indent=1) + "\n")
        if text not in map(canonical, self.read()):
            import shlex

            raise FileError(
                f"{self.folder} is ignored: others can write to it.",
                hint=f"chmod go-w {shlex.quote(str(self.folder))}",
            )

    def forget(self) -> bool:
        """Return whether anything was approved."""
        had = bool(self.read())
        with suppress(FileNotFoundError):
            self.path.unlink()
        return had

    def _identity(self) -> dict[str, Any]:
        status = self.common.stat()
        return {"path": os.path.realpath(self.common), "device": status.st_dev, "inode": status.st_ino}


def _private_text(path: Path) -> str:
    """What the file holds; a ValueError where somebody else could have written it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, encoding="utf-8") as file:
        for status in (os.fstat(descriptor), path.parent.stat()):
            if status.st_uid != os.geteuid() or status.st_mode & _WRITABLE_BY_OTHERS:
                raise ValueError(f"{path} is writable by others")
        return file.read()


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.geteuid())


@dataclass(frozen=True, slots=True)
class ApprovalStanding:
    """How the sensitive values of a repository stand to what was approved."""

    values: Values
    approved: Values | None
    """The newest approved ones; None where nothing ever was."""
    counts: bool
    """Whether the values may be used."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What waits for approval."""
        if self.counts:
            return ()
        from agentdeck.core.config.trust import changes

        return changes(self.approved or {}, self.values)


def standing(values: Values, own: Mapping[str, Any], approvals: Approvals | None) -> ApprovalStanding:
    """`own` is the user's own file, whose `trust.roots` may approve of whole folders."""
    found = approvals.read() if approvals is not None else []
    newest = found[0] if found else None
    if not values and not found:
        return ApprovalStanding(values, newest, counts=True)
    from agentdeck.core.config.trust import canonical

    wanted = canonical(values)
    counts = any(canonical(each) == wanted for each in found)
    if not counts and approvals is not None:
        counts = _below(approvals.common, own)
    return ApprovalStanding(values, newest, counts)


def _below(common: Path, own: Mapping[str, Any]) -> bool:
    table = own.get("trust")
    roots: Sequence[Any] = table.get("roots", ()) if isinstance(table, dict) else ()
    here = Path(os.path.realpath(common))
    for root in roots if isinstance(roots, list) else ():
        with suppress(RuntimeError):
            folder = home_path(root) if isinstance(root, str) else Path()
            if folder.is_absolute() and here.is_relative_to(os.path.realpath(folder)):
                return True
    return False
