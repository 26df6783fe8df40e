"""The radar where a worktree is not as it should be: it tells what it can, says what it can't, and never fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from agentdeck.core.merging.radar import RadarReport
from tests.engine.radar.test_radar import verdicts
from tests.support.repos import Sandbox
from tests.support.workers import LINES, Workers, changed, workers

__all__ = ["workers"]


@pytest.fixture
def pair(workers: Workers) -> tuple[Sandbox, Sandbox]:
    """Two agents that conflict in what they committed."""
    one, two = workers.add("one"), workers.add("two")
    for tree in (one, two):
        tree.write("src/app.py", changed(3, tree.folder.name))
        tree.commit()
    return one, two


CONFLICT = {("one", "two"): "conflicts"}


def test_a_folder_deleted_by_hand_leaves_what_was_committed(workers: Workers, pair: tuple[Sandbox, Sandbox]) -> None:
    shutil.rmtree(pair[0].folder)
    report = workers.scan()
    assert verdicts(report) == CONFLICT
    assert "is gone: only its commits are compared" in report.problems["one"]
    workers.main.git("worktree", "prune")
    assert workers.scan().problems["one"] == "its worktree is gone: only its commits are compared"
    workers.main.git("branch", "-q", "-D", "agentdeck/one")
    report = workers.scan()
    assert report.problems == {"one": "it no longer has a worktree or a branch"}
    assert [each.a for each in report.base] == ["two"]
    assert (report.agents, report.worst("one"), report.order) == (("one", "two"), None, ("two",))


def test_a_folder_that_was_moved_is_found(workers: Workers, pair: tuple[Sandbox, Sandbox]) -> None:
    there = workers.main.folder.parent / "moved ünï"
    workers.main.git("worktree", "move", pair[0].folder, there)
    assert (verdicts(workers.scan()), workers.scan().problems) == (CONFLICT, {})


def test_a_merge_in_progress(workers: Workers, pair: tuple[Sandbox, Sandbox]) -> None:
    one, _ = pair
    one.fails("merge", "agentdeck/two")
    report = workers.scan()
    assert "is not resolved" in report.problems["one"]
    assert verdicts(report) == CONFLICT
    one.write("src/app.py", changed(3, "both"))
    one.git("add", "--all")
    report = workers.scan()
    assert report.problems == {}
    # It holds the other one's work now, which is no conflict any more.
    assert verdicts(report) == {("one", "two"): "touches"}
    one.git("commit", "-q", "--no-edit")
    assert verdicts(workers.scan()) == {("one", "two"): "touches"}


def test_a_rebase_and_a_bisection_in_progress(workers: Workers, pair: tuple[Sandbox, Sandbox]) -> None:
    one, two = pair
    one.fails("rebase", "agentdeck/two")
    two.git("bisect", "start")
    report = workers.scan()
    assert report.problems["one"] == "it is in the middle of a rebase: only its commits are compared"
    assert report.problems["two"] == "it is in the middle of a bisection: only its commits are compared"
    assert verdicts(report) == CONFLICT


def test_a_detached_head_is_looked_at_as_it_is(workers: Workers, pair: tuple[Sandbox, Sandbox]) -> None:
    one, _ = pair
    one.git("checkout", "-q", "--detach", "main")
    one.write("src/app.py", changed(9, "one"))
    report = workers.scan()
    assert (verdicts(report), report.problems) == ({("one", "two"): "touches"}, {})


def test_a_branch_without_a_commit(workers: Workers, pair: tuple[Sandbox, Sandbox]) -> None:
    pair[0].git("checkout", "-q", "--orphan", "nothing")
    report = workers.scan()
    assert report.problems == {"one": "its branch has no commit yet"}
    assert [each.b for each in report.base] == ["main"]


def test_no_history_in_common(workers: Workers, pair: tuple[Sandbox, Sandbox]) -> None:
    workers.add("three").write("x", "x\n")
    pair[0].git("checkout", "-q", "--orphan", "own")
    pair[0].commit("of its own")
    report = workers.scan()
    assert "it has no history in common with main" in report.problems["one"]
    assert {(each.a, each.b) for each in report.pairs} == {("two", "three")}
    assert report.marks("one") == {}


def test_different_bases(workers: Workers) -> None:
    workers.main.git("branch", "develop")
    one, two = workers.add("one"), workers.add("two", base="develop")
    for tree in (one, two):
        tree.write("src/app.py", changed(3, tree.folder.name))
        tree.commit()
    report = workers.scan()
    assert [(each.a, each.b) for each in report.base] == [("one", "main"), ("two", "develop")]
    assert verdicts(report) == CONFLICT
    assert report.order == ("one", "two")
    workers.main.git("branch", "-q", "-D", "develop")
    report = workers.scan()
    assert report.problems == {"two": "its base develop is gone"}
    assert verdicts(report) == CONFLICT


def test_an_agent_on_top_of_another_does_not_collide_with_it(workers: Workers) -> None:
    one = workers.add("one")
    one.write("src/app.py", changed(3, "one"))
    one.commit()
    two = workers.add("two", base="agentdeck/one")
    two.write("src/app.py", changed(3, "two"))
    assert verdicts(workers.scan()) == {}
    one.write("src/app.py", changed(3, "one again"))
    assert verdicts(workers.scan()) == CONFLICT
    one.commit()
    assert verdicts(workers.scan()) == {("two", "agentdeck/one"): "conflicts", **CONFLICT}


def test_submodules(workers: Workers) -> None:
    library = Sandbox(workers.main.folder.parent / "library")
    library.folder.mkdir()
    library.git("init", "-q")
    library.write("lib.txt", "lib\n")
    library.commit()
    allow = ("-c", "protocol.file.allow=always")
    workers.main.git(*allow, "submodule", "--quiet", "add", library.folder, "lib")
    workers.main.commit()
    one, two = workers.add("one"), workers.add("two")
    for tree in (one, two):
        tree.git(*allow, "submodule", "--quiet", "update", "--init")
        inner = tree.at(tree.folder / "lib")
        inner.write("lib.txt", tree.folder.name)
        assert verdicts(workers.scan()) == {}, "work inside a submodule is its own repository's"
    for tree in (one, two):
        tree.at(tree.folder / "lib").commit(tree.folder.name)
    report = workers.scan()
    assert (verdicts(report), report.problems) == (CONFLICT, {})
    assert [conflict.path for conflict in report.pairs[0].conflicts] == ["lib"]


def test_files_that_cannot_be_added_are_told_and_the_others_count(
    workers: Workers, pair: tuple[Sandbox, Sandbox]
) -> None:
    one, two = pair
    one.git("init", "-q", "inner repository")
    one.write("inner repository/x", "x\n")
    os.mkfifo(two.folder / "pipe")
    for tree in pair:
        tree.write("näw file", tree.folder.name)
    report = workers.scan()
    assert set(report.problems) == {"one"}
    assert "inner repository" in report.problems["one"]
    assert [conflict.path for conflict in report.pairs[0].conflicts] == ["näw file", "src/app.py"]


def test_names_that_are_hard(workers: Workers) -> None:
    names = ["ünï code.txt", "new\nline", "tab\t", '"quoted"', "-dash", "a:b", "*", "\udcff bytes"]
    one, two = workers.add("one"), workers.add("two")
    for tree in (one, two):
        for name in names:
            Path(tree.folder, name).write_text(tree.folder.name)
    report = workers.scan()
    assert sorted(conflict.path for conflict in report.pairs[0].conflicts) == sorted(names)
    assert all(conflict.where == f"{conflict.path}:1" for conflict in report.pairs[0].conflicts)
    assert workers.scan().is_like(report)


def test_an_executable_a_link_a_deletion_and_a_binary_file(workers: Workers) -> None:
    main = workers.main
    for name in ("mode", "link", "gone"):
        main.write(name, "text\n")
    main.write("binary", bytes(range(256)))
    main.commit()
    one, two = workers.add("one"), workers.add("two")
    (one.folder / "mode").chmod(0o755)
    two.write("mode", "other\n")
    (one.folder / "link").unlink()
    (one.folder / "link").symlink_to("mode")
    two.write("link", "other\n")
    (one.folder / "gone").unlink()
    two.write("gone", "other\n")
    for tree in (one, two):
        tree.write("binary", bytes(range(256)) + tree.folder.name.encode())
    (found,) = workers.scan().pairs
    kinds = {conflict.path.partition("~")[0]: conflict.kind for conflict in found.conflicts}
    assert kinds.pop("gone") == "modify/delete"
    assert kinds.pop("binary") in ("binary", "contents")
    assert set(kinds) == {"link"}
    assert found.shared == ("binary", "gone", "link", "mode")


def test_objects_collected_as_garbage_meanwhile(workers: Workers) -> None:
    one, two = workers.add("one"), workers.add("two")
    text = changed(3, "one")
    # The object that the look finds in the repository, and that nothing there holds.
    workers.main.git("hash-object", "-w", "--stdin", stdin=text)
    one.write("src/app.py", text)
    assert verdicts(workers.scan()) == {}
    workers.main.git("gc", "--quiet", "--prune=now")
    two.write("src/app.py", changed(3, "two"))
    report = workers.scan()
    assert (verdicts(report), report.problems) == (CONFLICT, {})


def test_a_cache_that_has_grown_is_made_anew(workers: Workers, pair: tuple[Sandbox, Sandbox]) -> None:
    first = workers.scan()
    crowd = workers.deck.store.folder / "radar" / "objects" / "17"
    crowd.mkdir(exist_ok=True)
    for number in range(300):
        (crowd / f"{number:038x}").touch()
    assert workers.scan().is_like(first)
    assert len(list(crowd.parent.glob("17/*"))) < 10


def test_locks_of_a_killed_git_are_in_nobodys_way(workers: Workers, pair: tuple[Sandbox, Sandbox]) -> None:
    workers.scan()
    (workers.deck.store.folder / "radar" / "one.index.lock").touch()
    pair[0].write("src/app.py", LINES)
    assert verdicts(workers.scan()) == {}


def test_a_bare_repository(workers: Workers, pair: tuple[Sandbox, Sandbox], tmp_path: Path) -> None:
    bare = tmp_path / "bäre.git"
    workers.main.git("clone", "-q", "--bare", workers.main.folder, bare)
    there = Workers(Sandbox(bare))
    for name in ("one", "two"):
        tree = Sandbox(tmp_path / name)
        there.main.git("worktree", "add", "-q", tree.folder, f"agentdeck/{name}")
        there.put(name, tree.folder, "main")
    shutil.move(bare / ".git" / "agentdeck", bare / "agentdeck")
    assert verdicts(there.scan()) == CONFLICT


def test_many_processes_at_once(workers: Workers, pair: tuple[Sandbox, Sandbox]) -> None:
    from tests.support.cli import PROGRAM, objects

    words = [*PROGRAM, "radar", "--json"]
    started = [
        subprocess.Popen(words, cwd=workers.main.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        out, err = process.communicate(timeout=60)
        (found,) = objects(out)
        assert (process.returncode, err) == (0, "")
        assert [each["verdict"] for each in found["pairs"]] == ["conflicts"]
    events = [event for event in workers.deck.store.events("one") if event.kind == "radar.conflict"]
    assert len(events) == 1


def test_nothing_at_all(workers: Workers) -> None:
    report = workers.scan()
    assert report == RadarReport((), (), (), (), {}, report.at)
