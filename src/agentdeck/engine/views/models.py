"""What the model servers on this machine answered."""

from __future__ import annotations

from agentdeck.system.gateway.modelservers import ServerReport

__all__ = ["ServerReport"]
