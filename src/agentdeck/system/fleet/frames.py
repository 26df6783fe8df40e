"""What goes over a channel between home and a host: JSON objects, one a line, each line of a limited length."""

from __future__ import annotations

import json
from typing import Any

from agentdeck.system.files.files import from_json

LONGEST = 8 << 20
"""Bytes of a frame. Whatever is longer travels in parts."""


class FrameError(Exception):
    """The other end says what is no frame."""


def encode(frame: dict[str, Any]) -> bytes:
    """Raise FrameError where it would be refused at the other end."""
    data = json.dumps(frame, separators=(",", ":")).encode("utf-8", "surrogateescape") + b"\n"
    if len(data) > LONGEST:
        raise FrameError(f"a frame of {len(data):,} bytes is too long")
    return data


class FrameReader:
    """Takes bytes as they come and gives the frames that are whole."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._parts: list[bytes] = []
        self._held, self._longest = 0, longest

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Raise FrameError at the first line that is none; after that nothing more can be read."""
        *lines, rest = data.split(b"\n")
        found = []
        for line in lines:
            whole = b"".join([*self._parts, line])
            self._parts, self._held = [], 0
            if len(whole) > self._longest:
                raise FrameError(f"a frame of {len(whole):,} bytes is too long")
            if whole.strip():
                found.append(_parsed(whole))
        if rest:
            self._parts.append(rest)
            self._held += len(rest)
        if self._held > self._longest:
            raise FrameError(f"a frame of more than {self._longest:,} bytes is too long")
        return found


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        frame = from_json(line)
    except ValueError as error:
        raise FrameError(f"it is not JSON: {line[:60]!r}") from error
    if not isinstance(frame, dict):
        raise FrameError(f"it is no object: {line[:60]!r}")
    return frame
