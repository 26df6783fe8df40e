"""A scope of the person's systemd for each run that has caps: the kernel holds it to them."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

from agentdeck.errors import DeckError
from agentdeck.system.machine.process import run
from agentdeck.system.machine.scope import SLICE

_SECONDS = 5.0
_DESCRIPTION = "An agent of AgentDeck"
"""Else the journal would tell its whole command line, with its task."""
_ABOVE = 1.1
"""Of the memory that a run may have, the share at which the kernel ends it: before that, our own look does, and says
so."""


def scope_words(*, cpu: float, memory: int, processes: int, hidden: bool) -> tuple[str, ...]:
    """What to put before a command line so that it runs in a scope with these caps, `cpu` in processors and `memory` in
    bytes, 0 for none; empty where there is no cap or no systemd of this user's. With `hidden` the command gets no
    variable that leads to systemd."""
    if not (cpu or memory or processes) or (runtime := _runtime()) is None:
        return ()
    caps = [f"CPUQuota={cpu * 100:g}%"] if cpu else []
    caps += [f"MemoryMax={int(memory * _ABOVE)}", "MemorySwapMax=0", "OOMPolicy=continue"] if memory else []
    caps += [f"TasksMax={processes * 16}"] if processes else []  # it counts threads
    words = (
        *("systemd-run", "--user", "--scope", "--quiet", "--collect"),
        *(f"--slice={SLICE}", f"--description={_DESCRIPTION}"),
    )
    own = ("env", "-u", "XDG_RUNTIME_DIR") if hidden else ("env",)
    properties = (word for cap in caps for word in ("-p", cap))
    return ("env", f"XDG_RUNTIME_DIR={runtime}", *words, *properties, "--", *own)


@cache
def _runtime() -> str | None:
    """The folder by which systemd of this user is reached, where it makes a scope; None where it does not."""
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    if not Path(runtime, "systemd").is_dir() or shutil.which("systemd-run") is None:
        return None
    words = ["systemd-run", "--user", "--scope", "--quiet", "--collect", "--", "true"]
    try:
        return runtime if run(words, env={"XDG_RUNTIME_DIR": runtime}, timeout=_SECONDS) else None
    except DeckError:
        return None
