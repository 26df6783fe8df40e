"""What can't be saved is refused with what helps."""

from __future__ import annotations

from pathlib import Path

from agentdeck.system.git.rawtrees import unreadable


def test_folders_too_deep_to_be_read_are_named_by_their_first_one(tmp_path: Path) -> None:
    error = unreadable(tmp_path / "my tree", tmp_path / "my tree" / "/".join(["d"] * 2100))
    assert "too deep" in error.title
    assert error.hint == f"Delete them: rm -rf '{tmp_path}/my tree/d'"
    assert "can't be read" in unreadable(tmp_path, tmp_path / "locked").title
