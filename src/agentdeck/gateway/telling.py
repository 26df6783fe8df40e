"""What the gateway tells the runners of agents, here or on the host that an agent is on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Fault
from agentdeck.core.agents.reports import gateway_report
from agentdeck.errors import DeckError
from agentdeck.gateway.unserved import Unserved
from agentdeck.system.fleet.tunnels import TunnelFiles
from agentdeck.system.gateway.tokens import Bearer
from agentdeck.system.machine.process import send_signal
from agentdeck.system.state.inbox import put_report
from agentdeck.system.state.store import Store

_ON_ITS_WAY = 3.0
"""Seconds that an answer waits at most until the runner on another host knows why its agent gets it."""


class Runners:
    def __init__(self, store_of: Callable[[str], Path | None], refused: Mapping[Bearer, Fault]) -> None:
        """`store_of` finds a deck's store; `refused` are those whose runners were told so by an earlier process."""
        self._store_of = store_of
        self._refused = dict(refused)
        """Those whose runners were told that their requests are refused, and why."""
        self._told: dict[Bearer, Path] = {}
        """What was told last to runners on other hosts."""

    def note(self, bearer: Bearer, reason: str, fault: Fault) -> None:
        """Tell the agent's runner of each refusal, before its CLI takes that for something else, and when what was
        refused for `fault` passes again (`reason` is empty)."""
        if not reason and self._refused.get(bearer) is not fault:
            return
        if reason:
            self._refused[bearer] = fault
        else:
            del self._refused[bearer]
        with contextlib.suppress(OSError, DeckError):
            if (found := self._found(bearer)) is not None:
                store, host = found
                if host:
                    self._tell(bearer, host, {"report": gateway_report(reason, fault)})
                else:
                    store.report(bearer.agent, gateway_report(reason, fault))

    def note_served(self, bearer: Bearer, unserved: Unserved | None) -> None:
        """Tell it that no provider served a request, or that one did again."""
        if unserved is not None:
            # What stays until a person mends it is no outage that will pass.
            fault = Fault.AUTH if unserved.lasting else Fault.PROVIDER
            self.note(bearer, f"no provider serves: {unserved.reason}", fault)
        elif (fault := self._refused.get(bearer, Fault.BUDGET)) is not Fault.BUDGET:
            self.note(bearer, "", fault)

    def stop(self, bearer: Bearer) -> None:
        """End the agent as a person would: by its runner."""
        with contextlib.suppress(OSError, DeckError):
            if (found := self._found(bearer)) is not None:
                store, host = found
                if host:
                    self._tell(bearer, host, {"stop": True})
                elif (pid := store.runner_pid(bearer.agent)) is not None:
                    send_signal(pid, signal.SIGTERM)

    async def heard(self, bearer: Bearer) -> None:
        """Wait until the runner on another host has what it was told, or for as long as that may take."""
        path, deadline = self._told.pop(bearer, None), time.monotonic() + _ON_ITS_WAY
        while path is not None and path.exists() and time.monotonic() < deadline:
            await asyncio.sleep(0.01)

    def _found(self, bearer: Bearer) -> tuple[Store, str] | None:
        """The store that has the agent's record, and the host that it is on; empty: it is here."""
        if (folder := self._store_of(bearer.deck)) is None:
            return None
        agent = (store := Store(folder)).agent(bearer.agent)
        return store, agent.host if agent is not None else ""

    def _tell(self, bearer: Bearer, host: str, told: Mapping[str, Any]) -> None:
        path = put_report(TunnelFiles(host).told, {"deck": bearer.deck, "agent": bearer.agent, **told})
        if path is not None:
            self._told[bearer] = path
