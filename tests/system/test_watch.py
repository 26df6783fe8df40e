"""Waiting for changes of files."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from agentdeck.system.watch import ticks
from tests.support.retry import eventually


@pytest.mark.timeout(30)
def test_what_changes_before_the_watching_begins_is_looked_at_all_the_same(tmp_path: Path) -> None:
    looks = ticks(tmp_path, every=3600)
    next(looks)
    (tmp_path / "status.json").touch()
    next(looks)
    (tmp_path / "status.json").unlink()
    next(looks)


def test_a_file_that_is_no_news_wakes_nobody_and_another_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording, status = (1, f"{tmp_path}/recording"), (1, f"{tmp_path}/status")
    moved = [{recording}, {recording, status}, {recording}, {status}]
    monkeypatch.setattr("watchfiles.watch", lambda *folders, **options: iter(moved))
    woken = list(ticks(tmp_path, every=600, but=frozenset({"recording"})))
    assert len(woken) == 2 + 2  # the one at once, the first after it, and those with a status


def test_what_is_no_news_is_looked_at_in_its_time_all_the_same(tmp_path: Path) -> None:
    """A file that never stops growing does not keep the look that comes anyway from coming."""
    came = list[None]()
    (tmp_path / "recording").touch()

    def follow() -> None:
        for _ in ticks(tmp_path, every=0.5, but=frozenset({"recording"})):
            came.append(None)

    threading.Thread(target=follow, daemon=True).start()

    def grown() -> bool:
        with (tmp_path / "recording").open("a") as file:
            file.write("more\n")
        return len(came) > 3

    eventually(grown)
