"""Real CLIs on another host, reached by a real sshd on loopback: started with a tier whose keys only home has, asked,
served by the backup while the first provider fails, stopped, resumed with what they know, landed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.landings import LandRequest
from agentdeck.system.fleet.hostlist import HostList
from tests.agents.answering import press_enter_until
from tests.agents.conftest import PACKAGES
from tests.agents.setups import OWN, QUIET
from tests.agents.test_failover import KEYS, RULES, assert_kept_secret, provider
from tests.support.cli import agentdeck
from tests.support.fake_api import CONTENT, FILE, fake_api
from tests.support.faulty_api import faulty_api
from tests.support.hosts import Fleet
from tests.support.processes import of_processes
from tests.support.share import one
from tests.support.sshd import PROGRAM, Servers, can_run, servers
from tests.support.verdicts import assert_ok

pytestmark = [
    pytest.mark.agents,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not can_run(), reason="needs sshd (Debian: openssh-server, and /run/sshd for root)"),
]
PATIENCE = 90.0


@pytest.fixture
def shell(fleet: Fleet, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    """A host `box1` that has the CLIs, and none of home's variables."""
    import os

    for name in [name for name in os.environ if name.startswith(OWN)]:
        monkeypatch.delenv(name)
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    HostList().remove("dev1")
    fleet.names.clear()
    fleet.folder = tmp_path / "shells"
    there = {**QUIET, "PATH": f"{programs}:{os.environ['PATH']}"}
    with servers(tmp_path / "ssh", fleet, "box1", variables=there) as made:
        monkeypatch.setenv("AGENTDECK_SSH", f"ssh -F {shlex.quote(str(made.config))}")
        assert_ok(agentdeck("hosts", "add", "box1", "--program", PROGRAM, cwd=fleet.bench.root))
        yield made


@pytest.mark.parametrize("keys", ["send", "home"])
@pytest.mark.parametrize("cli", one(PACKAGES))
def test_its_life_on_a_host_with_keys_from_home(fleet: Fleet, shell: Servers, cli: str, keys: str) -> None:
    with faulty_api("503") as main, fake_api() as spare:
        tiers = '[tiers]\nwork = ["main:big-model", "spare:small-model"]\n'
        fleet.bench.own(provider("main", main.url) + provider("spare", spare.url) + f"{RULES}keys = '{keys}'\n{tiers}")
        deck = fleet.deck()
        task = StartRequest(task="Make the file", profile=cli, name="fox", tier="work", on="box1")
        deck.start(task)
        with deck.fleet.following():
            press_enter_until(deck, "fox", lambda view: view.state is State.DONE, PATIENCE)
            view = deck.agent("fox")
            assert view.host == "box1" and view.agent.mode is Mode.INTERACTIVE
            assert main.requests and spare.requests, "the first provider failed, and the backup served"
            assert not any(key in of_processes(fleet.runners("box1")) for key in KEYS.values())
            assert_kept_secret([fleet.folder / "box1", deck.store.folder], list(KEYS.values()))

            assert deck.stop("fox").state is State.STOPPED
            deck.resume("fox", "And again")

            def went_on(api_requests: list[dict[str, object]]) -> bool:
                return any("And again" in str(each["body"]) for each in api_requests)

            press_enter_until(deck, "fox", lambda view: view.state is State.DONE and went_on(spare.requests), PATIENCE)
            asked = [str(each["body"]) for each in spare.requests if "And again" in str(each["body"])]
            assert any("Make the file" in body for body in asked), "the context was lost"
        landing = deck.land(LandRequest(("fox",), commit="Made on a host", stop=True))
        assert landing.entry("fox").stage == "landed", landing
        assert fleet.bench.git("show", f"main:{FILE}") == CONTENT.strip()
