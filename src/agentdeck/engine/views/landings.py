"""What is asked of a landing, and what became of it."""

from __future__ import annotations

from agentdeck.engine.records.landings import Entry, Landing, LandRequest, Stage
from agentdeck.system.git.merges import Method
from agentdeck.system.git.staging import left_out

__all__ = ["Entry", "LandRequest", "Landing", "Method", "Stage", "left_out"]
