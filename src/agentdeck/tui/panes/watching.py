"""Tell a pane that something of its agent moved, without polling."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agentdeck.engine.deck import Deck

SETTLED = 0.15
"""Seconds that an agent is selected before its folder is watched: who walks through a list starts no watch a row."""
_ANYWAY = 3.0
SOON = (0.03, 0.1)
"""Seconds in which output is noticed: unseen by a person, and a third of the wake-ups of what it could be. The other
ones are those for the first output after a while without any."""


class AgentWatch:
    """Calls `tell` from a thread of its own whenever something of the agent moved, and every few seconds all the same.

    The recording of the runner is in an agent's folder, so whatever the agent prints moves a file there.
    """

    def __init__(self, deck: Deck, name: str, tell: Callable[[], None], within: tuple[float, float] = SOON) -> None:
        self._deck, self._name, self._tell = deck, name, tell
        self._step, self._calm = within
        self._over = threading.Event()
        # A daemon, for it may be waiting for a change when the program ends.
        threading.Thread(target=self._run, name=f"watch-{name}", daemon=True).start()

    def stop(self) -> None:
        """Nothing is told any more; the thread ends within a few seconds."""
        self._over.set()

    def _run(self) -> None:
        if self._over.wait(SETTLED):
            return
        while not self._over.is_set():
            try:
                self._follow()
            except Exception:  # noqa: BLE001 - the folder was taken away, or there are no more watches to be had
                self._say()
            self._over.wait(1.0)

    def _follow(self) -> None:
        for _ in self._deck.watching.agent(self._name, every=_ANYWAY, step=self._step, calm=self._calm):
            self._say()
            if self._over.is_set():
                return

    def _say(self) -> None:
        if not self._over.is_set():
            self._tell()
