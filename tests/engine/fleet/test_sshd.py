"""Agents on hosts behind the real ssh and sshd."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.engine.views.landings import LandRequest
from agentdeck.errors import ExitCode
from agentdeck.system.fleet.hostlist import HostList
from tests.support.cli import agentdeck, objects
from tests.support.hosts import Fleet
from tests.support.retry import eventually
from tests.support.sshd import PROGRAM, Servers, can_run, servers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_run(), reason="needs sshd (Debian: openssh-server, and /run/sshd for root)"),
]


@pytest.fixture
def shells(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    HostList().remove("dev1")
    fleet.names.clear()
    fleet.folder = tmp_path / "shells"
    with servers(tmp_path / "ssh", fleet, "box1", "box2", "box3") as made:
        monkeypatch.setenv("AGENTDECK_SSH", f"ssh -F '{made.config}'")
        yield made


def test_hosts_are_added_agents_run_on_them_and_their_work_lands(fleet: Fleet, shells: Servers) -> None:
    root = fleet.bench.root
    for name in shells.processes:
        added = agentdeck("hosts", "add", name, "--program", PROGRAM, cwd=root)
        assert added.returncode == 0, added.stderr
    (told,) = objects(agentdeck("hosts", "--json", cwd=root).stdout)
    assert {each["name"]: each["trouble"] for each in told["hosts"]} == dict.fromkeys(shells.processes)
    assert agentdeck("hosts", "check", cwd=root).returncode == 0

    deck = fleet.deck()
    for number, name in enumerate(shells.processes):
        line = f"echo {number} > f{number}; git add .; git commit -qm 'Work {number}'"
        fleet.start(f"bot-{number}", line, on=name)
    for number in range(3):
        assert (ended := deck.wait(f"bot-{number}")).state is State.DONE, ended.reason
        assert deck.land(LandRequest((f"bot-{number}",))).entry(f"bot-{number}").stage == "landed"
        assert fleet.bench.git("show", f"main:f{number}") == str(number)
        deck.remove(f"bot-{number}")
    assert not deck.agents()


def test_an_agent_is_attached_to_and_a_dead_connection_is_noticed(fleet: Fleet, shells: Servers) -> None:
    root = fleet.bench.root
    assert agentdeck("hosts", "add", "box1", "--program", PROGRAM, cwd=root).returncode == 0
    fleet.start("bot", "echo here I am; exec sleep 600", on="box1")
    eventually(lambda: fleet.looked("bot").state is State.WORKING)

    argv = fleet.deck().attach_argv("bot")
    seen = subprocess.run(
        ["script", "-qfc", f"TERM=xterm timeout --foreground -k 1 8 {shlex.join(argv)}", "/dev/null"],
        capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, check=False, timeout=30,
    ).stdout  # fmt: skip
    assert "here I am" in seen

    server = psutil.Process(shells.processes["box1"].pid)
    for session in server.children(recursive=True):
        session.kill()
    server.kill()
    eventually(lambda: fleet.looked("bot").unreachable)
    view = fleet.deck().agent("bot")
    assert view.state is State.WORKING and len(fleet.runners("box1")) == 1
    refused = agentdeck("send", "bot", "hello", cwd=root)
    assert refused.returncode == ExitCode.TRY_LATER and "can't be reached" in refused.stderr


def test_a_home_elsewhere_is_looked_at_from_here(fleet: Fleet, shells: Servers, tmp_path: Path) -> None:
    folder = fleet.folder / "box1" / "my “repo”"
    subprocess.run(["git", "clone", "-q", str(fleet.bench.root), str(folder)], check=True)
    added = agentdeck("hosts", "add", "box1", "--program", PROGRAM, cwd=tmp_path)
    assert added.returncode == 0, added.stderr
    for home in (f"ssh://box1{folder}", "ssh://box1/~/my “repo”"):
        listed = agentdeck("--home", home, "ls", "--json", cwd=tmp_path)
        assert objects(listed.stdout)[0]["root"] == str(folder), listed.stderr
    refused = agentdeck(f"--home=ssh://box1{folder}", "show", "nobody", cwd=tmp_path)
    assert refused.returncode == ExitCode.NOT_FOUND and "nobody" in refused.stderr
    (shells.folder / "authorized").write_text("")
    gone = agentdeck("--home", f"ssh://box1{folder}", "ls", cwd=tmp_path)
    assert gone.returncode == ExitCode.TRY_LATER and "Permission denied" in gone.stderr
    for wrong in ("box1", "ssh://box1", "ssh://-oProxyCommand=x/y", "http://box1/x"):
        assert agentdeck("--home", wrong, "ls", cwd=tmp_path).returncode == ExitCode.USAGE


def test_what_ssh_says_is_passed_on(fleet: Fleet, shells: Servers) -> None:
    (shells.folder / "authorized").write_text("")
    added = agentdeck("hosts", "add", "box1", "--program", PROGRAM, cwd=fleet.bench.root)
    assert added.returncode == ExitCode.TRY_LATER
    assert "Permission denied" in added.stderr
    assert Deck.hosts().names() == []


def test_a_host_without_agentdeck_is_said_to_have_none(fleet: Fleet, shells: Servers) -> None:
    added = agentdeck("hosts", "add", "box1", "--program", "/nowhere/agentdeck", cwd=fleet.bench.root)
    assert added.returncode == ExitCode.TRY_LATER
    assert "not found" in added.stderr and "--install" in added.stderr and Deck.hosts().names() == []
