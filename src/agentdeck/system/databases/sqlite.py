"""SQLite: a file in the worktree, copied from a template that may be in use."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any

from agentdeck.core.config import DatabaseConfig
from agentdeck.errors import DatabaseError
from agentdeck.system.databases import filled


class SqliteDatabase:
    def __init__(self, config: DatabaseConfig, root: Path) -> None:
        self._config = config
        self._template = root / Path(config.template).expanduser() if config.template else None

    def plan(self, deck_id: str, agent: str, worktree: Path) -> dict[str, Any]:
        return {"engine": "sqlite", "path": str(worktree / self._config.path), "worktree": str(worktree)}

    def create(self, plan: dict[str, Any]) -> None:
        path = Path(plan["path"])
        if path.exists():
            return
        if self._template is not None and not self._template.is_file():
            raise DatabaseError(
                f"The database template {self._template} is not there.",
                hint="Make it, or set database.template in agentdeck.toml to the one you develop with.",
            )
        self._make_folder(path, Path(plan["worktree"]))
        half = path.with_name(f".{path.name}.half")
        half.unlink(missing_ok=True)
        if self._template is None:
            sqlite3.connect(half).close()
            half.touch()
        else:
            _copy(self._template, half)
        half.replace(path)

    def _make_folder(self, path: Path, worktree: Path) -> None:
        if path.parent in (worktree, *worktree.parents) or path.parent.exists():
            return
        path.parent.mkdir(parents=True)
        (path.parent / ".gitignore").write_text("*\n")

    def exists(self, plan: dict[str, Any]) -> bool:
        return Path(plan["path"]).is_file()

    def dump(self, plan: dict[str, Any], stem: Path) -> Path | None:
        target = stem.with_name(f"{stem.name}.sqlite3")
        half = stem.with_name(f".{stem.name}.half")
        half.unlink(missing_ok=True)
        _copy(Path(plan["path"]), half)
        half.replace(target)
        return target

    def restore(self, plan: dict[str, Any], dump: Path) -> None:
        path = Path(plan["path"])
        self._make_folder(path, Path(plan["worktree"]))
        half = path.with_name(f".{path.name}.half")
        half.unlink(missing_ok=True)
        _copy(dump, half)
        for rest in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + rest).unlink(missing_ok=True)
        half.replace(path)

    def drop(self, plan: dict[str, Any]) -> None:
        path = Path(plan["path"])
        for each in (path, *(path.with_name(path.name + rest) for rest in ("-wal", "-shm", "-journal"))):
            each.unlink(missing_ok=True)
        mark = path.parent / ".gitignore"
        if mark.exists() and mark.read_text() == "*\n" and os.listdir(path.parent) == [".gitignore"]:  # noqa: PTH208
            mark.unlink()
            path.parent.rmdir()

    def variables(self, plan: dict[str, Any]) -> dict[str, str]:
        path = plan["path"]
        return filled(self._config, {"url": f"sqlite:///{path}", "path": path, "name": Path(path).name})


def _copy(source: Path, target: Path) -> None:
    """Copy a database with SQLite's own backup, which is right even while others write to it."""
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as old,
            contextlib.closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise DatabaseError(f"The SQLite database {source} can't be copied.", detail=str(error)) from error
