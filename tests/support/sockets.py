"""The end of a tmux server that a test has started."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path


def end_server(socket: str) -> None:
    """End the server of that name and delete its socket, which tmux leaves. Raises nothing."""
    with suppress(OSError, subprocess.SubprocessError):
        subprocess.run(["tmux", "-L", socket, "kill-server"], capture_output=True, check=False, timeout=20)
    with suppress(OSError):
        (Path(os.environ.get("TMUX_TMPDIR") or "/tmp") / f"tmux-{os.getuid()}" / socket).unlink(missing_ok=True)
