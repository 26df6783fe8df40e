"""How a home comes in: over a channel, or to the terminal of an agent."""

from __future__ import annotations

from agentdeck.engine.host import decks


def serve() -> None:
    """Answer whoever called over standard input and output until they go."""
    from agentdeck.engine.host.serving import serve

    serve()


def hold(idle: float) -> None:
    """Be a host until nobody has needed it for `idle` seconds, or until this process is told to end."""
    from agentdeck.engine.host.holding import hold

    hold(idle)


def attach_argv(deck: str, name: str) -> list[str]:
    """What to exec in this terminal to be at the keys of an agent that a home has here."""
    return decks.find(deck).attach_argv(name)
