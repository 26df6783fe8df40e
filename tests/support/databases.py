"""Databases to try: each test opens engines in a folder of its own, under a deck's id that no other test has."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.config.config import DatabaseConfig
from agentdeck.system.databases import Database, open_database

Open = Callable[..., Database]


@pytest.fixture
def open_(tmp_path: Path) -> Open:
    def open_one(**settings: Any) -> Database:
        found = open_database(DatabaseConfig(**settings), tmp_path, tmp_path / "state")
        assert found is not None
        return found

    return open_one


@pytest.fixture
def deck_id() -> str:
    return secrets.token_hex(4)
