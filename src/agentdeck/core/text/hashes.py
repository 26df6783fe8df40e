"""SHA-256 of small things, without OpenSSL: to load that takes longer than all that a short verb hashes."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from hashlib import _Hash

_LARGE = 100_000
"""Bytes from which OpenSSL's is faster, with what it takes to load it."""


def sha256(data: bytes = b"") -> _Hash:
    """As `hashlib.sha256`."""
    return _made("sha256", data)


def sha256_of(file: BinaryIO, size: int) -> bytes:
    """The hash of what is in `file`, which has about `size` bytes."""
    if size < _LARGE:
        return sha256(file.read()).digest()
    import hashlib

    return hashlib.file_digest(file, "sha256").digest()  # type: ignore[arg-type]  # typeshed wants `readinto` of it


def sha1(data: bytes) -> _Hash:
    """As `hashlib.sha1`, for what is no secret."""
    return _made("sha1", data, usedforsecurity=False)


def _made(name: str, data: bytes, **options: bool) -> _Hash:
    made: Any = None
    if len(data) < _LARGE and "hashlib" not in sys.modules:
        with suppress(ImportError, AttributeError):  # another Python's has another name
            module = "_sha2" if name == "sha256" and sys.version_info >= (3, 12) else f"_{name}"
            made = getattr(import_module(module), name)
    if made is None:
        import hashlib

        made = getattr(hashlib, name)
    hashed: _Hash = made(data, **options)
    return hashed
