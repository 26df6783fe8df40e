"""What must not be read over a person's shoulder: values of variables that sound like keys, passwords in URLs."""

from __future__ import annotations

import re

_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|AUTH|PRIVATE|COOKIE|DSN|SALT|SIGNATURE", re.IGNORECASE)
_IN_URL = re.compile(r"(?<=://)([^/@\s:]*):([^/\s]+)@")
_IN_TEXT = re.compile(r"((?:password|passwd|pwd|token|secret|api_?key)\s*[=:]\s*)([^\s;&]+)", re.IGNORECASE)
HIDDEN = "••••••"


def is_secret(name: str) -> bool:
    """Whether a variable of that name holds something to hide."""
    return bool(_NAME.search(name))


def masked(value: str, name: str = "") -> str:
    """`value` as it may be shown: hidden as a whole for a secret's name, else only passwords within it."""
    if not value:
        return value
    if name and is_secret(name) and "://" not in value:
        return HIDDEN
    value = _IN_URL.sub(lambda match: f"{match[1]}:{HIDDEN}@", value)
    return _IN_TEXT.sub(lambda match: f"{match[1]}{HIDDEN}", value)
