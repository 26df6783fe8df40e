"""The life of an agent on another host, from home."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.core.frozen import replace
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.landings import LandRequest
from agentdeck.engine.views.review import Scope
from agentdeck.errors import DeckError, NotFoundError, RefusedError, UnreachableError
from tests.support.accounts import PROFILE, with_acme
from tests.support.cli import agentdeck, objects
from tests.support.hosts import Fleet
from tests.support.retry import eventually
from tests.support.share import in_test_fleet

WORK = 'echo line; echo more >> README.md; git commit -qam "More"; echo loose > "løse file"; sleep 0.3'

ACCOUNT = '[accounts.work]\nprofile = "acme"\n'


def refs(fleet: Fleet, pattern: str) -> list[str]:
    return fleet.bench.git("for-each-ref", "--format=%(refname)", pattern).splitlines()


def test_its_work_comes_home_lands_and_goes(fleet: Fleet) -> None:
    view = fleet.start("bot", WORK)
    assert (view.host, view.agent.epoch, view.branch, view.base) == ("dev1", 1, "agentdeck/bot", "main")
    assert str(view.worktree).startswith("dev1:/")
    assert "agentdeck/bot" in fleet.bench.branches()
    deck = fleet.deck()
    assert deck.wait("bot").state is State.DONE
    assert [line.text for line in deck.log_lines("bot") if line.text == "line"] == ["line"]
    view = deck.agent("bot")
    assert deck.review.uncommitted("bot") == ['?? "l\\303\\270se file"'] or "løse" in deck.review.uncommitted("bot")[0]

    deck.fleet.fetch(view)
    assert "+more" in deck.review.text("bot") and "+loose" in deck.review.text("bot")
    diff = deck.review.diff(view)
    assert {file.path for file in diff.files} == {"README.md", "løse file"}
    loose = deck.review.sections(view)
    assert [file.path for file in loose.files[loose.split :]] == ["løse file"]
    assert [commit.subject for commit in deck.review.commits(view)] == ["More"]
    facts = deck.review.facts(view)
    assert (facts.ahead, facts.files, facts.loose, facts.problem) == (1, 2, 1, "")

    assert b"line\r\n" in b"".join(deck.raw_output("bot"))

    (readme,) = [file for file in diff.files if file.path == "README.md"]
    deck.review.revert(view, Scope.ALL, readme, readme.lines)
    assert "+more" not in deck.review.text("bot")
    deck.undo()
    assert "+more" in deck.review.text("bot")
    with pytest.raises(DeckError, match="has changed since you looked"):
        deck.review.revert(view, Scope.ALL, readme, readme.lines[:1])

    with pytest.raises(RefusedError, match="uncommitted work on dev1"):
        deck.land(LandRequest(("bot",)))
    landing = deck.land(LandRequest(("bot",), commit=""))
    assert landing.entry("bot").stage == "landed"
    assert fleet.bench.git("show", "main:løse file") == "loose"
    deck.fleet.refresh()
    assert deck.agent("bot").state is State.LANDED

    deck.remove("bot")
    assert not deck.agents()
    assert "agentdeck/bot" not in fleet.bench.branches()
    assert not fleet.there("dev1").agents()
    deck.undo()
    assert deck.agent("bot").state is State.LANDED
    assert "agentdeck/bot" in fleet.bench.branches()
    assert fleet.there("dev1").agent("bot").worktree.is_dir()  # type: ignore[union-attr]
    deck.undo(landing.entry("bot").step)
    assert fleet.bench.git("log", "-1", "--format=%s", "main") == "No database"


@in_test_fleet
def test_work_that_is_not_committed_at_all_is_seen_and_commented_on(fleet: Fleet) -> None:
    fleet.start("bot", 'echo new > new.txt; while read -r line; do echo "got <$line>"; done')
    deck = fleet.deck()

    def text() -> str:
        deck.fleet.fetch(deck.agent("bot"))
        return deck.review.text("bot")

    eventually(lambda: "+new" in text())
    assert fleet.bench.git("rev-parse", "agentdeck/bot") == fleet.bench.git("rev-parse", "main")
    deck.review.comment_at("bot", "new.txt:1", "Why?")
    assert deck.review.send("bot") == "bot has 1 comment."

    def heard() -> bool:
        deck.fleet.refresh()
        return any("Why?" in line.text for line in deck.log_lines("bot"))

    eventually(heard)
    deck.remove("bot", stop=True)
    deck.undo()
    assert "+new" in text()


def test_it_is_talked_to_stopped_and_resumed(fleet: Fleet) -> None:
    fleet.start("talk", 'while read -r line; do echo "got <$line>"; done')
    deck = fleet.deck()
    assert deck.send("talk", "it's “me”")

    def log() -> list[str]:
        deck.fleet.refresh()
        return [line.text for line in deck.log_lines("talk")]

    eventually(lambda: "got <it's “me”>" in log())
    assert "got <it's “me”>" in deck.screen("talk")
    assert deck.stop("talk").state is State.STOPPED
    first = deck.agent("talk").log
    assert deck.resume("talk").state in (State.STARTING, State.WORKING)
    deck.send("talk", "again")
    eventually(lambda: "got <again>" in log())
    assert deck.agent("talk").log != first
    argv = deck.attach_argv("talk")
    assert argv[-4:] == ["host", "attach", deck.name, "talk"]
    with pytest.raises(RefusedError, match="talk is working"):
        deck.land(LandRequest(("talk",)))
    with pytest.raises(RefusedError, match="Stop it first|is working"):
        deck.remove("talk")
    deck.remove("talk", stop=True)
    assert not fleet.runners("dev1")


@in_test_fleet
def test_the_verbs_work_from_a_shell(fleet: Fleet) -> None:
    root = fleet.bench.root
    done = agentdeck(
        "run", "--on", "any", "-n", "bot", "--", "sh", "-c", "echo hi > x; git add x; git commit -qm x", cwd=root
    )
    assert done.returncode == 0, done.stderr
    (found,) = objects(agentdeck("ls", "--json", cwd=root).stdout)
    (told,) = found["agents"]
    assert (told["host"], told["epoch"], told["unreachable_since"], told["state"]) == ("dev1", 1, None, "done")
    shown = agentdeck("show", "bot", cwd=root).stdout
    assert "dev1" in shown and "tmux window :" not in shown
    why = agentdeck("hosts", "why", "bot", cwd=root).stdout
    assert "bot is on dev1: dev1 was chosen: " in why and "If dev1 is lost: it waits." in why
    (held,) = objects(agentdeck("ports", "--json", cwd=root).stdout)[0]["ports"]
    assert "are open here already" in agentdeck("ports", "--forward", "bot", cwd=root).stderr  # for it is a folder
    assert (held["agent"], held["host"], len(held["ports"])) == ("bot", "dev1", 4)
    merged = agentdeck("merge", "bot", "--remove", cwd=root)
    assert merged.returncode == 0, merged.stderr
    assert fleet.bench.git("show", "main:x") == "hi"
    assert not fleet.deck().agents() and not fleet.there("dev1").agents()
    fleet.deck().undo()
    assert fleet.bench.git("log", "-1", "--format=%s", "main") == "No database"
    assert fleet.there("dev1").agent("bot").state is State.DONE


def test_a_start_that_is_refused_leaves_nothing(fleet: Fleet) -> None:
    deck = fleet.deck()
    with pytest.raises(NotFoundError, match="There is no host “nowhere”"):
        fleet.start("bot", "true", on="nowhere")
    with pytest.raises(NotFoundError, match="no-such-profile"):
        deck.start(StartRequest(task="x", profile="no-such-profile", name="bot", on="dev1"))
    assert not deck.agents()
    assert fleet.bench.branches() == ["main"]
    with pytest.raises(RefusedError, match="You have no hosts|No host can have this agent"):
        from agentdeck.core.fleet.placement import Needs

        fleet.start("bot", "true", on="any", needs=Needs(labels=("gpu",)))
    assert not deck.agents()


def test_an_id_means_one_start_wherever_that_was(fleet: Fleet) -> None:
    fleet.start("bot", "true", id="nightly")
    deck = fleet.deck()
    assert deck.wait("bot").state is State.DONE
    deck.remove("bot")
    again = fleet.start("other", "true", id="nightly")
    assert (again.name, again.state, again.alive) == ("bot", State.DONE, False)
    assert not deck.agents()


@in_test_fleet
def test_two_agents_conflict_across_hosts(fleet: Fleet) -> None:
    fleet.add("dev2")
    for name, host in (("one", "dev1"), ("two", "dev2")):
        fleet.start(name, f"echo {name} > README.md; git commit -qam {name}", on=host)
        eventually(lambda name=name: fleet.looked(name).state is State.DONE)  # type: ignore[misc]
    (pair,) = fleet.deck().radar.look().pairs
    assert str(pair.verdict) == "conflicts"
    fleet.break_off("dev1")
    told = list[str]()
    status = fleet.deck().store.status("one")
    fleet.deck().store.copy_status("one", replace(status, ended=time.time()))  # it has done more since
    fleet.deck().radar.look(note=lambda event: told.append(event.text))
    assert [text.startswith("dev1 can't be reached") and "its work of" in text for text in told] == [True]


def test_an_unreachable_host_is_told_and_nothing_is_guessed(fleet: Fleet) -> None:
    fleet.start("bot", "sleep 600")
    deck = fleet.deck()
    eventually(lambda: fleet.looked("bot").state is State.WORKING)
    fleet.break_off("dev1")
    deck.fleet.refresh()
    view = deck.agent("bot")
    assert view.unreachable and view.state is State.WORKING
    assert view.reason.startswith("dev1 is unreachable since ")
    with pytest.raises(UnreachableError):
        deck.send("bot", "hello")
    told = agentdeck("diff", "bot", cwd=fleet.bench.root)
    assert "None of it is here yet." in told.stderr and "changed nothing" not in told.stderr
    with pytest.raises(UnreachableError):
        deck.remove("bot", stop=True)
    assert deck.agent("bot").agent.phase == "held"
    assert len(fleet.runners("dev1")) == 1
    fleet.reconnect("dev1")
    deck.fleet.refresh()
    assert deck.agent("bot").unreachable == 0.0
    assert len(fleet.runners("dev1")) == 1


def test_a_lost_host_s_agent_goes_on_elsewhere_and_both_versions_stay(fleet: Fleet) -> None:
    fleet.add("dev2")
    fleet.start(
        "bot", "test -e done.txt || { echo first > done.txt; git add done.txt; git commit -qm first; }; sleep 600"
    )
    deck = fleet.deck()

    def fetched() -> bool:
        deck.fleet.fetch(deck.agent("bot"))
        return len(deck.review.commits(deck.agent("bot"))) == 1

    eventually(fetched)
    fleet.break_off("dev1")
    again = next(iter(deck.fleet.lose("dev1")), deck.agent("bot"))
    assert again.state.is_live, again.reason
    assert (again.host, again.agent.epoch) == ("dev2", 2)
    assert refs(fleet, "refs/agentdeck/fleet") == ["refs/agentdeck/fleet/bot/1"]
    assert len(fleet.runners("dev1")) == len(fleet.runners("dev2")) == 1
    tree = fleet.there("dev2").agent("bot").worktree
    assert tree is not None and (tree / "done.txt").read_text() == "first\n"

    fleet.reconnect("dev1")
    told: list[str] = []
    from agentdeck.system.fleet.hostlist import HostList, HostSpec

    HostList().put(HostSpec("dev1", folder=str(fleet.folder / "dev1"), lost=1.0))
    deck.fleet.welcome("dev1", lambda event: told.append(event.text))
    assert any("dev1 is back" in text for text in told), told
    eventually(lambda: not fleet.runners("dev1") or fleet.there("dev1").agent("bot").state is State.STOPPED)
    assert fleet.looked("bot").state.is_live and deck.agent("bot").host == "dev2"


def test_a_home_that_lost_its_state_adopts_its_agents(fleet: Fleet) -> None:
    import shutil

    fleet.start("bot", "sleep 600", id="only once")
    shutil.rmtree(fleet.bench.root / ".git/agentdeck")
    deck = fleet.deck()
    (view,) = deck.fleet.adopt("dev1")
    assert (view.name, view.host, view.state.is_live) == ("bot", "dev1", True)
    assert len(fleet.runners("dev1")) == 1
    assert deck.fleet.adopt("dev1") == []
    deck.stop("bot")


@in_test_fleet
def test_two_homes_on_one_host_do_not_meet(fleet: Fleet, tmp_path: Path) -> None:
    import subprocess

    from agentdeck.engine.deck import Deck

    other = fleet.bench.root.parent / "other" / fleet.bench.root.name
    subprocess.run(["git", "clone", "-q", str(fleet.bench.root), str(other)], check=True)
    fleet.start("bot", "sleep 600")
    second = Deck.find(other)
    view = second.start(StartRequest(name="bot", argv=("sh", "-c", "sleep 600"), on="dev1"))
    assert view.host == "dev1" and len(fleet.runners("dev1")) == 2
    second.stop("bot")
    assert fleet.looked("bot").state.is_live


@in_test_fleet
def test_it_runs_with_an_account_of_its_host(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    with_acme(fleet.bench, monkeypatch, ACCOUNT)
    there = fleet.folder / "dev1"
    fleet.bench.write(".config/agentdeck/profiles/acme.toml", PROFILE, cwd=there)
    asked = StartRequest(task="Look", profile="acme", name="bot", account="work", mode=Mode.HEADLESS, on="dev1")
    deck = fleet.deck()
    with pytest.raises(NotFoundError, match="dev1: There is no account “work”") as refused:
        deck.start(asked)
    assert "Run there, in any repository: agentdeck accounts add work --agent acme" in refused.value.hint
    assert deck.agents() == [] and fleet.bench.branches() == ["main"]

    own = there / ".config/agentdeck/config.toml"
    own.write_text(own.read_text() + ACCOUNT)
    fleet.bench.write(".local/state/agentdeck/accounts/work/login", "", cwd=there)
    view = deck.start(asked)
    assert view.profile == "acme@work"
    assert [each.agents for each in deck.accounts.all()] == [0, 0], "nobody uses the one here"
    assert deck.wait("bot").state is State.DONE, view.reason
    assert list(there.glob(".local/state/agentdeck/accounts/work/projects/x/*.jsonl"))
