"""A question that an agent asks a person through the deck: it waits, as for a permission, and a person answers it with
`answer` or in the dashboard."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from agentdeck.core.agents.reports import person_report
from agentdeck.engine.world import World
from agentdeck.errors import RefusedError
from agentdeck.system.files.files import from_json, private_folder
from agentdeck.system.state.store import ASKING


class Asked:
    """One open question. Close it in the end: who asked may be gone before an answer comes."""

    def __init__(self, world: World, name: str, question: str, choices: Sequence[str]) -> None:
        if not world.lives(name):
            raise RefusedError(f"{name} does not run, so nobody would see its question.")
        self._world, self._name = world, name
        self._key = f"agentdeck-{os.getpid()}-{os.urandom(4).hex()}"
        self._path = private_folder(world.store.agent_folder(name) / ASKING) / self._key
        os.mkfifo(self._path, 0o600)
        # Open for both, so that it never ends before it is answered.
        self._fifo = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        world.store.report(name, person_report(self._key, question, choices))

    def answer(self) -> str | None:
        """What the person said; None: nothing yet."""
        with contextlib.suppress(BlockingIOError, ValueError, KeyError, TypeError):
            said = os.read(self._fifo, 65536)
            return str(from_json(said)["answer"]) if said else None
        return None

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._fifo)
        self._world.store.report(self._name, person_report(self._key, "", ()))
