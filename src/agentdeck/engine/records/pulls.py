"""What is remembered of an agent's pull request: `agents/NAME/pull.json`."""

from __future__ import annotations

from agentdeck.core.frozen import asdict
from agentdeck.core.pulls.pull import Pull
from agentdeck.system.files.files import read_json, write_json
from agentdeck.system.state.store import PULL, Store


def pull_of(store: Store, name: str) -> Pull | None:
    """None where it has none; one that can't be read is asked for anew by `agentdeck pr`."""
    try:
        return Pull.from_json(read_json(store.agent_folder(name) / PULL))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def save_pull(store: Store, name: str, pull: Pull) -> None:
    write_json(store.agent_folder(name) / PULL, asdict(pull))
