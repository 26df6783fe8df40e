"""What an agent uses of the machine."""

from __future__ import annotations

from agentdeck.system.machine.ports import PortLease
from agentdeck.system.machine.usage import ProcessUsage, ProcessUse

__all__ = ["PortLease", "ProcessUsage", "ProcessUse"]
