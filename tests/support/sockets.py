"""The end of a tmux server that a test has started."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path


def end_server(socket: str) -> None:
    """End the server of that name and delete its socket, which tmux leaves. Raises nothing."""
    # AgentDeck's own is in the usual place, whatever a test has set meanwhile.
    for folder in {"/tmp", os.environ.get("TMUX_TMPDIR") or "/tmp"}:
        words, env = ["tmux", "-L", socket, "kill-server"], {**os.environ, "TMUX_TMPDIR": folder}
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run(words, env=env, capture_output=True, check=False, timeout=20)
        with suppress(OSError):
            (Path(folder) / f"tmux-{os.getuid()}" / socket).unlink(missing_ok=True)
