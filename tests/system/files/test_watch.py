"""Waiting for changes of files."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from agentdeck.system.files.watch import changes, ticks
from tests.support.retry import eventually


@pytest.mark.timeout(30)
def test_what_changes_before_the_watching_begins_is_looked_at_all_the_same(tmp_path: Path) -> None:
    looks = ticks(tmp_path, every=3600)
    next(looks)
    (tmp_path / "status.json").touch()
    next(looks)
    (tmp_path / "status.json").unlink()
    next(looks)


def counted(folder: Path, but: frozenset[str], every: float = 3600) -> list[None]:
    """Grows by one with each look, in a thread of its own."""
    came = list[None]()

    def follow() -> None:
        for _ in ticks(folder, every=every, but=but):
            came.append(None)

    threading.Thread(target=follow, daemon=True).start()
    eventually(lambda: came)
    return came


def test_a_file_that_is_no_news_wakes_nobody_and_another_one_does(tmp_path: Path) -> None:
    everything, news = counted(tmp_path, frozenset()), counted(tmp_path, frozenset({"recording"}))
    (tmp_path / "recording").touch()
    eventually(lambda: len(everything) > 1)
    (tmp_path / "recording").write_text("more")
    eventually(lambda: len(everything) > 2)
    assert len(news) == 1
    (tmp_path / "status").touch()
    eventually(lambda: len(news) > 1)


def test_what_is_no_news_is_looked_at_in_its_time_all_the_same(tmp_path: Path) -> None:
    """A file that never stops growing does not keep the look that comes anyway from coming."""
    (tmp_path / "recording").touch()
    came = counted(tmp_path, frozenset({"recording"}), every=0.5)

    def grown() -> bool:
        with (tmp_path / "recording").open("a") as file:
            file.write("more\n")
        return len(came) > 3

    eventually(grown)


@pytest.mark.timeout(30)
def test_a_folder_whose_name_is_no_text_is_looked_at_now_and_then(tmp_path: Path) -> None:
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    looks = ticks(folder, every=3600)
    next(looks)
    next(looks)
    folder.rmdir()
    assert len(list(looks)) <= 1
    assert next(changes([tmp_path / "caf\udce9"], 3600, threading.Event())) == set()


class Changed:
    """What watches in a version of the library whose calls take other arguments."""

    def __init__(self, paths: list[str], *, recursive: bool) -> None:
        raise AssertionError


@pytest.mark.parametrize("other", [Changed, None])
def test_another_version_of_the_library_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: type | None
) -> None:
    if other is None:
        monkeypatch.delattr("watchfiles._rust_notify.RustNotify")
    else:
        monkeypatch.setattr("watchfiles._rust_notify.RustNotify", other)
    looks = ticks(tmp_path, every=3600)
    next(looks)
    next(looks)
    tmp_path.rmdir()
    assert list(looks) == []
