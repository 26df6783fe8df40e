from __future__ import annotations

from tests.support.decks import bench

__all__ = ["bench"]
