"""Agents on hosts behind the real ssh and sshd."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.core.frozen import replace
from agentdeck.engine.deck import Deck
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.landings import LandRequest
from agentdeck.errors import ExitCode, RefusedError, UnreachableError, UsageError
from agentdeck.system.fleet.hostlist import HostList
from agentdeck.system.fleet.tunnels import TunnelFiles
from agentdeck.system.gateway.ledger import Ledger
from agentdeck.tui.panes.env import EnvPane
from tests.engine.landing.test_resolving import MERGER, SCRIPT
from tests.support.cli import agentdeck, objects
from tests.support.decks import CONFIG
from tests.support.hosts import Fleet
from tests.support.processes import of_processes
from tests.support.providers import KEYS, two_providers
from tests.support.retry import eventually
from tests.support.share import in_test_fleet
from tests.support.sshd import PROGRAM, Servers, can_run, servers
from tests.tui.panes.opened import Pilot, on_pane

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_run(), reason="needs sshd (Debian: openssh-server, and /run/sshd for root)"),
]


@pytest.fixture
def shells(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    HostList().remove("dev1")
    fleet.names.clear()
    fleet.folder = tmp_path / "shells"
    with servers(tmp_path / "ssh", fleet, "box1", "box2") as made:
        monkeypatch.setenv("AGENTDECK_SSH", f"ssh -F '{made.config}'")
        yield made


def add(fleet: Fleet, name: str) -> None:
    added = agentdeck("hosts", "add", name, "--program", PROGRAM, cwd=fleet.bench.root)
    assert added.returncode == 0, added.stderr


def test_hosts_are_added_agents_run_on_them_and_their_work_lands(fleet: Fleet, shells: Servers) -> None:
    root = fleet.bench.root
    for name in shells.processes:
        add(fleet, name)
    (told,) = objects(agentdeck("hosts", "--json", cwd=root).stdout)
    assert {each["name"]: each["trouble"] for each in told["hosts"]} == dict.fromkeys(shells.processes)
    assert agentdeck("hosts", "check", cwd=root).returncode == 0

    deck = fleet.deck()
    for number, name in enumerate(shells.processes):
        line = f"echo {number} > f{number}; git add .; git commit -qm 'Work {number}'"
        fleet.start(f"bot-{number}", line, on=name)
    for number in range(2):
        assert (ended := deck.wait(f"bot-{number}")).state is State.DONE, ended.reason
        assert deck.land(LandRequest((f"bot-{number}",))).entry(f"bot-{number}").stage == "landed"
        assert fleet.bench.git("show", f"main:f{number}") == str(number)
        deck.remove(f"bot-{number}")
    assert not deck.agents()


@in_test_fleet
def test_an_agent_is_attached_to_and_a_dead_connection_is_noticed(fleet: Fleet, shells: Servers) -> None:
    root = fleet.bench.root
    add(fleet, "box1")
    fleet.start("bot", "echo here I am; exec sleep 600", on="box1")
    eventually(lambda: fleet.looked("bot").state is State.WORKING)

    argv = fleet.deck().attach_argv("bot")
    seen = subprocess.run(
        ["script", "-qfc", f"TERM=xterm timeout --foreground -k 1 8 {shlex.join(argv)}", "/dev/null"],
        capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, check=False, timeout=30,
    ).stdout  # fmt: skip
    assert "here I am" in seen

    view = fleet.deck().agent("bot")

    async def script(on: Pilot[EnvPane]) -> None:
        on.pane.show(view)
        await on.sees("opens them here")
        on.pane.rows.focus()
        forwards = on.pane.deck.fleet._forwards
        await on.press("circumflex_accent")
        await on.until(lambda: bool(forwards))
        assert forwards["bot"].is_open
        await on.press("circumflex_accent")
        await on.until(lambda: not forwards)

    on_pane(EnvPane, fleet.bench, script, (100, 40))
    allowed = (shells.folder / "authorized").read_text()
    (shells.folder / "authorized").write_text("")
    with pytest.raises(UnreachableError, match="The ports of bot can't be opened here: .*Permission denied"):
        fleet.deck().fleet.toggle_forward(view)
    (shells.folder / "authorized").write_text(allowed)

    shells.stop("box1")
    eventually(lambda: fleet.looked("bot").unreachable)
    view = fleet.deck().agent("bot")
    assert view.state is State.WORKING and len(fleet.runners("box1")) == 1
    refused = agentdeck("send", "bot", "hello", cwd=root)
    assert refused.returncode == ExitCode.TRY_LATER and "can't be reached" in refused.stderr


@in_test_fleet
def test_a_home_elsewhere_is_looked_at_from_here(fleet: Fleet, shells: Servers, tmp_path: Path) -> None:
    folder = fleet.folder / "box1" / "my “repo”"
    subprocess.run(["git", "clone", "-q", str(fleet.bench.root), str(folder)], check=True)
    add(fleet, "box1")
    listed = agentdeck("--home", "ssh://box1/~/my “repo”", "ls", "--json", cwd=tmp_path)
    assert objects(listed.stdout)[0]["root"] == str(folder), listed.stderr
    refused = agentdeck(f"--home=ssh://box1{folder}", "show", "nobody", cwd=tmp_path)
    assert refused.returncode == ExitCode.NOT_FOUND and "nobody" in refused.stderr
    assert "agentdeck --home 'ssh://box1" in refused.stderr and " -C " not in refused.stderr
    (shells.folder / "authorized").write_text("")
    gone = agentdeck("--home", f"ssh://box1{folder}", "ls", cwd=tmp_path)
    assert gone.returncode == ExitCode.TRY_LATER and "Permission denied" in gone.stderr
    for wrong in ("box1", "ssh://box1", "ssh://-oProxyCommand=x/y", "http://box1/x"):
        with pytest.raises(UsageError):
            Deck.hosts().home_argv(wrong, ["ls"], tty=False)


@in_test_fleet
def test_a_task_goes_on_elsewhere_after_the_time_it_says_and_its_old_start_ends(fleet: Fleet, shells: Servers) -> None:
    add(fleet, "box1")
    fleet.start("bot", "exec sleep 600", on="box1", if_lost="restart after 1s")
    fleet.start("patient", "exec sleep 600", on="box1")
    fleet.start("short", "exec sleep 600", on="box1", if_lost="fail after 1s")
    shells.stop("box1")
    eventually(lambda: fleet.looked("short").state is State.FAILED, 30)
    # Home may be what is cut off: no other host answers.
    assert fleet.looked("bot").agent.epoch == 1

    add(fleet, "box2")
    eventually(lambda: fleet.looked("bot").host == "box2", 30)
    view = fleet.deck().agent("bot")
    assert (view.agent.epoch, view.state.is_live) == (2, True)
    assert len(fleet.runners("box1")) == 3 and len(fleet.runners("box2")) == 1
    shells.start("box1")
    eventually(lambda: fleet.looked("short").state.is_live and fleet.looked("patient").state.is_live, 30)
    archived = fleet.bench.git("for-each-ref", "--format=%(refname)", "refs/agentdeck/fleet")
    assert archived == "refs/agentdeck/fleet/bot/1"
    assert fleet.there("box1").agent("bot").state is State.STOPPED
    assert fleet.looked("bot").state.is_live
    with pytest.raises(RefusedError, match="nobody talks to"):
        fleet.deck().start(StartRequest("x", profile="claude", on="box2", if_lost="restart after 1s"))


@in_test_fleet
def test_an_agent_elsewhere_is_asked_to_resolve_its_conflict(fleet: Fleet, shells: Servers) -> None:
    text = MERGER.format(script=SCRIPT)
    for home in (fleet.bench.home, fleet.folder / "box1"):
        fleet.bench.write(".config/agentdeck/profiles/merger.toml", text, cwd=home)
    add(fleet, "box1")
    deck = fleet.deck()
    deck.start(StartRequest(name="two", task="write two", profile="merger", on="box1"))
    assert deck.wait("two").state is State.DONE
    fleet.start("one", "echo one > src/app.py; git commit -qam one", on="")
    assert deck.wait("one").state is State.DONE
    landing = deck.land(LandRequest(("one", "two"), hand_back=True))
    assert landing.entry("two").stage == "landed", landing.entry("two")
    assert (fleet.bench.root / "src/app.py").read_text() == "two\n"


@in_test_fleet
def test_the_gate_of_a_landing_runs_on_a_host(fleet: Fleet, shells: Servers) -> None:
    gate = ["echo checked by $AGENTDECK_GATE; test -f good", "test ! -f bad"]
    fleet.bench.write("agentdeck.toml", CONFIG.partition("[database]")[0] + f'[landing]\non = "any"\ngate = {gate}\n')
    fleet.bench.commit("A gate")
    add(fleet, "box1")
    deck = fleet.deck()
    deck.trust.approve(deck.trust.standing().values)
    for name, files, on in (("local", "good", ""), ("there", "good bad", "box1")):
        fleet.start(name, f"touch {files}; git add .; git commit -qm {name}", on=on)
        assert deck.wait(name).state is State.DONE
    told = list[str]()
    landing = deck.land(LandRequest(("local", "there")), lambda event: told.append(event.text))
    assert any(text.startswith("running its gate on box1: ") for text in told)
    passed, failed = landing.entry("local"), landing.entry("there")
    assert (passed.stage, failed.stage) == ("landed", "set aside"), (passed.reason, failed.reason)
    assert failed.reason == "its gate failed: test ! -f bad (exit 1)"
    for entry in (passed, failed):
        assert "checked by " in "\n".join(deck.landings.gate_lines(landing, entry, 20))
    assert [agent.name for agent in fleet.there("box1").store.agents()] == ["there"]
    assert not fleet.there("box1").store.trash.is_dir() or not list(fleet.there("box1").store.trash.iterdir())

    shells.stop("box1")
    fleet.start("again", "touch better; git add .; git commit -qm better", on="")
    deck.wait("again")
    entry = deck.land(LandRequest(("again",))).entry("again")
    assert entry.stage == "set aside" and "No host can have" in entry.reason
    assert fleet.bench.git("log", "-1", "--format=%s", "main^2") == "local"


def test_with_keys_at_home_agents_elsewhere_ask_the_gateway_here(
    fleet: Fleet, shells: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    add(fleet, "box1")
    with two_providers(fleet.bench, 'keys = "home"\n') as providers:
        path = fleet.bench.root / "agentdeck.toml"
        database, _, rest = path.read_text().partition("[tiers]")
        path.write_text(f"{database.partition('[database]')[0]}[tiers]{rest}")
        deck = fleet.deck()
        deck.trust.approve(deck.trust.standing().values)
        task = "Think [think] [slow]"
        deck.start(StartRequest(task=task, profile="demo", name="fox", tier="work", mode=Mode.HEADLESS, on="box1"))
        running = of_processes(fleet.runners("box1"))
        assert "127.0.0.1" in running and not any(key in running for key in KEYS.values())
        with Ledger(gateways.files().state) as ledger:
            asked = eventually(lambda: ledger.totals(["agent", "provider"]), 30)
        assert [(each["agent"], each["provider"]) for each in asked] == [("fox", "main")]
        there = [path.name for path in (fleet.folder / "box1").rglob("gateway*") if "venv" not in path.parts]
        assert not there, "the host has no gateway of its own"

        shells.stop("box1")
        eventually(lambda: not TunnelFiles("box1").is_up(), 30)
        shells.start("box1")
        eventually(lambda: TunnelFiles("box1").is_up(), 60)
        deck.fleet.refresh()
        deck.remove("fox", stop=True)

        for each in providers:
            each.answer_with(529)
        ends = []
        for name, host in (("here", ""), ("there", "box1")):
            think = StartRequest(task="Think [think]", profile="demo", name=name, tier="work", mode=Mode.HEADLESS)
            deck.start(replace(think, on=host))
            view = deck.wait(name)
            ends.append((view.state, view.reason, view.status.fault, view.status.result, view.outcome))
        assert ends[0] == ends[1]
        assert "no provider serves: main:big: overloaded (529); spare:small: overloaded (529)" in ends[1][1]
        assert ends[1][-1] == ExitCode.TRY_LATER
        files = [path for path in (fleet.folder / "box1").rglob("*") if path.is_file()]
        assert files and not any(key.encode() in path.read_bytes() for path in files for key in KEYS.values())
        gateways.stop(deck._world)


def test_what_ssh_says_is_passed_on(fleet: Fleet, shells: Servers) -> None:
    (shells.folder / "authorized").write_text("")
    added = agentdeck("hosts", "add", "box1", "--program", PROGRAM, cwd=fleet.bench.root)
    assert added.returncode == ExitCode.TRY_LATER
    assert "Permission denied" in added.stderr
    assert Deck.hosts().names() == []


@in_test_fleet
def test_a_host_without_agentdeck_is_said_to_have_none(fleet: Fleet, shells: Servers) -> None:
    added = agentdeck("hosts", "add", "box1", "--program", "/nowhere/agentdeck", cwd=fleet.bench.root)
    assert added.returncode == ExitCode.TRY_LATER
    assert "not found" in added.stderr and "--install" in added.stderr and Deck.hosts().names() == []
