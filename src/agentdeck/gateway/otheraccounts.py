"""At the limit of one account another account of the same CLI goes on before another provider serves the agent.

Only the CLI can log in, so its runner makes the change: the gateway gives it the provider's own refusal.
"""

from __future__ import annotations

import time

from agentdeck.core.providers.faults import FaultKind
from agentdeck.gateway.upstream import AttemptFailed
from agentdeck.system.gateway.tokens import Bearer
from agentdeck.system.state.meters import Meters

_NEAR = 120.0
"""Seconds: for a limit that ends so soon no account is changed."""
_UNTOLD = 300.0
"""Seconds for which a limit is taken to last that names no end."""


class OtherAccounts:
    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._refusals: dict[str, tuple[float, AttemptFailed]] = {}
        """Until when each agent's account is limited, and how its provider said so."""

    def goes_on(self, bearer: Bearer, failure: AttemptFailed) -> bool:
        """Whether another account goes on after this refusal of the agent's own login."""
        fault = failure.fault
        far = fault.kind is FaultKind.EXHAUSTED or (fault.retry_after or 0.0) > _NEAR
        if not bearer.beside or not far or fault.kind not in (FaultKind.LIMITED, FaultKind.EXHAUSTED):
            return False
        until = time.time() + (_UNTOLD if fault.retry_after is None else fault.retry_after)
        self._meters.met(bearer.account, until)
        if not self._is_one_ready(bearer):
            return False
        self._refusals[_whose(bearer)] = (until, failure)
        return True

    def refusal(self, bearer: Bearer) -> AttemptFailed | None:
        """What the agent's account was refused with, while that lasts and another account is ready."""
        until, failure = self._refusals.get(_whose(bearer), (0.0, None))
        return failure if until > time.time() and self._is_one_ready(bearer) else None

    def _is_one_ready(self, bearer: Bearer) -> bool:
        now = time.time()
        return any(not self._meters.read(each).until(now) for each in bearer.beside)


def _whose(bearer: Bearer) -> str:
    return f"{bearer.deck}/{bearer.agent} {bearer.account}"
