"""What can't be saved is refused with what helps; repositories are found in what git ignores."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.system.git.rawtrees import repositories_in, unreadable


def test_folders_too_deep_to_be_read_are_named_by_their_first_one(tmp_path: Path) -> None:
    error = unreadable(tmp_path / "my tree", tmp_path / "my tree" / "/".join(["d"] * 2100))
    assert "too deep" in error.title
    assert error.hint == f"Delete them: rm -rf '{tmp_path}/my tree/d'"
    assert "can't be read" in unreadable(tmp_path, tmp_path / "locked").title


def test_folders_that_did_not_change_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("old/inner", "old/repo/.git", "old/deep", "old/same"):
        (tmp_path / name).mkdir(parents=True)
    read: list[str] = []

    def scan(place: str) -> Iterator[os.DirEntry[str]]:
        read.append(Path(place).name)
        return original(place)

    original = os.scandir
    monkeypatch.setattr(os, "scandir", scan)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 10)
    known: dict[tuple[int, ...], list[str]] = {}
    assert repositories_in(tmp_path, ["old"], known) == ["old/repo"]
    assert sorted(read) == ["deep", "inner", "old", "same"]
    (tmp_path / "old").rename(tmp_path / "moved")
    (tmp_path / "moved/inner/.git").mkdir()
    (tmp_path / "moved/deep/new/.git").mkdir(parents=True)
    read.clear()
    assert repositories_in(tmp_path, ["moved"], known) == ["moved/deep/new", "moved/inner", "moved/repo"]
    assert "deep" in read
    assert "same" not in read


def test_a_folder_of_just_now_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    known: dict[tuple[int, ...], list[str]] = {}
    assert repositories_in(tmp_path, ["new"], known) == []
    assert known == {}
