"""SQLite: a file in the worktree, copied from a template that may be in use."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.errors import DatabaseError, RefusedError
from agentdeck.system.databases import arriving, check_place, filled
from agentdeck.system.files.files import home_path, leads_into

if TYPE_CHECKING:
    from agentdeck.core.config.config import DatabaseConfig

_PATIENCE = 20.0
"""Seconds to wait for a writer that keeps others from reading."""
_BESIDE = ("-wal", "-shm", "-journal")
_IGNORE_ALL = "*\n"


class SqliteDatabase:
    def __init__(self, config: DatabaseConfig, root: Path) -> None:
        self._config = config
        self._template = root / home_path(config.template) if config.template else None

    def plan(self, deck_id: str, agent: str, worktree: Path) -> dict[str, Any]:
        path = worktree / home_path(self._config.path)
        if path.is_relative_to(worktree) and not leads_into(path, worktree):
            raise RefusedError(
                f"{path} leads out of the worktree through a link, so {agent}'s database can't go there.",
                hint="Set database.path to a file in the worktree.",
            )
        if path.exists():
            raise RefusedError(
                f"{path} already exists, so {agent}'s database can't go there.",
                hint="Set database.path to a file in the worktree that git doesn't track and nothing copies there.",
            )
        return {"engine": "sqlite", "path": str(path)}

    def create(self, plan: dict[str, Any]) -> None:
        path = _path(plan)
        if path.exists():
            return
        if self._template is not None and not self._template.is_file():
            raise DatabaseError(
                f"The database template {self._template} does not exist.",
                hint="Create it, or set database.template in agentdeck.toml to your development database.",
            )
        _make_folder(path.parent)
        with arriving(path) as half:
            if self._template is not None:
                _copy(self._template, half)

    def exists(self, plan: dict[str, Any]) -> bool:
        return _path(plan).is_file()

    def check_dump(self) -> None:
        pass

    def dump(self, plan: dict[str, Any], stem: Path) -> Path | None:
        path, target = _path(plan), stem.with_name(f"{stem.name}.sqlite3")
        if not path.is_file() or path.is_symlink():  # what a link leads to is none of the agent's
            return None
        with arriving(target) as half:
            _copy(path, half)
        return target

    def restore(self, plan: dict[str, Any], dump: Path) -> None:
        path = _path(plan)
        _make_folder(path.parent)
        with arriving(path) as half:
            _copy(dump, half)
            _remove_beside(path)

    def drop(self, plan: dict[str, Any]) -> None:
        path = _path(plan)
        path.unlink(missing_ok=True)
        _remove_beside(path)
        mark = path.parent / ".gitignore"
        if mark.is_file() and mark.read_bytes() == _IGNORE_ALL.encode() and os.listdir(path.parent) == [mark.name]:  # noqa: PTH208
            mark.unlink()
            path.parent.rmdir()

    def variables(self, plan: dict[str, Any]) -> dict[str, str]:
        path = _path(plan)
        return filled(self._config, {"url": f"sqlite:///{path}", "path": str(path), "name": path.name})


def _path(plan: dict[str, Any]) -> Path:
    check_place(plan, engine="sqlite")
    return Path(plan["path"])


def _remove_beside(path: Path) -> None:
    for end in _BESIDE:
        path.with_name(path.name + end).unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    """Make `folder`, where there is none, so that git sees nothing of it at any moment."""
    if folder.exists():
        return
    half = folder.with_name(f".{folder.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    (half / ".gitignore").write_text(_IGNORE_ALL)
    half.replace(folder)


def _copy(source: Path, target: Path) -> None:
    """Copy a database with SQLite's own backup, which is right even while others write to it."""
    deadline = time.monotonic() + _PATIENCE

    def still_patient(status: int, remaining: int, total: int) -> None:
        # Called after every try; sqlite3's own loop never gives up on a locked database.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise sqlite3.OperationalError(f"it stayed locked for {_PATIENCE:g} s")

    # Opened for writing, or SQLite would leave a -wal and a -shm beside a template that is at rest.
    address = f"{source.absolute().as_uri()}?mode=rw"
    try:
        with (
            contextlib.closing(sqlite3.connect(address, uri=True, timeout=1)) as old,
            contextlib.closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new, progress=still_patient)
    except sqlite3.Error as error:
        raise DatabaseError(
            f"The SQLite database {source} can't be copied.",
            detail=str(error),
            hint="Close the program that locks it." if "locked" in str(error) else "",
        ) from error
