"""Leases: a class for each kind, over data that anybody may have changed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Agent, Mode
from agentdeck.core.agents.leases import (
    DatabaseLease,
    EnvFileLease,
    Lease,
    PaneLease,
    PortsLease,
    WorktreeLease,
)

SOURCES = Path(__file__).parents[3] / "src" / "agentdeck"
CLASSES = {
    "worktree": WorktreeLease,
    "ports": PortsLease,
    "database": DatabaseLease,
    "env file": EnvFileLease,
    "pane": PaneLease,
}
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=3))


@pytest.mark.parametrize("kind", CLASSES)
def test_a_lease_is_of_the_class_of_its_kind(kind: str) -> None:
    lease = Lease(kind, False, {"path": "/x", "later": 1})
    assert type(lease) is CLASSES[kind]
    assert type(replace(lease, held=True)) is CLASSES[kind]
    changed = lease.changed(held=True, note="made")
    assert (type(changed), changed.held, changed.note) == (CLASSES[kind], True, "made")
    assert changed.data == {"path": "/x", "later": 1, "note": "made"}
    assert lease.data == {"path": "/x", "later": 1}
    with pytest.raises(TypeError, match="has no nonsense"):
        lease.changed(nonsense=1)


def test_an_agent_knows_its_leases_by_kind() -> None:
    agent = Agent("fix", "", "", Mode.HEADLESS, 0.0, leases=(Lease("ports", True, {"ports": [1, 2]}),))
    assert agent.ports is not None
    assert agent.ports.ports == (1, 2)
    assert [agent.worktree, agent.database, agent.env_file, agent.pane] == [None] * 4


@given(
    kind=st.sampled_from(sorted(CLASSES)),
    data=st.dictionaries(st.sampled_from("path branch ports log".split()), VALUES),
)
def test_whatever_its_data_a_lease_has_values_of_the_right_types(kind: str, data: dict[str, Any]) -> None:
    lease = Lease(kind, True, data)
    for name, value in vars(type(lease)).items():
        if isinstance(value, property):
            wanted = str(value.fget.__annotations__["return"]).partition("[")[0] if value.fget else ""
            assert type(getattr(lease, name)).__name__ == wanted, name


def test_nobody_looks_into_the_data_of_a_lease_by_a_string() -> None:
    look = re.compile(r"\b(?:lease|tree|pane|ports|files|database)\.data(?:\[|\.get)")
    allowed = {"core/agents/agent.py", "core/agents/leases.py", "engine/lifecycle/leases.py"}
    places = {str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.py") if look.search(path.read_text("utf-8"))}
    assert places - allowed == set()
