"""The conflict radar on real worktrees."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from agentdeck.core.agents.agent import State, Status
from agentdeck.core.merging.radar import Mark, RadarReport, Verdict
from agentdeck.engine.deck import Deck
from agentdeck.engine.radar.following import follow
from agentdeck.engine.radar.marks import read_marks
from agentdeck.errors import DeckError
from agentdeck.system.git.wholework import WholeWork, Workshop
from tests.support.decks import world_of
from tests.support.repos import MakeRepo
from tests.support.workers import LINES, Workers, changed, workers

__all__ = ["workers"]


def verdicts(report: RadarReport) -> dict[tuple[str, str], str]:
    """Those that are not clean."""
    every = (*report.base, *report.pairs)
    return {(pair.a, pair.b): str(pair.verdict) for pair in every if pair.verdict is not Verdict.CLEAN}


def test_committed_and_uncommitted_work_is_compared(workers: Workers) -> None:
    one, two, three, four = (workers.add(name) for name in ("one", "two", "three", "four"))
    one.write("src/app.py", changed(3, "one"))
    one.commit()
    two.write("src/app.py", changed(3, "two"))
    two.git("add", "--all")
    three.write("src/app.py", changed(20, "three"))
    four.write("src/app two.py", "new\n")
    report = workers.scan()
    assert verdicts(report) == {
        ("one", "two"): "conflicts",
        ("one", "three"): "touches",
        ("two", "three"): "touches",
    }
    (conflict,) = report.pairs[0].conflicts
    assert (conflict.where, report.pairs[0].shared) == ("src/app.py:3", ("src/app.py",))
    assert report.order == ("one", "three", "four", "two")
    assert report.worst("one") == Mark(Verdict.CONFLICTS, ("two",))
    assert report.worst("three") == Mark(Verdict.TOUCHES, ("one", "two"))
    assert report.marks("four") == dict.fromkeys(("main", "one", "two", "three"), Verdict.CLEAN)
    assert report.problems == {}


def test_a_base_that_moved_is_compared_too(workers: Workers) -> None:
    one, two = workers.add("one"), workers.add("two")
    one.write("src/app.py", changed(3, "one"))
    two.write("src/app.py", changed(25, "two"))
    workers.main.write("src/app.py", changed(3, "main"))
    workers.main.commit()
    report = workers.scan()
    assert verdicts(report) == {("one", "main"): "conflicts", ("two", "main"): "touches", ("one", "two"): "touches"}
    assert report.order == ("two", "one")


def test_what_git_ignores_is_left_out_and_what_it_tracks_all_the_same_is_not(workers: Workers) -> None:
    one, two = workers.add("one"), workers.add("two")
    for each in (one, two):
        each.write("x.log", each.folder.name)
    assert verdicts(workers.scan()) == {}
    for each in (one, two):
        each.git("add", "--force", "x.log")
    assert verdicts(workers.scan()) == {("one", "two"): "conflicts"}
    one.git("rm", "-q", "--cached", "x.log")
    assert verdicts(workers.scan()) == {}


def picture(folder: Path) -> dict[str, object]:
    """Every file's bytes and time, but for the store. Of git's objects not the time: it renews that of those in use."""
    files = [path for path in folder.rglob("*") if path.is_file() and "agentdeck" not in path.parts]
    return {str(path): (path.read_bytes(), "objects" in path.parts or path.stat().st_mtime_ns) for path in files}


def test_worktrees_index_refs_and_objects_are_untouched(workers: Workers) -> None:
    one, two = workers.add("one"), workers.add("two")
    one.write("src/app.py", changed(3, "one"))
    one.git("add", "--all")
    one.write("src/app.py", changed(3, "one more"))
    two.write("src/app.py", changed(3, "two"))
    two.write("ünï code/ä b", "x\n")
    before = picture(workers.main.folder)
    assert verdicts(workers.scan()) == {("one", "two"): "conflicts"}
    assert picture(workers.main.folder) == before


def test_only_what_changed_is_computed_again(workers: Workers) -> None:
    trees = [workers.add(f"agent-{number}") for number in range(5)]
    for number, tree in enumerate(trees):
        tree.write(f"new {number}", "x\n")
    radar = workers.radar()
    radar.scan(workers.views())
    assert (radar.looked, radar.merged) == (5, 15)
    radar.scan(workers.views())
    assert (radar.looked, radar.merged) == (0, 0)
    trees[2].write("new 2", "y\n")
    radar.scan(workers.views())
    assert (radar.looked, radar.merged) == (1, 5)
    another = workers.radar()
    another.scan(workers.views())
    assert (another.looked, another.merged) == (0, 0)
    trees[0].commit()  # the same tree in a commit
    trees[4].write("new 4", "z\n")
    radar.scan(workers.views())
    assert (radar.looked, radar.merged) == (2, 9)


def test_a_caller_that_knows_what_changed_saves_the_looks(workers: Workers) -> None:
    one, two = workers.add("one"), workers.add("two")
    radar = workers.radar()
    radar.scan(workers.views())
    one.write("src/app.py", changed(3, "one"))
    two.write("src/app.py", changed(3, "two"))
    assert verdicts(radar.scan(workers.views(), changed={"one"})) == {}
    assert verdicts(radar.scan(workers.views(), changed={"two"})) == {("one", "two"): "conflicts"}


@pytest.mark.parametrize("harm", [lambda file: file.write_bytes(b"\0{"), lambda file: file.unlink(),
                                  lambda file: file.write_text('{"format":1,"told":3}')])  # fmt: skip
@pytest.mark.parametrize("victim", ["memory.json", "one.index", "marks.json"])
def test_a_damaged_cache_is_made_again(workers: Workers, harm: Callable[[Path], object], victim: str) -> None:
    for name in ("one", "two"):
        workers.add(name).write("src/app.py", changed(3, name))
    first = workers.scan()
    harm(workers.deck.store.folder / "radar" / victim)
    assert workers.scan().is_like(first)


def test_objects_that_were_thrown_away_are_made_again(workers: Workers) -> None:
    for name in ("one", "two"):
        workers.add(name).write("src/app.py", changed(3, name))
    first = workers.scan()
    shutil.rmtree(workers.deck.store.folder / "radar" / "objects")
    workers.main.at(workers.main.folder / ".worktrees/one").write("another", "x\n")
    assert workers.scan().is_like(first)


def test_a_new_conflict_is_told_once_and_its_end_too(workers: Workers) -> None:
    one, two = workers.add("one"), workers.add("two")

    def told() -> list[tuple[str, str, str]]:
        store = workers.deck.store
        events = [event for name in ("one", "two") for event in store.events(name) if event.kind.startswith("radar")]
        return [(event.agent, event.kind, event.text) for event in events]

    one.write("src/app.py", changed(3, "one"))
    two.write("src/app.py", changed(3, "two"))
    workers.scan()
    workers.scan()
    begun = [
        ("one", "radar.conflict", "conflicts with two in src/app.py:3"),
        ("two", "radar.conflict", "conflicts with one in src/app.py:3"),
    ]
    assert told() == begun
    two.write("src/app.py", LINES)
    workers.scan()
    workers.scan()
    ended = [
        ("one", "radar.cleared", "no longer conflicts with two"),
        ("two", "radar.cleared", "no longer conflicts with one"),
    ]
    assert sorted(told()) == sorted(begun + ended)
    two.write("src/app.py", changed(3, "two"))
    workers.scan()
    assert len(told()) == 6
    workers.deck.store.delete_agent("two")
    workers.scan()
    assert [kind for _, kind, _ in told()] == ["radar.conflict", "radar.cleared"] * 2


def test_marks_are_read_without_a_look(workers: Workers) -> None:
    one, two, _ = workers.add("one"), workers.add("two"), workers.add("three")
    one.write("src/app.py", changed(3, "one"))
    two.write("src/app.py", changed(3, "two"))
    world = world_of(workers.deck)
    assert read_marks(world, workers.views()) == {}
    workers.scan()
    known = read_marks(world, workers.views())
    assert known["one"].mark == Mark(Verdict.CONFLICTS, ("two",))
    assert all(each.holds for each in known.values())
    two.commit()
    known = read_marks(world, workers.views())
    assert {name: each.holds for name, each in known.items()} == {"one": False, "two": False, "three": False}
    landed = Status(State.LANDED, since=time.time())
    views = [replace(view, status=landed) if view.name == "one" else view for view in workers.views()]
    assert read_marks(world, views).keys() == {"two", "three"}


def test_another_thread_can_cancel_a_scan(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two", "three"):
        workers.add(name)
    radar, views = workers.radar(), workers.views()
    first = workers.scan()
    shutil.rmtree(workers.deck.store.folder / "radar")

    def cancelled_meanwhile(shop: Workshop, *args: object) -> WholeWork:
        radar.cancel()
        return look(shop, *args)  # type: ignore[arg-type]

    look = Workshop.look
    monkeypatch.setattr(Workshop, "look", cancelled_meanwhile)
    with pytest.raises(DeckError, match="cancelled"):
        radar.scan(views)
    monkeypatch.undo()
    assert radar.scan(views).is_like(first)


def test_following_ends_when_it_is_told_to(workers: Workers) -> None:
    tree = workers.add("one")
    stop = Event()
    following = follow(world_of(workers.deck), stop=stop)
    assert [pair.a for pair in next(following).base] == ["one"]
    ended: list[object] = []
    thread = Thread(target=lambda: ended.extend(following))
    thread.start()
    tree.write("a new file", "x\n")  # nothing else says anything new of one agent alone
    stop.set()
    thread.join(20)
    assert (thread.is_alive(), ended) == (False, [])


def test_a_repository_that_was_never_used_stays_so(repo: MakeRepo) -> None:
    main = repo()
    deck = Deck.find(main.folder)
    assert deck.radar.look().agents == ()
    assert not deck.store.folder.exists()
