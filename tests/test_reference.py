"""docs/configuration.md and docs/profiles.md are what the models say, and they say something of every key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1]


def test_the_references_are_up_to_date() -> None:
    script = TREE / "scripts" / "reference.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run: python scripts/reference.py\n{done.stderr}"


@pytest.mark.parametrize(("page", "least"), [("configuration.md", 50), ("profiles.md", 30)])
def test_every_key_is_explained(page: str, least: int) -> None:
    rows = [line for line in (TREE / "docs" / page).read_text("utf-8").splitlines() if "| `" in line]
    assert len(rows) > least
    assert [row for row in rows if row.rstrip().endswith("|  |")] == []
