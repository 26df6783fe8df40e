"""Repositories inside of an agent's worktree: none of them lands as a link that no clone could get."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.records.landings import Entry, LandRequest, Stage
from agentdeck.errors import RefusedError
from tests.support.decks import Bench
from tests.support.finished import finished

_Make = Callable[[Bench, Path], None]


def clone(bench: Bench, tree: Path) -> None:
    bench.git("clone", "-q", str(bench.root), "vendor/a cöpy", cwd=tree)


def worktree(bench: Bench, tree: Path) -> None:
    bench.git("worktree", "add", "-q", "-b", "helper", ".claude/worktrees/helper", cwd=tree)


def without_a_commit(bench: Bench, tree: Path) -> None:
    bench.git("init", "-q", "begun", cwd=tree)
    bench.write("begun/file", "1\n", cwd=tree)


def staged(bench: Bench, tree: Path) -> None:
    clone(bench, tree)
    bench.git("add", "vendor", cwd=tree)


def among_files(bench: Bench, tree: Path) -> None:
    clone(bench, tree)
    bench.write("vendor/file", "1\n", cwd=tree)


INSIDE: dict[_Make, str] = {
    clone: "vendor/a cöpy",
    worktree: ".claude/worktrees/helper",
    without_a_commit: "begun",
    staged: "vendor/a cöpy",
    among_files: "vendor/a cöpy",
}


def land(bench: Bench, **options: object) -> tuple[Entry, list[Event]]:
    told: list[Event] = []
    landing = bench.deck().land(LandRequest(("fix",), **options), told.append)  # type: ignore[arg-type]
    return landing.entry("fix"), [event for event in told if event.kind == EventKind.WARNING]


def links(bench: Bench, revision: str = "main") -> list[str]:
    return [line for line in bench.git("ls-tree", "-r", revision).splitlines() if line.startswith("160000")]


@pytest.mark.parametrize("make", INSIDE, ids=lambda make: make.__name__)
@pytest.mark.parametrize("file", [True, False], ids=["and a file", "alone"])
def test_a_repository_is_left_out_and_that_is_said(bench: Bench, make: _Make, file: bool) -> None:
    tree = finished(bench, "fix", {"fix.txt": "1\n"}).worktree
    assert tree is not None
    make(bench, tree)
    if file:
        bench.write("more.txt", "1\n", cwd=tree)
    (problem,) = bench.deck().radar.look().problems.values()
    assert problem == f"repositories inside of its worktree do not land: {INSIDE[make]}"
    for dry_run in (True, False):
        entry, (warning,) = land(bench, commit="All", dry_run=dry_run)
        assert entry.exit_code == 0, entry.reason
        assert (entry.repositories, warning.text) == ((INSIDE[make],), problem)
    assert links(bench) == []
    assert (bench.root / "more.txt").exists() is file
    assert (bench.root / "vendor/file").exists() is (make is among_files)
    assert (tree / INSIDE[make] / ".git").exists()


def test_a_repository_alone_is_no_work_to_commit(bench: Bench) -> None:
    tree = finished(bench, "fix", {"fix.txt": "1\n"}).worktree
    assert tree is not None
    for make in (clone, worktree, without_a_commit):
        make(bench, tree)
    assert bench.deck().review.uncommitted("fix") == []
    entry, (warning,) = land(bench)
    assert entry.stage is Stage.LANDED
    assert sorted(entry.repositories) == [".claude/worktrees/helper", "begun", "vendor/a cöpy"]
    assert all(path in warning.text for path in entry.repositories)
    assert links(bench) == []


@pytest.mark.parametrize("method", ["merge", "squash", "rebase", "ff-only"])
def test_a_link_that_was_committed_refuses_and_the_hint_helps(bench: Bench, method: str) -> None:
    tree = finished(bench, "fix", {"fix.txt": "1\n"}).worktree
    assert tree is not None
    clone(bench, tree)
    worktree(bench, tree)
    bench.commit("All of it", cwd=tree)
    before = bench.git("rev-parse", "main")
    for dry_run in (True, False):
        entry, _ = land(bench, method=method, dry_run=dry_run)
        assert entry.stage is Stage.SET_ASIDE
        assert ".claude/worktrees/helper, vendor/a cöpy" in entry.reason
    with pytest.raises(RefusedError, match="links to repositories"):
        bench.deck().landings.propose(LandRequest(("fix",)))
    assert bench.git("rev-parse", "main") == before
    subprocess.run(entry.hint, shell=True, check=True, capture_output=True)
    entry, (warning,) = land(bench, method=method)
    assert entry.stage is Stage.LANDED
    assert "vendor/a cöpy" in warning.text
    assert links(bench) == []


def test_what_gitmodules_names_lands(bench: Bench, tmp_path: Path) -> None:
    library = tmp_path / "library"
    bench.git("clone", "-q", str(bench.root), str(library))
    tree = finished(bench, "fix", {"fix.txt": "1\n"}).worktree
    assert tree is not None
    bench.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib", cwd=tree)
    clone(bench, tree)
    for dry_run in (True, False):
        entry, _ = land(bench, commit="", dry_run=dry_run)
        assert (entry.exit_code, entry.repositories) == (0, ("vendor/a cöpy",)), entry.reason
    assert [line.split("\t")[1] for line in links(bench)] == ["lib"]
    bench.git("commit", "-q", "--allow-empty", "-m", "on", cwd=tree / "lib")
    entry, _ = land(bench, commit="")
    assert entry.stage is Stage.LANDED, "a link that the base has already may go on"
    assert links(bench)[0].split()[2] == bench.git("rev-parse", "HEAD", cwd=tree / "lib")
