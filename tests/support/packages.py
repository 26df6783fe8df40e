"""A package of somebody else's that adds to the program."""

from __future__ import annotations

from pathlib import Path

import pytest


def installed(folder: Path, patch: pytest.MonkeyPatch, name: str, source: str, entry_point: str) -> Path:
    """Install the module `agentdeck_NAME` with its entry point, as `GROUP NAME = OBJECT`, for this process; return the
    folder that others need in PYTHONPATH."""
    package = folder / "site"
    described = package / f"agentdeck_{name}-1.dist-info"
    described.mkdir(parents=True)
    (package / f"agentdeck_{name}.py").write_text(source)
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: agentdeck-{name}\nVersion: 1\n")
    group, _, line = entry_point.partition(" ")
    (described / "entry_points.txt").write_text(f"[{group}]\n{line}\n")
    patch.syspath_prepend(str(package))
    return package
