"""What a person has told an agent CLI in its own files. They are read, never written."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def codex_config(variables: Mapping[str, str]) -> dict[str, Any]:
    """Codex' own `config.toml`, as an agent with these variables finds it; empty where it can't be read."""
    try:
        return tomllib.loads((_home(variables, "CODEX_HOME", ".codex") / "config.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def codex_writable_roots(variables: Mapping[str, str]) -> tuple[str, ...]:
    """The folders that the person lets Codex' sandbox write."""
    section = codex_config(variables).get("sandbox_workspace_write")
    roots = section.get("writable_roots") if isinstance(section, dict) else None
    return tuple(str(root) for root in roots) if isinstance(roots, list) else ()


def _home(variables: Mapping[str, str], variable: str, folder: str) -> Path:
    return Path(variables.get(variable) or Path(variables.get("HOME") or "/") / folder)
