"""Whatever an agent does with git in its worktree: all verbs agree which commits are its work, and none is lost."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdeck.core.merging.radar import Verdict
from agentdeck.engine.records.landings import Entry, LandRequest, Stage
from agentdeck.engine.review import diffs
from agentdeck.engine.views import StartRequest
from tests.support.decks import Bench, bench_in, world_of
from tests.support.pictures import picture
from tests.support.share import examples

NAMES = st.sampled_from(["a", "b/c", "person", "agentdeck/{agent}"])
FILES = st.sampled_from(["README.md", "src/app.py", "new.txt"])
COUNTER = itertools.count(1)

steps = st.one_of(
    st.tuples(st.just("commit"), FILES),
    st.tuples(st.just("commit"), FILES),
    st.tuples(st.just("edit"), FILES),
    st.tuples(st.just("look")),
    st.tuples(st.just("switch"), st.just("-c"), NAMES),
    st.tuples(st.just("switch"), NAMES),
    st.tuples(st.just("switch"), st.just("--discard-changes"), st.just("agentdeck/{agent}")),
    st.tuples(st.just("branch"), st.just("-m"), NAMES),
    st.tuples(st.just("branch"), st.just("-D"), st.sampled_from(["a", "b/c"])),
    st.tuples(st.just("switch"), st.just("--detach")),
    st.tuples(st.just("checkout"), st.just("-q"), st.just("HEAD~1")),
    st.tuples(st.just("reset"), st.just("--hard"), st.just("HEAD~1")),
    st.tuples(st.just("merge"), st.just("--no-edit"), st.sampled_from(["main", "person", "a"])),
    st.tuples(st.just("rebase"), st.sampled_from(["main", "person", "--abort"])),
    st.tuples(st.just("cherry-pick"), st.sampled_from(["person", "main", "--abort", "main person"])),
    st.tuples(st.just("bisect"), st.sampled_from(["start HEAD main~2", "reset"])),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch, bench_in(tmp_path_factory.mktemp("heads"), patch) as bench:
        for number in range(2):
            bench.write("src/app.py", f"print({number})\n")
            bench.commit(f"Base {number}")
        bench.git("branch", "person")
        bench.write("README.md", "# Moved on\n")
        bench.commit("Base moved on")
        bench.git("switch", "-q", "person")
        bench.write("README.md", "# A person's\n")
        bench.commit("A person's")
        bench.git("switch", "-q", "main")
        yield bench


@dataclass
class Walker:
    bench: Bench
    name: str
    place: Path

    def walk(self, step: tuple[str, ...]) -> None:
        """One step of the agent, which git may refuse."""
        words = " ".join(step).replace("{agent}", self.name).split()
        if words[0] == "look":
            self.bench.deck().repair()
        elif words[0] in ("commit", "edit"):
            self.bench.write(words[1], f"{next(COUNTER)}\n", cwd=self.place)
            if words[0] == "commit":
                self.git("commit", "-qam", f"Write {words[1]}")
        else:
            self.git(*words)

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.place, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def land(self, **options: object) -> Entry:
        request = LandRequest((self.name,), commit="All of it", **options)  # type: ignore[arg-type]
        return self.bench.deck().land(request).entry(self.name)

    @property
    def is_halfway(self) -> bool:
        told, queue = self.git("status").lower(), self.git("rev-parse", "--git-path", "sequencer/todo")
        # A cherry-pick that came to nothing leaves a mark, and nothing else to do.
        is_told = any(word in told for word in ("rebas", "bisecting", "unmerged", "still merging"))
        return is_told or (self.place / queue).exists()


def reachable(bench: Bench, *patterns: str) -> set[str]:
    refs = bench.git("for-each-ref", "--format=%(refname)", *patterns).split()
    return set(bench.git("rev-list", *refs).split())


@pytest.mark.slow
@pytest.mark.timeout(2000)
@settings(max_examples=examples(6), suppress_health_check=list(HealthCheck))
@given(walk=st.lists(steps, min_size=1, max_size=9))
def test_all_verbs_agree_what_is_an_agents_work(shared: Bench, walk: list[tuple[str, ...]]) -> None:
    bench, name = shared, f"w{next(COUNTER)}"
    deck, main, person = bench.deck(), bench.git("rev-parse", "main"), bench.git("rev-parse", "person")
    deck.start(StartRequest(name=name, argv=("true",), base="main"))
    view = deck.wait(name)
    assert view.worktree is not None
    walker = Walker(bench, name, view.worktree)
    for step in walk:
        walker.walk(step)
    try:
        check(walker)
    finally:
        if name in deck.store.names():
            deck.remove(name, stop=True)
        for branch in set(bench.branches()) - {"main", "person"}:
            bench.git("branch", "-qD", branch)
        bench.git("update-ref", "refs/heads/person", person)
        assert bench.git("rev-parse", "main") == main


def check(walker: Walker) -> None:
    deck, name = walker.bench.deck(), walker.name
    head, branch = walker.git("rev-parse", "HEAD"), walker.git("symbolic-ref", "-q", "--short", "HEAD")
    is_halfway, before = walker.is_halfway, picture(walker.place)
    view = deck.agent(name)
    if not is_halfway:
        assert view.branch == branch
        assert [commit.id for commit in diffs.commits_of(world_of(deck), view.agent)] == walker.git(
            "rev-list", "main..HEAD"
        ).split()
    report = deck.radar.look()
    tried = walker.land(dry_run=True)
    assert picture(walker.place) == before
    if is_halfway:
        assert tried.stage is Stage.SET_ASIDE
    elif report.base:
        conflicts = report.base[0].verdict is Verdict.CONFLICTS
        assert conflicts == bool(tried.conflicts), tried.reason
    check_landing(walker, head, tried)
    check_removal(walker)


def check_landing(walker: Walker, head: str, tried: Entry) -> None:
    bench, before = walker.bench, picture(walker.place)
    old = bench.git("rev-parse", "main")
    landed = walker.land()
    assert (landed.stage is Stage.LANDED) == (tried.stage is Stage.WOULD_LAND or "all of it" in landed.reason)
    if landed.stage is not Stage.LANDED:
        assert bench.git("rev-parse", "main") == old
        assert landed.reason == tried.reason
        return
    bench.git("merge-base", "--is-ancestor", head, "main")
    if tried.new:
        assert bench.git("rev-parse", f"{landed.new}^{{tree}}") == bench.git("rev-parse", "main^{tree}")
        bench.deck().undo()
    assert bench.git("rev-parse", "main") == old
    after = picture(walker.place)
    assert (after.status, after.index, after.head) == (before.status, before.index, before.head)


def check_removal(walker: Walker) -> None:
    bench, deck = walker.bench, walker.bench.deck()
    deck.repair()
    tips = bench.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads")
    commits, before = reachable(bench, "refs/heads"), picture(walker.place)
    deck.remove(walker.name)
    assert {"main", "person"} <= set(bench.branches())
    assert commits <= reachable(bench, "refs/heads", "refs/agentdeck/trash")
    deck.undo()
    after = picture(walker.place)
    assert (after.status, after.index, after.head) == (before.status, before.index, before.head)
    assert bench.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads") == tips
