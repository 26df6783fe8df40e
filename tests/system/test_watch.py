"""Waiting for changes of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.system.watch import ticks


@pytest.mark.timeout(30)
def test_what_changes_before_the_watching_begins_is_looked_at_all_the_same(tmp_path: Path) -> None:
    looks = ticks(tmp_path, every=3600)
    next(looks)
    (tmp_path / "status.json").touch()
    next(looks)
    (tmp_path / "status.json").unlink()
    next(looks)
