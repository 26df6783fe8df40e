"""Read what the proxy of a box wrote down."""

from __future__ import annotations

import contextlib
from pathlib import Path

from agentdeck.core.box.traffic import Connection
from agentdeck.system.files.files import from_json


def read_traffic(path: Path) -> list[Connection]:
    """The connections, the older file's first; a damaged line is passed over."""
    found = []
    for each in (path.with_name(f"{path.name}.1"), path):
        with contextlib.suppress(OSError):
            for line in each.read_text("utf-8", "replace").splitlines():
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    found.append(Connection.from_json(from_json(line)))
    return found
