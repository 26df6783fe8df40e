"""Fixtures that tests in more than one folder use."""

from __future__ import annotations

from tests.support.decks import bench
from tests.support.repos import isolated_git, repo

__all__ = ["bench", "isolated_git", "repo"]
