"""`Deck.batches()`: what a queue's server knows of this user's batches. Needs no repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdeck.errors import ConfigError

if TYPE_CHECKING:
    from agentdeck.core.config.fleet import FleetConfig
    from agentdeck.engine.views.tasks import BatchQuestion


class DeckBatches:
    """Raises ConfigError where `fleet.queue` names no Temporal server, UnreachableError where that does not answer."""

    def asks(self) -> list[BatchQuestion]:
        """What the agents of all running batches ask, a few seconds ago at the latest."""
        config = _config()
        from agentdeck.engine.temporal.asking import asks

        return asks(config)

    def answer(self, agent: str, choice: str = "", text: str = "") -> BatchQuestion:
        """Send an answer, as Deck.answer takes it, to what the agent asks now; return that. Whoever follows the agent
        gives it, unless it asks something else by then.

        Raise NotFoundError where no running batch follows such an agent, RefusedError where it asks nothing.
        """
        config = _config()
        from agentdeck.engine.temporal.asking import answer

        return answer(config, agent, choice, text)


def _config() -> FleetConfig:
    from agentdeck.engine.queues import needing_package
    from agentdeck.system.fleet.providers import config

    found = config()
    if not found.queue.startswith("temporal:"):
        raise ConfigError("You have no queue in Temporal.", hint='Configure it: [fleet] queue = "temporal://HOST"')
    with needing_package("temporal"):
        import agentdeck.engine.temporal.connection  # noqa: F401
    return found
