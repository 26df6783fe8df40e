"""`deck.providers`: the gateway, the model servers on this machine, and what agents spent."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.engine.api.current import Current

if TYPE_CHECKING:
    from agentdeck.core.providers.serving import ProviderHealth
    from agentdeck.engine.providers.counting import CostCounter
    from agentdeck.engine.views import AgentView
    from agentdeck.engine.views.models import ServerReport
    from agentdeck.engine.views.money import AgentSpending, Costs, Spending
    from agentdeck.engine.views.providers import GatewayState, Served


class DeckProviders:
    def __init__(self, current: Current) -> None:
        self._current = current
        self._counter: CostCounter | None = None

    # The gateway

    def gateway(self) -> GatewayState:
        from agentdeck.engine.providers import gateways
        from agentdeck.engine.views.providers import GatewayState

        world, home = self._current.world, gateways.files()
        known = set(world.store.names()) if world.store.exists else set()
        # That nobody serves an agent means something while it wants to be served.
        agents = {
            name: told
            for name, told in gateways.serving(world).items()
            if name in known and (told.provider or world.lives(name))
        }
        state = GatewayState(False, home.wanted, providers=self.health(), agents=agents)
        address = home.address()
        if address is None:
            return state
        return GatewayState(
            True, state.wanted, address.pid, address.port, address.started, state.providers, state.agents
        )

    def health(self) -> tuple[ProviderHealth, ...]:
        """The providers in this deck's tiers, and others that are left alone; () without a gateway."""
        from agentdeck.engine.providers import gateways

        return gateways.health(self._current.world)

    def start_gateway(self) -> None:
        from agentdeck.engine.providers import gateways

        gateways.ensure(self._current.world)

    def stop_gateway(self) -> bool:
        """Return whether it ran. Agents that use it fail then."""
        from agentdeck.engine.providers import gateways

        return gateways.stop(self._current.world)

    def check(self) -> list[dict[str, Any]]:
        """Send one tiny request to each target of each tier; see gateways.check_providers."""
        from agentdeck.engine.providers import gateways

        return gateways.check_providers(self._current.world)

    def metrics(self) -> str:
        """The gateway's counters, as Prometheus reads them."""
        from agentdeck.engine.providers import gateways

        return gateways.metrics()

    # Model servers

    def models(self) -> list[ServerReport]:
        """Every local provider, each asked for a completion where it lists a model."""
        from agentdeck.system.gateway.modelservers import survey

        return survey(self._current.world.settings.config.providers)

    def serve(self, file: Path, *, port: int, context: int) -> Served:
        """Serve the model in `file` until its window is closed; return once it is loaded."""
        from agentdeck.engine.providers.modelserving import serve

        return serve(self._current.world, file, port=port, context=context)

    def stop_serving(self) -> list[str]:
        """Return the names of what was stopped."""
        from agentdeck.engine.providers.modelserving import stop

        return stop(self._current.world)

    # Money

    def spending(self, by: str, since: float = 0.0) -> Spending:
        """What this deck's agents took since `since`, grouped by `agent`, `model`, `tier`, `day` or `provider`."""
        from agentdeck.engine.providers.spending import spending

        return spending(self._current.world, by, since)

    def spent_by(self, name: str) -> AgentSpending:
        """What one agent took; takes as long as reading its logs."""
        from agentdeck.engine.providers.spending import agent_spending

        return agent_spending(self._current.world, name, time.time())

    def cost_of(self, view: AgentView) -> float | None:
        """US dollars for the agent's requests, by the gateway or on its own login; None where no price is known."""
        from agentdeck.engine.providers.spending import of_agent

        costs = [record.cost for record in of_agent(self._current.world, view.name) if record.cost is not None]
        return sum(costs) if costs else None

    def costs(self) -> Costs:
        """What all agents cost; asked again and again, it counts only what was added."""
        from agentdeck.engine.providers.counting import CostCounter

        self._counter = self._counter or CostCounter()
        return self._counter.count(self._current.world)
