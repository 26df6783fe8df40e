"""What programs of the person's own get of the caller's variables."""

from __future__ import annotations

import os

from agentdeck.core.agents.inheritance import inherited, past_the_proxy
from agentdeck.engine.world import own_venv


def clean_environment() -> dict[str, str]:
    """What a process of the user's own, such as the gateway, gets of the caller's variables."""
    found = inherited(os.environ, own_venv=own_venv())
    return found | past_the_proxy(found)
