"""Agents on hosts that a real Slurm gives."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import EventKind
from agentdeck.engine.views.landings import LandRequest
from agentdeck.errors import DeckError, ExitCode
from agentdeck.system.fleet.hostlist import HostList
from agentdeck.system.fleet.links import LINKS
from tests.support.cli import agentdeck, objects
from tests.support.hosts import Fleet
from tests.support.retry import eventually
from tests.support.share import in_test_fleet
from tests.support.slurm import Slurm, can_run, cluster
from tests.support.sockets import end_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_run(), reason="needs root and Slurm (Debian: slurmctld slurmd slurm-client munge)"),
]


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    with cluster() as made:
        yield made


@pytest.fixture
def pilots(fleet: Fleet, slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slurm]:
    """A deck that gets its hosts from Slurm alone."""
    HostList().remove("dev1")
    monkeypatch.setenv("SLURM_CONF", str(slurm.config))
    configure(slurm)
    for key, value in (("name", "Test"), ("email", "test@example.org")):
        fleet.bench.git("config", f"user.{key}", value)  # a job gets no variables of git's
    try:
        yield slurm
    finally:
        LINKS.close()
        for number in slurm.jobs():
            with suppress(AssertionError):
                slurm.run("scancel", "--full", "--signal=KILL", number)
            end_server(f"agentdeck-slurm-{number}")
        eventually(lambda: not slurm.jobs(), timeout=20)


def configure(slurm: Slurm, *lines: str) -> None:
    own = Path(os.environ["XDG_CONFIG_HOME"]) / "agentdeck/config.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    words = [f'program = "{slurm.program}"', 'partition = "main"', "agents = 2", "hosts = 3", 'wait = "40s"', *lines]
    own.write_text("\n".join(["[runner]\ngrace_interrupt = 0.3\ngrace_terminate = 0.3", "[fleet.slurm]", *words, ""]))


def test_an_agent_runs_on_a_job_that_is_made_for_it(fleet: Fleet, pilots: Slurm) -> None:
    line = "echo 1 > work; hostname > node; git add work; git commit -qm Work; sleep 1000"
    view = fleet.start("bot", line, on="slurm")
    assert pilots.jobs() == [view.host.removeprefix("slurm-")]
    LINKS.close()  # what a connection started does not end with it
    assert fleet.looked("bot").alive
    deck = fleet.deck()
    deck.stop("bot")
    assert deck.land(LandRequest(("bot",), commit="")).entry("bot").stage == "landed"
    assert fleet.bench.git("show", "main:node").startswith("node")
    deck.remove("bot")
    refused = agentdeck("hosts", "rm", view.host, cwd=fleet.bench.root)
    assert refused.returncode == 0, refused.stderr
    eventually(lambda: not pilots.jobs(), timeout=20)


@in_test_fleet
def test_a_full_host_gets_another_one_beside_it(fleet: Fleet, pilots: Slurm) -> None:
    hosts = [fleet.start(f"bot{number}", "sleep 1000", on="slurm").host for number in range(3)]
    assert len(pilots.jobs()) == 2
    assert hosts[0] == hosts[1] != hosts[2] and all(host.startswith("slurm-") for host in hosts)
    (told,) = objects(agentdeck("hosts", "--json", cwd=fleet.bench.root).stdout)
    by_name = {each["name"]: each for each in told["hosts"]}
    assert by_name[hosts[0]]["trouble"] == "it runs 2 agents, as many as it takes"
    assert by_name[hosts[2]]["trouble"] is None and by_name[hosts[2]]["provider"] == "slurm"
    assert len({each["facts"]["id"] for each in told["hosts"]}) == 2
    refused = agentdeck("hosts", "rm", hosts[2], cwd=fleet.bench.root)
    assert refused.returncode == ExitCode.REFUSED and "has agents on" in refused.stderr
    for number in range(3):
        fleet.deck().remove(f"bot{number}", stop=True)


@in_test_fleet
def test_an_idle_host_gives_itself_back_and_is_forgotten(fleet: Fleet, pilots: Slurm) -> None:
    configure(pilots, 'idle = "4s"')
    fleet.start("bot", "true", on="slurm")
    deck = fleet.deck()
    assert deck.wait("bot").state is State.DONE
    host = deck.agent("bot").host
    assert pilots.jobs()
    deck.remove("bot")
    LINKS.close()
    eventually(lambda: not pilots.jobs(), timeout=30, pause=0.3)
    agentdeck("hosts", "ls", cwd=fleet.bench.root)
    assert host not in [spec.name for spec in HostList().all()]


@in_test_fleet
def test_agents_move_before_their_host_ends(fleet: Fleet, pilots: Slurm) -> None:
    line = "n=$(cat runs 2>/dev/null || echo 0); echo $((n+1)) > runs; [ $n = 1 ] && exit 0; sleep 1000"
    configure(pilots, 'time = "5m"', 'drain = "299s"')
    view = fleet.start("bot", line, on="slurm")
    eventually(lambda: fleet.looked("bot").state is State.WORKING)
    configure(pilots, 'time = "2h"', 'drain = "299s"')
    deck = fleet.deck()
    ended = deck.wait("bot")
    assert ended.state is State.DONE and ended.agent.epoch == 2 and ended.host != view.host
    deck.fleet.fetch(ended)
    assert fleet.bench.git("show", "refs/agentdeck/live/bot:runs") == "2"
    assert fleet.bench.git("show", "refs/agentdeck/fleet/bot/1:runs") == "1"
    moved = [event for event in deck.events("bot") if event.kind == EventKind.HOST_CHOSEN][1:]
    assert [event.text.startswith(f"the time of {view.host} ends in ") for event in moved] == [True]


@in_test_fleet
def test_a_job_that_was_ended_has_lost_its_agents_which_start_again(fleet: Fleet, pilots: Slurm) -> None:
    view = fleet.start("bot", "echo kept > kept; git add kept; git commit -qm Kept; sleep 1000", on="slurm")
    deck = fleet.deck()
    eventually(lambda: fleet.looked("bot").state is State.WORKING)

    def is_here() -> bool:
        deck.fleet.fetch(deck.agent("bot"))
        return fleet.bench.git("log", "-1", "--format=%s", "agentdeck/bot") == "Kept"

    eventually(is_here)
    pilots.run("scancel", view.host.removeprefix("slurm-"))
    with deck.fleet.following():
        eventually(lambda: deck.agent("bot").agent.epoch == 2 and deck.agent("bot").state is State.WORKING, timeout=60)
    assert deck.agent("bot").host != view.host
    assert [f"{view.host} has ended; start 2 on" in event.text for event in deck.events("bot")].count(True) == 1
    assert fleet.bench.git("show", "refs/agentdeck/fleet/bot/1:kept") == "kept"
    eventually(lambda: not deck.store.in_operation("bot"))
    deck.remove("bot", stop=True)


def test_what_slurm_refuses_is_told(fleet: Fleet, pilots: Slurm) -> None:
    configure(pilots, 'qos = ""', 'options = ["--partition=nowhere"]')
    with pytest.raises(DeckError, match="invalid partition specified: nowhere|Invalid partition"):
        fleet.start("bot", "true", on="slurm")
    configure(
        pilots,
        'options = ["--begin=now+1hour"]',
    )
    own = Path(os.environ["XDG_CONFIG_HOME"]) / "agentdeck/config.toml"
    own.write_text(own.read_text().replace('wait = "40s"', 'wait = "1s"'))
    with pytest.raises(DeckError, match=r"gave no host in 1s: job \d+ is pending \(BeginTime\)"):
        fleet.start("bot", "true", on="slurm")
    assert not fleet.deck().agents() and not pilots.jobs()
