"""`make test` runs a few failed tests once more, and says which."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts/again.py"
TESTS = """
import pathlib, pytest
@pytest.mark.parametrize("name", "abcdefghijk")
def test(name):
    assert pathlib.Path(name).exists()
"""


@pytest.mark.parametrize(("there", "left", "code"), [("abcdef", "", 1), ("abcdef", "ghijk", 0), ("abcde", "fghijk", 1)])
def test_at_most_five_get_a_second_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str, left: str, code: int
) -> None:
    """`there` is what the first run finds, `left` what the second finds beside it."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for name in there:
        (tmp_path / name).touch()
    subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=tmp_path, check=False, capture_output=True)
    failed = json.loads((tmp_path / ".pytest_cache/v/cache/lastfailed").read_text())
    for name in left:
        (tmp_path / name).touch()
    done = subprocess.run([sys.executable, SCRIPT], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == code, done.stdout
    if len(failed) <= 5:
        assert all(f"\n  {name}\n" in done.stdout for name in failed)
        assert "run once more" in done.stdout
    else:
        assert "none gets a second chance" in done.stdout
