"""What a settings file of an agent CLI says, less what logs it in."""

from __future__ import annotations

import re
from typing import Any

_SECRET = re.compile(r"token|secret|passw|credential|api_?key|oauth|helper", re.IGNORECASE)
_SERVERS = "mcpServers"
"""Their command lines and variables hold keys under any name."""


def without_secrets(value: Any) -> Any:
    """The JSON document without the keys that may hold a login."""
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if name != _SERVERS and not _SECRET.search(name)}
        return {name: without_secrets(each) for name, each in kept.items()}
    return [without_secrets(each) for each in value] if isinstance(value, list) else value
