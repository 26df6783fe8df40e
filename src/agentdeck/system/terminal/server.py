"""Find our tmux server again when its socket was deleted, as cleaners of /tmp do. Without this, the next command would
start a second server, which hides the first and all agents in it.

On SIGUSR1 tmux makes its socket anew. The server's pid is written down for that, with the moment it started, because
the signal would end any other program.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

from agentdeck.errors import DeckError
from agentdeck.system.files.files import private_folder, read_json, state_home, write_json

_PATIENCE = 2.0


def remember(name: str, pid: int, socket: str) -> None:
    """The server of that name has this pid and socket. Where that can't be written down, it can't be found again."""
    with contextlib.suppress(DeckError, OSError):
        if _recorded(name).get("pid") != pid:
            private_folder(state_home())
            write_json(_record(name), {"pid": pid, "started": _started(pid), "socket": socket})


def call_back(name: str) -> bool:
    """Have the server of that name make its socket again; return whether it lives and did."""
    known = _recorded(name)
    try:
        pid, socket = int(known["pid"]), Path(known["socket"])
        if socket.exists() or not known["started"] or _started(pid) != known["started"]:
            return False
        # tmux wants the folder to be there and nobody else's.
        socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.kill(pid, signal.SIGUSR1)
    except (OSError, KeyError, TypeError, ValueError):
        return False
    deadline = time.monotonic() + _PATIENCE
    while not socket.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _record(name: str) -> Path:
    return state_home() / f"tmux-{name}.json"


def _recorded(name: str) -> dict[str, Any]:
    with contextlib.suppress(DeckError, OSError, ValueError):
        found = read_json(_record(name))
        return found if isinstance(found, dict) else {}
    return {}


def _started(pid: int) -> str:
    """When the tmux server with that pid started, in its machine's own terms; empty where it is none, or not ours."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        mine = Path(f"/proc/{pid}").stat().st_uid == os.getuid()
        return f"{boot} {fields[2].split()[19]}" if mine and "(tmux" in fields[0] else ""
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return ""
    import psutil  # where there is no /proc

    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.name().startswith("tmux") and process.uids().real == os.getuid():
            return f"{process.create_time():.0f}"
    return ""
