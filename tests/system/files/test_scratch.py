from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agentdeck.system.files.scratch import abandoned, clear_abandoned, scratch_folder

HOLD = """from agentdeck.system.files.scratch import scratch_folder
with scratch_folder() as f: print(f, flush=True); input()"""


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_a_folder_is_gone_with_its_block() -> None:
    with scratch_folder() as folder:
        (folder / "file").touch()
        assert abandoned() == []
        clear_abandoned(folder)
        assert (folder / "file").exists()
    assert not folder.exists()


def test_the_folder_of_a_killed_process_is_told_from_that_of_one_that_lives() -> None:
    makers = [
        subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    folders = [Path(maker.stdout.readline().strip()) for maker in makers if maker.stdout]
    assert abandoned() == []
    makers[0].kill()
    makers[0].wait()
    assert abandoned() == [folders[0]]
    for folder in folders:
        clear_abandoned(folder)
    assert [folder.exists() for folder in folders] == [False, True]
    makers[1].communicate("\n")
    assert not folders[1].exists()


def test_a_link_of_that_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "agentdeck-scratch-x").symlink_to(tmp_path / "theirs")
    assert abandoned() == []
