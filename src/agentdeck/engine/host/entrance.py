"""How a home comes in: over a channel, or to the terminal of an agent."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import Any

from agentdeck.core.agents.agent import check_name
from agentdeck.engine.host import decks
from agentdeck.errors import DeckError
from agentdeck.system.machine.process import send_signal


def serve() -> None:
    """Answer whoever called over standard input and output until they go."""
    from agentdeck.engine.host.serving import serve

    serve()


def hold(idle: float) -> None:
    """Be a host until nobody has needed it for `idle` seconds, or until this process is told to end."""
    from agentdeck.engine.host.holding import hold

    hold(idle)


def far_end() -> None:
    """Be the other end of a connection through which agents here reach the gateway of their home."""
    from agentdeck.system.fleet.tunnels import be_far_end

    be_far_end(_take)


def _take(told: Any) -> None:
    """Let the runner of an agent here have what the gateway at home tells it, or stop the agent."""
    with suppress(OSError, DeckError, KeyError, TypeError, ValueError):
        store, name = decks.find(told["deck"]).store, check_name(told["agent"])
        if "report" in told:
            store.report(name, dict(told["report"]))
        elif (pid := store.runner_pid(name)) is not None:
            send_signal(pid, signal.SIGTERM)


def tunnel(host: str) -> None:
    """At home: keep the connection by which agents on `host` reach the gateway here."""
    from agentdeck.engine.fleet.tunnels import keep

    keep(host)


def attach_argv(deck: str, name: str) -> list[str]:
    """What to exec in this terminal to be at the keys of an agent that a home has here."""
    return decks.find(deck).attach_argv(name)
