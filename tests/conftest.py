"""Fixtures that tests in more than one folder use."""

from __future__ import annotations

from tests.support.repos import isolated_git, repo

__all__ = ["isolated_git", "repo"]
