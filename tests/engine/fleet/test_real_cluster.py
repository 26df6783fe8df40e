"""Agents on pods of a real Kubernetes: one that is started here, from the programs in AGENTDECK_TEST_KUBERNETES, or
that of AGENTDECK_TEST_KUBECONFIG, such as kind's or k3s's, whose image AGENTDECK_TEST_IMAGE has an `agentdeck`."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.core.fleet.placement import Needs
from agentdeck.engine.deck import Deck
from agentdeck.errors import RefusedError
from agentdeck.system.fleet.hostlist import HostList
from agentdeck.system.fleet.links import LINKS
from tests.support.cli import agentdeck
from tests.support.hosts import Fleet
from tests.support.real_cluster import IMAGE, cluster
from tests.support.retry import eventually
from tests.support.sshd import PROGRAM

PROGRAMS = os.environ.get("AGENTDECK_TEST_KUBERNETES", "")
pytestmark = [
    pytest.mark.skipif(
        not PROGRAMS and "AGENTDECK_TEST_KUBECONFIG" not in os.environ, reason="needs a cluster: make test-kubernetes"
    ),
    pytest.mark.timeout(600),
]
Pods = Callable[[], dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Given:
    """The cluster of this run."""

    kubeconfig: str
    image: str
    program: str

    def kubectl(self, *words: str) -> str:
        argv = ["kubectl", f"--kubeconfig={self.kubeconfig}", *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120).stdout

    def configure(self, *lines: str) -> None:
        own = Path(os.environ["XDG_CONFIG_HOME"]) / "agentdeck/config.toml"
        own.parent.mkdir(parents=True, exist_ok=True)
        words = [f'{key} = "{getattr(self, key)}"' for key in ("kubeconfig", "image", "program")]
        runner = "[runner]\ngrace_interrupt = 0.3\ngrace_terminate = 0.3"
        waits = [] if any(line.startswith("wait") for line in lines) else ['wait = "4m"']
        own.write_text("\n".join([runner, "[fleet.kubernetes]", *words, *waits, *lines, ""]))

    def pods(self) -> dict[str, dict[str, Any]]:
        """All that were made for agents."""
        found = json.loads(self.kubectl("get", "pods", "--selector=agentdeck-owner", "--output=json"))["items"]
        return {each["metadata"]["name"]: each for each in found}


@pytest.fixture(scope="module")
def given() -> Iterator[Given]:
    if not PROGRAMS:
        words = [os.environ.get(f"AGENTDECK_TEST_{name}", "") for name in ("KUBECONFIG", "IMAGE", "PROGRAM")]
        yield Given(words[0], words[1], words[2] or "agentdeck")
        return
    with tempfile.TemporaryDirectory(prefix="adeck-kube-") as folder, cluster(Path(folder), Path(PROGRAMS)) as made:
        yield Given(str(made), IMAGE, PROGRAM)


@pytest.fixture
def pods(fleet: Fleet, given: Given) -> Iterator[Pods]:
    """What the cluster says of the pods that this test got."""
    HostList().remove("dev1")
    given.configure()
    for key, value in (("name", "Test"), ("email", "test@example.org")):
        fleet.bench.git("config", f"user.{key}", value)
    before = set(given.pods())
    try:
        yield lambda: {name: pod for name, pod in given.pods().items() if name not in before}
    finally:
        LINKS.close()
        for name in set(given.pods()) - before:
            given.kubectl("delete", "pod", name, "--force", "--grace-period=0", "--ignore-not-found")


def test_an_agent_runs_in_a_pod_its_work_lands_and_the_pod_goes(fleet: Fleet, given: Given, pods: Pods) -> None:
    given.configure('memory = "200M"', 'idle = "1h"')
    line = "hostname > where; cat /proc/1/cmdline | tr '\\0' ' ' >> where; git add where; git commit -qm Where"
    view = fleet.start("bot", line, on="kubernetes")
    assert list(pods()) == [view.host] and pods()[view.host]["status"]["phase"] == "Running"
    deck = fleet.deck()
    LINKS.close()
    assert deck.wait("bot").state is State.DONE
    merged = agentdeck("merge", "bot", "--remove", cwd=fleet.bench.root)
    assert merged.returncode == 0, merged.stderr
    name, first = fleet.bench.git("show", "main:where").splitlines()
    assert name == view.host and "host hold --idle 3600s" in first
    Deck.hosts().remove(view.host)
    eventually(lambda: not pods(), timeout=90, pause=1)


def test_a_pod_that_is_deleted_has_lost_its_agents_which_start_again(fleet: Fleet, given: Given, pods: Pods) -> None:
    given.configure("agents = 1")
    view = fleet.start("bot", "echo kept > kept; git add kept; git commit -qm Kept; sleep 1000", on="kubernetes")
    deck = fleet.deck()

    def is_here() -> bool:
        deck.fleet.fetch(deck.agent("bot"))
        return fleet.bench.git("log", "-1", "--format=%s", "agentdeck/bot") == "Kept"

    eventually(is_here, timeout=60)
    given.kubectl("delete", "pod", view.host, "--force", "--grace-period=0")
    with deck.fleet.following():
        eventually(lambda: deck.agent("bot").agent.epoch == 2 and deck.agent("bot").state.is_live, timeout=240)
    assert deck.agent("bot").host != view.host and list(pods()) == [deck.agent("bot").host]
    assert fleet.bench.git("show", "refs/agentdeck/fleet/bot/1:kept") == "kept"
    eventually(lambda: not deck.store.in_operation("bot"), timeout=60)
    deck.remove("bot", stop=True)


def test_agents_move_before_the_pod_s_time_is_over(fleet: Fleet, given: Given, pods: Pods) -> None:
    line = "n=$(cat runs 2>/dev/null || echo 0); echo $((n+1)) > runs; [ $n = 1 ] && exit 0; sleep 1000"
    given.configure('time = "10m"', 'drain = "599s"')
    view = fleet.start("bot", line, on="kubernetes")
    eventually(lambda: fleet.looked("bot").state is State.WORKING, timeout=60)
    given.configure('time = "2h"', 'drain = "599s"')
    deck = fleet.deck()
    ended = deck.wait("bot")
    assert ended.state is State.DONE and ended.agent.epoch == 2 and ended.host != view.host
    deck.fleet.fetch(ended)
    assert fleet.bench.git("show", "refs/agentdeck/live/bot:runs") == "2"


def test_an_idle_pod_ends_by_itself_and_is_forgotten(fleet: Fleet, given: Given, pods: Pods) -> None:
    given.configure('idle = "5s"')
    host = fleet.start("bot", "true", on="kubernetes").host
    deck = fleet.deck()
    assert deck.wait("bot").state is State.DONE
    deck.remove("bot")
    LINKS.close()
    eventually(lambda: pods()[host]["status"]["phase"] == "Succeeded", timeout=120, pause=1)
    agentdeck("hosts", "ls", cwd=fleet.bench.root)
    assert host not in [spec.name for spec in HostList().all()]


def test_what_the_scheduler_says_is_told(fleet: Fleet, given: Given, pods: Pods) -> None:
    given.configure('wait = "5s"')
    with pytest.raises(RefusedError, match=r"the pod is pending \(.*Insufficient cpu"):
        fleet.start("bot", "true", on="kubernetes", needs=Needs(cpu=1000))
    assert not fleet.deck().agents()
    eventually(lambda: not pods(), timeout=60, pause=1)
