"""kill -9 before every effect of a landing, a prune and an undo: the next verb completes it or rolls it back, the same
verb again comes to its end, and an undo of that to where all began."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agentdeck.engine.records.landings import LandRequest
from tests.support.crash import act, crash
from tests.support.decks import Bench, bench_in
from tests.support.finished import finished
from tests.support.share import EVERY, steps
from tests.support.worlds import World, keep, leftovers, put_back, world_of

"""Whether to try every effect, and not a share of them."""


def one_with_work(bench: Bench) -> str:
    """An agent with a commit, and with staged, unstaged and untracked work; the base has changes of its own."""
    view = finished(bench, "fix", {"fix.txt": "fixed\n", "src/app.py": "print('fixed')\n"})
    assert view.worktree is not None
    bench.write("README.md", "# staged\n", cwd=view.worktree)
    bench.git("add", "README.md", cwd=view.worktree)
    bench.write("fix.txt", "more\n", cwd=view.worktree)
    bench.write("new ü.txt", "untracked\n", cwd=view.worktree)
    return "fix"


def one(bench: Bench) -> str:
    finished(bench, "fix", {"fix.txt": "fixed\n", "src/app.py": "print('fixed')\n"})
    bench.write("mine.txt", "untracked in the base\n")
    return "fix"


def two(bench: Bench) -> str:
    finished(bench, "one", {"one.txt": "1\n"})
    finished(bench, "two", {"two.txt": "2\n"})
    return "one,two"


def another_base(bench: Bench) -> str:
    bench.git("branch", "release")
    return one(bench)


def landed(bench: Bench) -> str:
    name = one_with_work(bench)
    bench.deck().land(LandRequest((name,), commit="Work", remove=True))
    return "1"


def behind(bench: Bench) -> str:
    """The base's remote has a commit that the base has not; there is work of someone's in the base's checkout."""
    remote, other = bench.root.parent / "remote.git", bench.root.parent / "other"
    bench.git("init", "-q", "--bare", "-b", "main", str(remote))
    bench.git("remote", "add", "origin", str(remote))
    bench.git("push", "-q", "--set-upstream", "origin", "main")
    bench.git("clone", "-q", str(remote), str(other))
    bench.write("theirs ü.txt", "theirs\n", cwd=other)
    bench.write("src/app.py", "print('theirs')\n", cwd=other)
    bench.commit("Theirs", cwd=other)
    bench.git("push", "-q", cwd=other)
    bench.write("mine.txt", "untracked in the base\n")
    return ""


def removed(bench: Bench) -> str:
    bench.deck().remove(one_with_work(bench))
    return "1"


def brought_back(bench: Bench) -> str:
    removed(bench)
    return str(bench.deck().undo().number)


def stale(bench: Bench) -> str:
    """One agent that landed, one whose worktree was deleted, a merged branch, a phantom checkout, and dead ports."""
    for name in ("landed", "deleted"):
        finished(bench, name, {f"{name}.txt": "x\n"})
    deck = bench.deck()
    deck.land(LandRequest(("landed",)))
    shutil.rmtree(bench.root / ".worktrees/deleted")
    bench.git("branch", "agentdeck/merged", "main^")
    bench.git("config", "branch.agentdeck/merged.description", "why")
    other = bench.root.parent / "phantom"
    bench.git("worktree", "add", "-q", "-b", "feature", str(other))
    bench.write("staged.txt", "staged\n", cwd=other)
    bench.git("add", "-A", cwd=other)
    shutil.rmtree(other)
    return ""


def pruned(bench: Bench) -> str:
    stale(bench)
    deck = bench.deck()
    step, failed = deck.history.prune(deck.history.stale())
    assert step is not None
    assert failed == []
    return str(step.number)


def take_back(bench: Bench, known: set[int]) -> None:
    """Undo every step but those of these numbers, the last one first."""
    deck = bench.deck()
    for step in reversed(deck.history.steps()):
        if step.number not in known and not step.undone:
            deck.undo(step.number)


@dataclass(frozen=True)
class Scenario:
    prepare: Callable[[Bench], str]
    """Makes the world; returns the name that the verb is given."""
    verb: str
    options: dict[str, str] = field(default_factory=dict)
    between: Callable[[World, World], bool] = lambda now, before: False
    """Whether a world that is neither old nor new is all right: a part of the verb that is whole by itself."""
    kinds: bool = False
    """Whether every kind of effect is tried."""
    share: int = 20
    """One in so many is tried in any case."""


