"""Landings, removals and undos of several processes at the same instant; and what is done to the base meanwhile."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from agentdeck.engine.records.landings import LandRequest, Stage
from agentdeck.errors import ExitCode
from tests.support.cli import PROGRAM
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.worlds import leftovers, registry, world_of


def together(bench: Bench, *lines: Sequence[str]) -> list[tuple[int, str]]:
    """Run the command lines at once; their exit codes and what they said."""
    running = [
        subprocess.Popen([*PROGRAM, *line], cwd=bench.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in lines
    ]
    told = [process.communicate(timeout=100)[0] for process in running]
    return [(process.returncode, text) for process, text in zip(running, told, strict=True)]


@pytest.mark.slow
def test_two_landings_and_five_removals_at_once_each_come_to_their_end(bench: Bench) -> None:
    names = [f"w{number}" for number in range(7)]
    for name in names:
        finished(bench, name, {f"{name}.txt": f"{name}\n"})
    landings = [("merge", name, "--gate", "true") for name in names[:2]]
    removals = [("rm", name) for name in names[2:]]
    for code, told in together(bench, *landings, *removals):
        assert code == ExitCode.OK, told
    deck = bench.deck()
    assert sorted(path.name for path in bench.root.glob("w*.txt")) == ["w0.txt", "w1.txt"]
    assert bench.git("status", "--porcelain") == ""
    assert len(bench.git("rev-list", "--merges", "main").splitlines()) == 2
    assert [view.name for view in deck.agents()] == ["w0", "w1"]
    assert [lease.agent for lease in registry(bench).owners()] == ["w0", "w1"]
    assert leftovers(bench) == []
    assert len(deck.history.steps()) == 7
    for step in reversed(deck.history.steps()):
        deck.undo(step.number)
    assert [view.name for view in deck.agents()] == names
    assert not list(bench.root.glob("w*.txt"))


def test_the_same_agent_removed_by_several_at_once_is_removed_once(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "x\n"})
    for code, told in together(bench, *[("rm", "fix")] * 3):
        assert code in (ExitCode.OK, ExitCode.NOT_FOUND, ExitCode.REFUSED), told
    deck = bench.deck()
    assert [step.text for step in deck.history.steps()] == ["removed fix"]
    deck.undo()
    assert (bench.root / ".worktrees/fix/fix.txt").exists()


def test_two_undos_at_once_take_one_step_back(bench: Bench) -> None:
    finished(bench, "one", {"one.txt": "1\n"})
    finished(bench, "two", {"two.txt": "2\n"})
    deck = bench.deck()
    deck.remove("one")
    deck.remove("two")
    results = together(bench, ("undo", "--step", "2"), ("undo", "--step", "2"))
    assert sorted(code for code, _ in results) == [ExitCode.OK, ExitCode.REFUSED], results
    assert any("already undone" in told for _, told in results)
    assert [view.name for view in deck.agents()] == ["two"]
    assert [step.undone for step in deck.history.steps()] == [0, 3, 0]


def test_two_landings_of_the_same_agent_at_once_land_it_once(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "x\n"})
    results = together(bench, ("merge", "fix"), ("merge", "fix"))
    assert all(code in (ExitCode.OK, ExitCode.REFUSED) for code, _ in results), results
    assert len(bench.git("rev-list", "--merges", "main").splitlines()) == 1
    assert len(bench.deck().history.steps()) == 1
    assert leftovers(bench) == []


def test_two_prunes_at_once_clear_everything_once(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "x\n"})
    bench.deck().land(LandRequest(("fix",)))
    bench.git("branch", "agentdeck/merged", "main^")
    for code, told in together(bench, ("prune", "--yes"), ("prune", "--yes")):
        assert code == ExitCode.OK, told
    deck = bench.deck()
    assert deck.history.stale() == []
    assert [len(step.parts) for step in deck.history.steps()] == [1, 2]
    deck.undo()
    assert "agentdeck/merged" in bench.branches()
    assert deck.agent("fix")


@pytest.mark.parametrize("how", ["unstaged", "staged", "untracked", "ignored", "deleted"])
def test_what_is_in_the_way_in_the_bases_checkout_stops_it(bench: Bench, how: str) -> None:
    finished(bench, "fix", {"src/app.py": "fixed\n", "new.txt": "new\n"})
    if how in ("unstaged", "staged"):
        bench.write("src/app.py", "mine\n")
    if how == "staged":
        bench.git("add", "-A")
    if how in ("untracked", "ignored"):
        bench.write("new.txt", "mine\n")
    if how == "ignored":
        bench.write(".git/info/exclude", "new.txt\n.worktrees\n")
    if how == "deleted":
        (bench.root / "src/app.py").unlink()
        (bench.root / "src").rmdir()
    before = world_of(bench)
    entry = bench.deck().land(LandRequest(("fix",))).entry("fix")
    if how == "deleted":
        # git, too, takes a file that is gone for no change worth keeping; nothing of anyone's is lost.
        assert entry.stage is Stage.LANDED
        return
    assert (entry.stage, entry.exit_code) == (Stage.SET_ASIDE, ExitCode.REFUSED)
    assert world_of(bench) == before


def test_other_changes_in_the_bases_checkout_stay_as_they_are(bench: Bench) -> None:
    finished(bench, "fix", {"src/app.py": "fixed\n"})
    bench.write("README.md", "staged\n")
    bench.git("add", "README.md")
    bench.write("README.md", "staged, then more\n")
    bench.write("untracked.txt", "x\n")
    before = bench.git("status", "--porcelain=v2")
    assert bench.deck().land(LandRequest(("fix",))).entry("fix").stage is Stage.LANDED
    assert bench.git("status", "--porcelain=v2") == before
    assert (bench.root / "src/app.py").read_text() == "fixed\n"


def test_a_base_that_another_linked_worktree_has_checked_out_moves_there(bench: Bench) -> None:
    other = bench.root.parent / "other tree"
    bench.git("worktree", "add", "-q", "-b", "release", str(other))
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    assert bench.deck().land(LandRequest(("fix",), into="release")).entry("fix").stage is Stage.LANDED
    assert (other / "fix.txt").exists()
    assert bench.git("status", "--porcelain", cwd=other) == ""
    assert not (bench.root / "fix.txt").exists()
    bench.deck().undo()
    assert not (other / "fix.txt").exists()


def test_a_base_that_is_checked_out_twice_is_refused(bench: Bench) -> None:
    other = bench.root.parent / "other"
    bench.git("worktree", "add", "-q", "--force", str(other), "main")
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    entry = bench.deck().land(LandRequest(("fix",))).entry("fix")
    assert "checked out in more than one worktree" in entry.reason
    assert not (bench.root / "fix.txt").exists()


def test_a_filter_that_fails_half_way_leaves_the_bases_files_as_they_were(bench: Bench) -> None:
    bench.write(".gitattributes", "*.big filter=big\n")
    bench.commit("Attributes")
    allowed = bench.root.parent / "allowed"
    allowed.touch()
    bench.git("config", "filter.big.clean", "cat")
    bench.git("config", "filter.big.smudge", f"test -e '{allowed}' && cat")
    bench.git("config", "filter.big.required", "true")
    finished(bench, "fix", {"a.txt": "a\n", "src/app.py": "fixed\n", "x.big": "big\n", "z.txt": "z\n"})
    before = world_of(bench)
    allowed.unlink()
    entry = bench.deck().land(LandRequest(("fix",))).entry("fix")
    assert "can't be written" in entry.reason, entry
    assert world_of(bench) == before
    assert leftovers(bench) == []
    allowed.touch()
    assert bench.deck().land(LandRequest(("fix",))).entry("fix").stage is Stage.LANDED
    assert bench.git("status", "--porcelain") == ""


def everything_in(folder: Path) -> dict[str, bytes]:
    files = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
    return {str(path): path.read_bytes() for path in files if path.is_file() and not path.is_symlink()}


def test_a_dry_run_changes_no_byte(bench: Bench) -> None:
    finished(bench, "one", {"src/app.py": "1\n"})
    finished(bench, "two", {"src/app.py": "2\n"})
    finished(bench, "three", {"three.txt": "3\n"})
    bench.deck().land(LandRequest(("three",)))
    bench.write("README.md", "mine\n")
    before = everything_in(bench.root)
    ((code, told),) = together(bench, ("merge", "one", "two", "--dry-run", "--gate", "false", "--squash"))
    assert code == ExitCode.REFUSED
    assert "would land one" in told
    for line in (("prune", "--dry-run"), ("merge", "one", "--dry-run", "--rebase"), ("undo", "--list")):
        ((code, told),) = together(bench, line)
        assert code == ExitCode.OK, told
    assert everything_in(bench.root) == before
