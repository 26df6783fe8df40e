"""What this machine has, as a host tells it to a home."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import time
from pathlib import Path

from agentdeck import __version__
from agentdeck.core.fleet.facts import PROTOCOL, Facts, HeldAgent
from agentdeck.errors import DeckError
from agentdeck.system.machine.process import run

_BUSY_GPU = 500
"""MiB in use from which a GPU counts as another's."""
_VERSION = re.compile(r"\d+(?:\.\d+)*[a-z]?")


def facts(agents: tuple[HeldAgent, ...] = ()) -> Facts:
    import psutil

    memory = psutil.virtual_memory()
    free = shutil.disk_usage(_existing(Path.home())).free
    return Facts(
        id=machine_id(),
        boot=_text("/proc/sys/kernel/random/boot_id") or f"{psutil.boot_time():.0f}",
        version=__version__,
        protocol=PROTOCOL,
        git=_version("git", "--version"),
        tmux=_version("tmux", "-V"),
        cores=_cores(),
        load=os.getloadavg()[0],
        memory=memory.total,
        free_memory=memory.available,
        free_disk=free,
        clock=time.time(),
        gpus=tuple(_free_gpus()),
        agents=agents,
        lfs=_version("git-lfs", "version"),
    )


def machine_id() -> str:
    """Machines that are copies of one image may share the number, and those of one name the name."""
    number = _text("/etc/machine-id")[:12]
    return "-".join(filter(None, (socket.gethostname(), number)))


def _cores() -> int:
    with contextlib.suppress(AttributeError):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _version(*argv: str) -> str:
    if shutil.which(argv[0]) is None:
        return ""
    found = _VERSION.search(run(argv, timeout=10).text)
    return found[0] if found else "?"


def _free_gpus() -> list[str]:
    if shutil.which("nvidia-smi") is None:
        return []
    words = ("nvidia-smi", "--query-gpu=name,memory.used", "--format=csv,noheader,nounits")
    with contextlib.suppress(DeckError):
        rows = [line.rpartition(",") for line in run(words, timeout=10).text.splitlines()]
        return [name.strip() for name, _, used in rows if used.strip().isdecimal() and int(used) < _BUSY_GPU]
    return []
