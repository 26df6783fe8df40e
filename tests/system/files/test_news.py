"""Being woken by what happens in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentdeck.system.files import news as module
from agentdeck.system.files.news import news


@pytest.mark.timeout(30)
def test_only_files_of_that_name_wake_and_the_end_of_the_folder_ends_it(tmp_path: Path) -> None:
    folder = tmp_path / "café logs"
    folder.mkdir()
    woken = news(folder, "ant", every=3600)
    next(woken)
    (folder / "ant.log").write_text("more")
    next(woken)
    descriptor = module._watched(folder)
    (folder / "bee.log").write_text("more")
    assert not module._concerns(os.read(descriptor, 1 << 16), b"ant")
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()
    list(woken)


@pytest.mark.timeout(30)
def test_without_inotify_it_is_looked_at_intervals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_watched", lambda folder: -1)
    woken = news(tmp_path, "ant", every=3600)
    next(woken)
    (tmp_path / "ant.log").write_text("more")
    next(woken)
