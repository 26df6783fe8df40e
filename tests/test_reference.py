"""docs/configuration.md is what the models say, and they say something of every key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).parents[1]


def test_the_reference_of_the_configuration_is_up_to_date() -> None:
    script = TREE / "scripts" / "reference.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run: python scripts/reference.py\n{done.stderr}"


def test_every_key_is_explained() -> None:
    rows = [line for line in (TREE / "docs" / "configuration.md").read_text("utf-8").splitlines() if "| `" in line]
    assert len(rows) > 50
    assert [row for row in rows if row.rstrip().endswith("|  |")] == []
