"""What is sent to a host that has no agentdeck, and what it must have for that."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import shutil
import zipfile
from pathlib import Path

import pytest

from agentdeck.errors import RefusedError
from agentdeck.system.fleet.hostlist import HostSpec
from agentdeck.system.fleet.installing import install, wheel


def test_the_wheel_is_whole_and_always_the_same() -> None:
    data = wheel()
    assert data == wheel()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        (record,) = (name for name in names if name.endswith(".dist-info/RECORD"))
        rows = list(csv.reader(archive.read(record).decode().splitlines()))
        assert sorted(row[0] for row in rows) == sorted(names)
        for name, told, size in rows:
            if name != record:
                content = archive.read(name)
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                assert (told, int(size)) == (f"sha256={digest}", len(content)), name
        info = record.removesuffix("RECORD")
        assert "agentdeck = agentdeck.__main__:main" in archive.read(f"{info}entry_points.txt").decode()
        assert "Requires-Dist: pydantic" in archive.read(f"{info}METADATA").decode()
    assert {"agentdeck/__main__.py", "agentdeck/tui/app.py"} <= set(names)
    assert not any("__pycache__" in name or "\\" in name for name in names)


@pytest.mark.parametrize(
    ("has", "missing"),
    [
        (("tmux", "python3"), "git"),
        (("git", "uv"), "tmux"),
        (("git", "tmux"), "Python 3.11 or later that can make environments"),
        ((), "git, tmux, Python 3.11 or later"),
    ],
)
def test_a_host_that_lacks_a_program_is_told_so_and_stays_as_it_is(
    tmp_path: Path, has: tuple[str, ...], missing: str
) -> None:
    programs, home = tmp_path / "bin", tmp_path / "home of the host"
    programs.mkdir()
    (home / "tmp").mkdir(parents=True)
    for name in ("sh", "env", "cat", "mkdir", *has):
        (programs / name).symlink_to(shutil.which(name) or "/bin/true")
    spec = HostSpec("dev1", folder=str(home), prefix=("/usr/bin/env", f"PATH={programs}"))
    with pytest.raises(RefusedError, match=f"dev1 has no {missing}"):
        install(spec)
    assert [path.name for path in home.iterdir()] == ["tmp"]
