"""Hosts that a provider gives: one of another package, which is the example for whoever writes the next."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.engine.fleet import draining
from agentdeck.engine.views.landings import LandRequest
from agentdeck.errors import ConfigError, NotFoundError, RefusedError
from agentdeck.system.fleet.hostlist import HostList
from agentdeck.system.fleet.links import LINKS
from tests.support.cli import agentdeck
from tests.support.hosts import Fleet
from tests.support.packages import installed
from tests.support.retry import eventually
from tests.support.share import in_test_fleet
from tests.support.sockets import end_server

EXAMPLE = '''\
"""Hosts that are folders of this machine."""

import shutil
from pathlib import Path

from agentdeck.errors import RefusedError
from agentdeck.system.fleet.hostlist import HostSpec
from agentdeck.system.fleet.providers import Limits, Provided


class Folders:
    def __init__(self, settings, owner):
        """`settings` is the table [fleet.providers.folders]."""
        self.limits = Limits(agents=1, hosts=3, drain=5)
        self._root, self._full = Path(settings["root"]), settings.get("full", False)

    def hosts(self):
        return [
            Provided(HostSpec(path.name, folder=str(path), provider="folders"))
            for path in sorted(each.parent for each in self._root.glob("folder-*/given"))
        ]

    def acquire(self, needs, key):
        if self._full:
            raise RefusedError("There is no folder left.")
        name = f"folder-{key[:8]}"
        (self._root / name / "tmp").mkdir(parents=True, exist_ok=True)
        (self._root / name / "given").touch()
        return name

    def release(self, name):
        shutil.rmtree(self._root / name, ignore_errors=True)
'''


@pytest.fixture
def folders(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package, installed and configured."""
    HostList().remove("dev1")
    entry_point = "agentdeck.providers folders = agentdeck_folders:Folders"
    package = installed(tmp_path, monkeypatch, "folders", EXAMPLE, entry_point)
    monkeypatch.setenv("PYTHONPATH", str(package))
    shutil.rmtree(fleet.folder / "dev1")
    configure(fleet)
    yield fleet.folder
    LINKS.close()
    for path in fleet.folder.glob("folder-*"):
        fleet.names.append(path.name)


def configure(fleet: Fleet, *lines: str) -> None:
    own = Path(os.environ["XDG_CONFIG_HOME"]) / "agentdeck/config.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("\n".join(["[fleet.providers.folders]", f'root = "{fleet.folder}"', *lines, ""]))


def test_a_host_comes_when_one_is_needed_and_goes_when_it_is_given_back(fleet: Fleet, folders: Path) -> None:
    deck = fleet.deck()
    hosts = [fleet.start(f"bot{number}", "sleep 100", on=on).host for number, on in enumerate(("folders", "any"))]
    assert len(set(hosts)) == 2 and sorted(path.name for path in folders.iterdir()) == sorted(hosts)
    assert [each.trouble for each in Deck.hosts().all()] == ["it runs 1 agents, as many as it takes"] * 2
    refused = agentdeck("hosts", "rm", hosts[0], cwd=fleet.bench.root)
    assert "has agents on" in refused.stderr
    deck.remove("bot0", stop=True)
    assert fleet.start("bot2", "true", on="any").host == hosts[0]  # there is room again
    deck.wait("bot2")
    deck.remove("bot2")
    Deck.hosts().remove(hosts[0])
    assert [path.parent.name for path in folders.glob("*/given")] == [hosts[1]]
    deck.remove("bot1", stop=True)


@in_test_fleet
def test_a_host_that_is_gone_has_lost_its_agents_and_they_start_again_elsewhere(fleet: Fleet, folders: Path) -> None:
    line = "echo 1 > kept; git add kept; git -c user.name=T -c user.email=t@example.org commit -qm Kept; sleep 100"
    deck = fleet.deck()
    host = fleet.start("bot", line, on="folders").host
    other = fleet.start("ended", line.removesuffix("; sleep 100"), on="folders").host
    assert deck.wait("ended").state is State.DONE

    def is_here() -> bool:
        for name in ("bot", "ended"):
            deck.fleet.fetch(deck.agent(name))
        return all(
            fleet.bench.git("log", "-1", "--format=%s", f"agentdeck/{each}") == "Kept" for each in ("bot", "ended")
        )

    eventually(is_here)
    for name in (host, other):
        fleet.power_cut(name)
        end_server(fleet.socket(name))
        shutil.rmtree(folders / name)
    for name in (host, other):
        draining.tend(deck._world, name)
    view = deck.agent("bot")
    assert view.agent.epoch == 2 and view.host not in (host, other)
    assert fleet.bench.git("show", "refs/agentdeck/fleet/bot/1:kept") == "1"

    # What had ended there is not lost: it lands and goes without its host.
    assert deck.agent("ended").state is State.DONE
    assert deck.land(LandRequest(("ended",))).entry("ended").stage == "landed"
    deck.remove("ended")
    assert fleet.bench.git("show", "main:kept") == "1"
    assert other not in [each.name for each in Deck.hosts().all()]
    deck.remove("bot", stop=True)


def test_what_a_provider_refuses_is_told_and_leaves_nothing(fleet: Fleet, folders: Path) -> None:
    configure(fleet, "full = true")
    with pytest.raises(RefusedError, match="There is no folder left"):
        fleet.start("bot", "true", on="any")
    with pytest.raises(NotFoundError, match="There is no host “slurm”"):
        fleet.start("bot", "true", on="slurm")
    assert not fleet.deck().agents()
    told = agentdeck("hosts", cwd=fleet.bench.root)
    assert told.stderr == "There is no host now. folders can give one: agentdeck run --on folders\n"
    own = Path(os.environ["XDG_CONFIG_HOME"]) / "agentdeck/config.toml"
    own.write_text("[fleet.providers.nowhere]\n")
    told = agentdeck("hosts", cwd=fleet.bench.root)
    assert told.stderr.startswith("No package here is a source of hosts called “nowhere”.\n")
    with pytest.raises(ConfigError, match="No package here is a source of hosts called “nowhere”"):
        fleet.start("bot", "true", on="nowhere")


def test_a_repository_has_no_say_in_it(fleet: Fleet) -> None:
    fleet.bench.write("agentdeck.toml", '[fleet.slurm]\noptions = ["--wrap=touch /tmp/x"]\n')
    done = agentdeck("config", cwd=fleet.bench.root)
    assert done.returncode != 0 and "only your own file may do that" in done.stderr
