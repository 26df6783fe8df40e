"""How a repository's configuration stands to what a person has approved."""

from __future__ import annotations

from agentdeck.system.config.trust import ApprovalStanding

__all__ = ["ApprovalStanding"]
