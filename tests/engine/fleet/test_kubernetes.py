"""Agents on pods, by the real kubectl; the cluster is a server that speaks its protocol."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.errors import RefusedError
from agentdeck.system.fleet.hostlist import HostList
from agentdeck.system.fleet.links import LINKS
from tests.support.cli import agentdeck
from tests.support.hosts import Fleet
from tests.support.kubernetes import KUBECTL, Cluster, cluster
from tests.support.retry import eventually
from tests.support.share import in_test_fleet
from tests.support.sshd import PROGRAM

pytestmark = pytest.mark.skipif(KUBECTL is None, reason="needs kubectl")


@pytest.fixture
def pods(fleet: Fleet, tmp_path: Path) -> Iterator[Cluster]:
    HostList().remove("dev1")
    with cluster(tmp_path / "cluster") as made:
        configure(made)
        for key, value in (("name", "Test"), ("email", "test@example.org")):
            fleet.bench.git("config", f"user.{key}", value)
        yield made
        LINKS.close()


def configure(made: Cluster, *lines: str) -> None:
    own = Path(os.environ["XDG_CONFIG_HOME"]) / "agentdeck/config.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    words = [f'kubeconfig = "{made.kubeconfig}"', f'program = "{PROGRAM}"', 'image = "mine:1"', *lines]
    own.write_text("\n".join(["[fleet.kubernetes]", *words, ""]))


def test_an_agent_runs_in_a_pod_that_is_made_for_it(fleet: Fleet, pods: Cluster) -> None:
    configure(pods, 'memory = "2G"', 'secret = "keys"', 'selector = {disk = "ssd"}', 'idle = "1h"')
    view = fleet.start("bot", "pwd > where; git add where; git commit -qm Where", on="kubernetes")
    (pod,) = pods.pods.values()
    assert pod["metadata"]["name"] == view.host
    container = pod["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"cpu": "1", "memory": str(2 << 30)}
    assert container["envFrom"] == [{"secretRef": {"name": "keys"}}] and container["image"] == "mine:1"
    assert pod["spec"]["nodeSelector"] == {"disk": "ssd"} and not pod["spec"]["automountServiceAccountToken"]
    deck = fleet.deck()
    LINKS.close()
    assert deck.wait("bot").state is State.DONE
    merged = agentdeck("merge", "bot", "--remove", cwd=fleet.bench.root)
    assert merged.returncode == 0, merged.stderr
    assert str(pods.folder / view.host) in fleet.bench.git("show", "main:where")
    Deck.hosts().remove(view.host)
    eventually(lambda: not pods.pods)


@in_test_fleet
def test_a_pod_that_is_not_scheduled_is_given_up_with_its_reason(fleet: Fleet, pods: Cluster) -> None:
    pods.full = True
    configure(pods, 'wait = "1s"')
    with pytest.raises(RefusedError, match=r"the pod is pending \(0/3 nodes are available\)"):
        fleet.start("bot", "true", on="kubernetes")
    assert not pods.pods and not fleet.deck().agents()


def test_the_image_is_told() -> None:
    told = Deck.hosts().dockerfile()
    assert "FROM " in told and "git tmux" in told
