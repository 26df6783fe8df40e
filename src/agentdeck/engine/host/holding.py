"""`agentdeck host hold`: the process of a host that a cluster lent. It has the tmux server of the agents there, for as
long as somebody needs them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from agentdeck.engine.deck import Deck
from agentdeck.engine.host import decks
from agentdeck.errors import DeckError, UnreachableError
from agentdeck.system.files.files import is_locked, locked, private_folder, state_home
from agentdeck.system.terminal.tmux import Tmux

HELD = "held"
"""The file in the state folder that says that the tmux server runs; see system.fleet.slurm."""
ENDING = "ending"
"""The file there that says that it stops its agents, which is not their end: home starts them again elsewhere."""
_FIRST = 120.0
"""Seconds at least that the home which asked for the host may take to come."""
_LOOK = 5.0
"""Seconds at most between two looks."""


def hold(idle: float) -> None:
    """Return when no agent has run and no home was connected for `idle` seconds, or on TERM, INT or HUP: then the
    agents are stopped first."""
    over, tmux, used, patience = threading.Event(), Tmux(), time.monotonic(), max(idle, _FIRST)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: over.set())
    # Without a window it would end at once.
    tmux.command("start-server", ";", "set-option", "-s", "exit-empty", "off")
    held = private_folder(state_home()) / HELD
    held.touch()
    while not over.wait(min(_LOOK, idle / 4)):
        if any(map(is_locked, _connections())) or any(each.alive for each in decks.held()):
            used, patience = time.monotonic(), idle
            _reap()
        elif time.monotonic() - used > patience:
            break
    (held.parent / ENDING).touch()
    held.unlink(missing_ok=True)
    _stop_all()
    tmux.run("kill-server")


def _stop_all() -> None:
    """At once: a job that ends has a minute for it."""
    running = [(deck, view.name) for _, deck in decks.decks() for view in deck.agents() if view.alive]

    def stop(deck: Deck, name: str) -> None:
        with suppress(DeckError):
            deck.stop(name)

    with ThreadPoolExecutor(max(1, len(running))) as pool:
        for deck, name in running:
            pool.submit(stop, deck, name)


def _reap() -> None:
    """The first process of a container inherits all that lost their parent."""
    if os.getpid() == 1:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def check_stays() -> None:
    """Raise UnreachableError on a host that is ending: how its agents fare now would be taken for their own doing."""
    if (state_home() / ENDING).exists():
        raise UnreachableError("This host's time is over.")


@contextmanager
def connected() -> Iterator[None]:
    """Let the process that holds this host know, in the block, that a home is connected."""
    path = _folder() / str(os.getpid())
    with locked(path):
        yield
        path.unlink(missing_ok=True)


def _connections() -> list[Path]:
    return list(_folder().glob("[0-9]*"))


def _folder() -> Path:
    return private_folder(state_home() / "connected")
