"""Databases that are left without their agent: one file each, so that `prune` can offer them."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from agentdeck.system.files.files import private_folder, read_json, write_json
from agentdeck.system.state.store import Store


def keep_database(store: Store, agent: str, plan: dict[str, Any]) -> None:
    """Remember a database that is left without its agent, so that `prune` can offer it."""
    plan = {name: value for name, value in plan.items() if name != "keep"}
    if not is_kept(store, plan):
        folder = private_folder(store.folder / "databases")
        write_json(folder / f"{agent}-{time.time_ns()}.json", {"agent": agent, "plan": plan})


def is_kept(store: Store, plan: dict[str, Any]) -> bool:
    """Whether a database is remembered as one that was left without its agent."""
    for path in (store.folder / "databases").glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # `prune` tells of one that can't be read
            if is_same_database(read_json(path)["plan"], plan):
                return True
    return False


def is_same_database(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two plans are of one database. `half` is a name that each plan has for itself, for a while."""
    return {**one, "half": ""} == {**other, "half": ""}
