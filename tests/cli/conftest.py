from __future__ import annotations

import pytest

from tests.support.decks import bench

__all__ = ["bench"]


@pytest.fixture(autouse=True)
def no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs the tests may have told its children how wide its terminal is."""
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
