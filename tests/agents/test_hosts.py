"""A host that has nothing of AgentDeck: it is installed there by `hosts add --install`, with its dependencies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.system.fleet.hostlist import HostList
from tests.support.cli import agentdeck
from tests.support.hosts import Fleet
from tests.support.sshd import Servers, can_run, servers

pytestmark = [
    pytest.mark.skipif(not can_run(), reason="needs sshd (Debian: openssh-server, and /run/sshd for root)"),
    pytest.mark.skipif(not os.environ.get("AGENTDECK_TEST_FLEET"), reason="make test-fleet"),
]


@pytest.fixture
def shells(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    HostList().remove("dev1")
    fleet.names.clear()
    fleet.folder = tmp_path / "shells"
    with servers(tmp_path / "ssh", fleet, "box1") as made:
        monkeypatch.setenv("AGENTDECK_SSH", f"ssh -F '{made.config}'")
        yield made


@pytest.mark.timeout(900)
def test_agentdeck_is_installed_over_ssh_and_runs_agents(fleet: Fleet, shells: Servers) -> None:
    root = fleet.bench.root
    refused = agentdeck("hosts", "add", "box1", "--program", "/nowhere/agentdeck", cwd=root)
    assert "agentdeck hosts add box1 --install" in refused.stderr
    added = agentdeck("hosts", "add", "box1", "--install", cwd=root, timeout=800)
    assert added.returncode == 0, added.stderr
    (spec,) = HostList().all()
    program = Path(spec.program)
    assert program.is_relative_to(fleet.folder / "box1") and program.is_file()
    assert agentdeck("hosts", "check", cwd=root).returncode == 0
    fleet.start("bot", "echo x > x; git add x; git commit -qm x", on="box1")
    assert fleet.deck().wait("bot").state is State.DONE
    before = program.stat()
    again = agentdeck("hosts", "add", "box1", "--install", cwd=root, timeout=800)
    assert again.returncode == 0, again.stderr
    assert program.stat() == before  # what agents use stays as it is
