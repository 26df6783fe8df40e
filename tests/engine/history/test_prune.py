"""What has gone stale is found, told with its reason, cleared away, and brought back by one undo."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event
from agentdeck.engine.providers import gateways
from agentdeck.engine.records.landings import LandRequest, Stage
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.history import Stale
from agentdeck.errors import StoreError
from agentdeck.system.git.merges import Method
from tests.support.decks import Bench, world_of
from tests.support.finished import finished
from tests.support.retry import eventually


def found(bench: Bench) -> dict[tuple[str, str], Stale]:
    return {(stale.kind, stale.what): stale for stale in bench.deck().history.stale()}


def prune(bench: Bench) -> None:
    deck = bench.deck()
    _, failed = deck.history.prune(deck.history.stale())
    assert failed == []


def test_a_deck_in_use_and_one_never_used_have_nothing_stale(bench: Bench) -> None:
    assert bench.deck().history.stale() == []
    finished(bench, "fresh", {})
    finished(bench, "open", {"open.txt": "x\n"})
    deck = bench.deck()
    deck.start(StartRequest(name="busy", argv=("sleep", "600")))
    assert deck.history.stale() == []


@pytest.mark.parametrize("method", [Method.MERGE, Method.SQUASH, Method.REBASE])
def test_landed_agents_go_and_come_back_together(bench: Bench, method: Method) -> None:
    for name in ("one", "two", "dirty"):
        finished(bench, name, {f"{name}.txt": "x\n"})
    deck = bench.deck()
    deck.land(LandRequest(("one", "two", "dirty"), method=method))
    bench.write("more.txt", "not landed\n", cwd=bench.root / ".worktrees/dirty")
    assert set(found(bench)) == {("agent", "one"), ("agent", "two")}
    assert found(bench)["agent", "one"].room > 0
    prune(bench)
    assert [view.name for view in deck.agents()] == ["dirty"]
    deck.undo()
    assert [view.name for view in deck.agents()] == ["one", "two", "dirty"]
    assert deck.agent("one").state is State.LANDED
    assert (bench.root / ".worktrees/two/two.txt").exists()


def test_merged_branches_of_ours_go_however_they_were_merged(bench: Bench) -> None:
    for name in ("merged", "squashed", "rebased", "open"):
        finished(bench, name, {f"{name}.txt": "x\n"})
        bench.deck().remove(name)
        (ref,) = (ref for ref in bench.trash_refs() if f"/{name}/" in ref)
        bench.git("branch", f"agentdeck/{name}", f"{ref}^")
    bench.git("branch", "mine", "main")
    bench.git("merge", "-q", "--no-ff", "--no-edit", "agentdeck/merged")
    bench.git("merge", "-q", "--squash", "agentdeck/squashed")
    bench.commit("Squashed by hand")
    bench.git("cherry-pick", "agentdeck/rebased")
    stale = found(bench)
    assert set(stale) == {("branch", f"agentdeck/{name}") for name in ("merged", "squashed", "rebased")}
    assert stale["branch", "agentdeck/merged"].why == "merged into main"
    tip = bench.git("rev-parse", "agentdeck/squashed")
    bench.git("config", "branch.agentdeck/squashed.description", "why it is")
    prune(bench)
    assert bench.branches() == ["agentdeck/open", "main", "mine"]
    step = bench.deck().undo()
    assert bench.git("rev-parse", "agentdeck/squashed") == tip
    assert bench.git("config", "branch.agentdeck/squashed.description") == "why it is"
    bench.deck().undo(step.number)
    assert bench.branches() == ["agentdeck/open", "main", "mine"]


def test_a_phantom_checkout_is_freed_and_its_record_comes_back(bench: Bench) -> None:
    other = bench.root.parent / "other tree"
    bench.git("worktree", "add", "-q", "-b", "feature", str(other))
    bench.write("staged.txt", "staged\n", cwd=other)
    bench.git("add", "staged.txt", cwd=other)
    bench.deck().store.open()
    kept = bench.root.parent / "kept"
    shutil.move(other, kept)
    (stale,) = bench.deck().history.stale()
    assert (stale.kind, stale.why) == ("worktree record", "its folder is gone, and holds the branch feature")
    prune(bench)
    bench.git("switch", "-q", "feature")
    bench.git("switch", "-q", "main")
    bench.deck().undo()
    shutil.move(kept, other)
    assert bench.git("status", "--porcelain", cwd=other) == "A  staged.txt"


def test_an_agent_whose_worktree_was_deleted_by_hand(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "x\n"})
    worktree = bench.root / ".worktrees/fix"
    shutil.rmtree(worktree)
    assert found(bench)["agent", "fix"].why == "its worktree was deleted by hand"
    prune(bench)
    assert bench.deck().agents() == []
    assert bench.worktrees() == [str(bench.root)]
    bench.deck().undo()
    assert (worktree / "fix.txt").read_text() == "x\n"


def test_what_lost_its_agent_goes(bench: Bench) -> None:
    deck = bench.deck()
    deck.store.open()
    world_of(deck).ports.reserve(deck.name, "ghost", 2, (20000, 29999), replace_taken=False)
    world_of(deck).ports.reserve("another-deck", "ghost", 2, (20000, 29999), replace_taken=False)
    world_of(deck).tmux.open_window(deck.name, "ghost", ["sleep", "600"], cwd=bench.root, env=dict(os.environ))
    left = Path(tempfile.gettempdir()) / f"agentdeck-{os.getuid()}" / f"{deck.store.deck_id}-ghost"
    left.mkdir(parents=True)
    (left / "file").write_text("x")
    assert {kind for kind, _ in found(bench)} == {"ports", "window", "files"}
    prune(bench)
    assert not left.exists()
    assert [lease.deck for lease in deck.ports()] == ["another-deck"]
    assert eventually(lambda: bench.windows() == [])


def test_a_database_left_behind_is_dumped_and_dropped(bench: Bench) -> None:
    finished(bench, "fix", {})
    deck = bench.deck()
    plan = deck.agent("fix").agent.lease("database")
    assert plan is not None
    # Where the worktree goes, its sqlite file goes along: there is nothing to dump, and nothing to complain of.
    deck.remove("fix", keep_database=True)
    assert [kind for kind, _ in found(bench)] == ["database"]
    prune(bench)
    assert deck.history.stale() == []


def test_a_database_that_an_agent_of_that_name_has_again_stays(bench: Bench) -> None:
    config = '[database]\nengine = "command"\ncreate = "echo x://db"\ndrop = "true"\n'
    bench.write("agentdeck.toml", config)
    finished(bench, "fix", {})
    deck = bench.deck()
    deck.remove("fix", keep_database=True)
    assert [kind for kind, _ in found(bench)] == ["database"]
    finished(bench, "fix", {})
    assert found(bench) == {}
    deck.remove("fix", keep_database=True)
    bench.write("databases/fix-1.json", "{", cwd=deck.store.folder)
    with pytest.raises(StoreError, match="fix-1.json"):
        bench.deck().history.stale()


def test_a_gate_that_its_landing_could_not_remove_goes_once_nothing_keeps_it(bench: Bench) -> None:
    told: list[Event] = []
    may_go = bench.root / "may go"
    line = '[database]\nengine = "command"\ncreate = "echo x://db"\ndrop = "test -e \\"may go\\""\n'
    bench.write("agentdeck.toml", line)
    finished(bench, "fix", {"fix.txt": "x\n"})
    landing = bench.deck().land(LandRequest(("fix",), gate=("true",)), told.append)
    assert landing.entry("fix").stage is Stage.LANDED
    assert [event.agent for event in told if "could not be removed" in event.text] == ["fix"]
    assert [view.name for view in bench.deck().agents()] == ["fix"]
    deck = bench.deck()
    _, failed = deck.history.prune([stale for stale in deck.history.stale() if stale.what == "gate-fix"])
    assert [stale.what for stale in failed] == ["gate-fix"]
    may_go.touch()
    prune(bench)
    assert "gate-fix" not in deck.store.names()
    assert not (bench.root / ".worktrees/gate-fix").exists()


def test_the_trash_expires_by_age_only_when_pruned(bench: Bench) -> None:
    finished(bench, "old", {"old.txt": "x\n"})
    deck = bench.deck()
    deck.remove("old")
    finished(bench, "new", {"new.txt": "x\n"})
    deck.remove("new")
    assert deck.history.stale() == []
    past = time.time() - 40 * 24 * 3600
    folder = next(path for path in deck.store.trash.iterdir() if path.name.startswith("old-"))
    os.utime(folder, (past, past))
    for log in (deck.store.folder / "logs").glob("old-*"):
        os.utime(log, (past, past))
    ref = next(ref for ref in bench.trash_refs() if "/old/" in ref)
    tree, parents = bench.git("rev-parse", f"{ref}^{{tree}}"), bench.git("log", "-1", "--format=%P", ref).split()
    words = [word for parent in parents for word in ("-p", parent)]
    os.environ["GIT_COMMITTER_DATE"] = f"@{int(past)} +0000"
    aged = bench.git("commit-tree", tree, *words, "-m", "aged")
    del os.environ["GIT_COMMITTER_DATE"]
    bench.git("update-ref", ref, aged)
    assert {kind for kind, _ in found(bench)} == {"log", "trash"}
    prune(bench)
    assert [ref.split("/")[3] for ref in bench.trash_refs()] == ["new"]
    deck.undo()
    assert (bench.root / ".worktrees/new/new.txt").exists()


def test_a_gateway_that_nobody_needs_is_stopped_and_plans_of_what_is_gone_are_forgotten(bench: Bench) -> None:
    finished(bench, "done", {})
    world = world_of(bench.deck())
    gateways.ensure(world)
    gateways.files().put_plan("gone-01234567", {}, bench.root / "gone")
    assert set(found(bench)) == {("gateway", "gateway"), ("gateway", "gone-01234567")}
    prune(bench)
    assert not gateways.files().alive()
    assert list(gateways.files().config()["stores"]) == [world.deck]
