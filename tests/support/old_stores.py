"""Repositories with the state that earlier versions left, as `tests/fixtures/stores/make.sh` packs them."""

from __future__ import annotations

import os
import tarfile
from dataclasses import replace
from pathlib import Path

from tests.support.decks import Bench

STORES = Path(__file__).parent.parent / "fixtures" / "stores"
_TEXT = ("project/.git/agentdeck", "project/.git/worktrees", "project/.worktrees/*/.git", ".local/state/agentdeck")


def unpacked(bench: Bench, version: str) -> Bench:
    """`bench` with the repository of that version in its home, as if that version had been used there until now."""
    with tarfile.open(STORES / f"{version}.tar.gz") as archive:
        archive.extractall(bench.home, filter="tar")  # a FIFO is among them
    old = replace(bench, root=bench.home / "project")
    words = {b"@ROOT@": os.fsencode(old.root), b"@HOME@": os.fsencode(bench.home), b"@UID@": b"%d" % os.getuid()}
    for pattern in _TEXT:
        for found in bench.home.glob(pattern):
            for path in (found, *found.rglob("*")):
                if path.is_file() and b"@" in (text := path.read_bytes()):
                    path.write_bytes(_with(text, words))
    (bench.home / "agents").rename(bench.home / "tmp" / f"agentdeck-{os.getuid()}")
    old.own("[trash]\nkeep_days = 100000\n")
    return old


def _with(text: bytes, words: dict[bytes, bytes]) -> bytes:
    for word, value in words.items():
        text = text.replace(word, value)
    return text
