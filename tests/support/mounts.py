"""Disks that are small or can't be written: mounts of a test's own, taken away when it ends. They need root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


def _mount(*words: str | Path) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine lets the tests mount nothing: {done.stderr.strip()}")


def _unmount(folder: Path) -> None:
    # Lazily: a process that has not ended yet may stand in it.
    subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)


def _need_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")


class Disk:
    """A disk of its own, and how to fill it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, leave: int = 0) -> None:
        """Leave room for `leave` bytes, in whole pages."""
        room = os.statvfs(self.folder)
        wanted = room.f_bavail * room.f_frsize - leave
        with self._filler.open("ab") as file, suppress(OSError):
            os.posix_fallocate(file.fileno(), file.tell(), wanted)
        with self._filler.open("ab", buffering=0) as file, suppress(OSError):
            while not leave:
                file.write(b"x" * 4096)

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, size: str = "24m") -> Iterator[Disk]:
    """An empty disk of `size` at `folder`."""
    _need_root()
    folder.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", f"size={size},mode=0755", "agentdeck-test", folder)
    try:
        yield Disk(folder)
    finally:
        _unmount(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """`folder` as it is, but nobody can write there."""
    _need_root()
    _mount("--bind", folder, folder)
    try:
        _mount("-o", "remount,bind,ro", folder)
        yield
    finally:
        _unmount(folder)


@contextmanager
def full(file: Path) -> Iterator[None]:
    """`file` as on a disk that has no room for another byte."""
    _need_root()
    _mount("--bind", "/dev/full", file)
    try:
        yield
    finally:
        _unmount(file)
