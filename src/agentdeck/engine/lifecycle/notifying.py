"""Who tells a person what agents need: a process of its own, started by the tmux server, so that no agent's end ends
it."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress

from agentdeck.engine.world import World
from agentdeck.errors import DeckError
from agentdeck.system.terminal.tmux import SOCKET_VARIABLE


def is_wanted(world: World) -> bool:
    """Whether the person has said where to."""
    rules = world.safe_settings.config.notify
    return bool(rules.urls or rules.urls_env or rules.command)


def notice_line(world: World) -> str:
    """The shell line that tells what is new; empty where nobody wants to be told."""
    if not is_wanted(world):
        return ""
    server = f"{SOCKET_VARIABLE}={world.tmux.socket}"  # tmux gives what it runs the variables that it was started with
    return shlex.join(["env", server, sys.executable, "-I", "-m", "agentdeck.notices", "--root", str(world.root)])


def poke(world: World) -> None:
    """Let what is new be told; where that can't be, the next one tells it."""
    with suppress(DeckError):
        if line := notice_line(world):
            world.tmux.run("run-shell", "-b", line.replace("#", "##"))
