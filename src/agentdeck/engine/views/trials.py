"""Races and benchmarks, as the faces see them."""

from __future__ import annotations

from agentdeck.core.trials.race import Score
from agentdeck.engine.records.races import Race, Standing

__all__ = ["Race", "Score", "Standing"]
