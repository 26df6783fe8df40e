"""What a settings file of an agent CLI, or of git, says, less what logs it in."""

from __future__ import annotations

import re
from typing import Any

_SECRET = re.compile(r"token|secret|passw|credential|api_?key|oauth|helper", re.IGNORECASE)
_GIT_SECRET = re.compile(r"\s*(?:extraheader|\S*(?:token|secret|passw|apikey)\S*)\s*=", re.IGNORECASE)
_IN_URL = re.compile(r"(\bhttps?://)[^/@\s\"]+@")
_SERVERS = "mcpServers"
"""Their command lines and variables hold keys under any name."""


def without_secrets(value: Any) -> Any:
    """The JSON document without the keys that may hold a login."""
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if name != _SERVERS and not _SECRET.search(name)}
        return {name: without_secrets(each) for name, each in kept.items()}
    return [without_secrets(each) for each in value] if isinstance(value, list) else value


def without_git_logins(text: str) -> str:
    """The configuration of git without headers, passwords and tokens, and without the ones in the addresses of
    remotes."""
    kept, drops = [], False
    for line in text.splitlines(keepends=True):
        goes_on, drops = drops, False
        if goes_on or _GIT_SECRET.match(line):
            drops = line.rstrip("\r\n").endswith("\\")  # its value goes on in the next line
        else:
            kept.append(_IN_URL.sub(r"\1", line))
    return "".join(kept)