def base_is_old(now: World, before: World) -> bool:
    return now.main == before.main


SCENARIOS = {
    "a merge": Scenario(one, "land", kinds=True, share=160),
    "a rebase of a branch that nobody has checked out": Scenario(
        another_base, "land", {"method": "rebase", "into": "release"}
    ),
    "a squash with all there is": Scenario(
        one_with_work,
        "land",
        {"method": "squash", "gate": "true", "commit": "Work", "remove": "1"},
        between=base_is_old,
        share=40,
    ),
    "a batch": Scenario(two, "land", {"batch": "1", "gate": "true", "remove": "1"}, share=60),
    "a pull": Scenario(behind, "pull", kinds=True, share=160),
    "an undo of a landing": Scenario(landed, "undo", share=14),
    "an undo of a removal": Scenario(removed, "undo"),
    "an undo of an undo": Scenario(brought_back, "undo", share=16),
    "a prune": Scenario(stale, "prune", between=lambda now, before: True, share=16),
    "an undo of a prune": Scenario(pruned, "undo"),
}


def points(effects: list[str], scenario: Scenario) -> list[int]:
    """The numbers of the effects to be killed before: the first, before which nothing was begun, the last, a share."""
    kinds: set[str] = set()
    chosen = [1]
    for number, effect in enumerate(effects[1:], start=2):
        kind = " ".join(word for word in effect.split() if not any(char.isdigit() for char in word))
        if EVERY or (scenario.kinds and kind not in kinds) or number % scenario.share == 0 or number == len(effects):
            chosen.append(number)
        kinds.add(kind)
    return chosen


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=[name.replace(" ", "-") for name in SCENARIOS])
def test_killed_at_any_step_it_is_completed_or_rolled_back(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench_in(tmp_path, monkeypatch) as bench:
        name = scenario.prepare(bench)
        kept, before = keep(bench), world_of(bench)
        known = {step.number for step in bench.deck().history.steps()}
        effects = crash(bench.root, 0, scenario.verb, name, scenario.options)
        after = world_of(bench)
        assert after != before
        take_back(bench, known)
        back = world_of(bench)
        # A folder that was deleted by hand is there again after the undo of its prune.
        assert replace(back, worktrees=before.worktrees, agents=before.agents) == before
        ends = set()
        for at in points(effects, scenario):
            put_back(bench, kept)
            crash(bench.root, at, scenario.verb, name, scenario.options)
            where = f"killed before {at}: {effects[at - 1]}"
            bench.deck().repair()
            now = world_of(bench)
            assert leftovers(bench) == [], where
            if now != after:
                assert now == before or scenario.between(now, before), where
                act(bench.deck(), scenario.verb, name, dict(scenario.options))
                assert world_of(bench) == after, where
            ends.add(now == after)
            take_back(bench, known)
            assert world_of(bench) == back, where
            assert leftovers(bench) == [], where
        # A prune is complete with the record that it writes last: hardly a moment comes after that.
        assert ends == {True, False} or (scenario.verb == "prune" and ends == {False})


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_interrupt_at_any_step_of_a_landing_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"method": "squash", "gate": "true", "commit": "Work"}
    with bench_in(tmp_path, monkeypatch) as bench:
        name = one_with_work(bench)
        kept, before = keep(bench), world_of(bench)
        effects = crash(bench.root, 0, "land", name, options)
        after = world_of(bench)
        ends = set()
        for at in steps(len(effects), 16):
            put_back(bench, kept)
            crash(bench.root, at, "land", name, options, signal.SIGINT)
            where = f"interrupted before {at}: {effects[at - 1]}"
            now = world_of(bench)
            assert now in (before, after) or base_is_old(now, before), where
            # What says that it was interrupted, for the next verb to look at; that is all.
            assert [path for path in leftovers(bench) if "/landings/" not in path] == [], where
            bench.deck().repair()
            assert world_of(bench) == now, where
            assert leftovers(bench) == [], where
            if now != after:
                act(bench.deck(), "land", name, dict(options))
                assert world_of(bench) == after, where
            ends.add(now == after)
            take_back(bench, set())
            assert world_of(bench) == before, where
        assert ends == {True, False}
