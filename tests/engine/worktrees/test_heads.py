"""An agent switches, renames and detaches as it likes: every verb goes by HEAD of its worktree."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agentdeck.engine.records.landings import Entry, LandRequest
from agentdeck.engine.review import diffs
from agentdeck.engine.views import AgentView
from agentdeck.engine.worktrees.heads import look_at
from agentdeck.system.git.heads import Head
from agentdeck.system.git.merges import Method
from tests.support.decks import CONFIG, Bench, bench_in, world_of
from tests.support.finished import finished
from tests.support.hints import obey
from tests.support.pictures import Picture
from tests.support.pictures import picture as whole_picture


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with bench_in(tmp_path, monkeypatch, name="it's a repo", config=CONFIG) as made:
        yield made


def picture(place: Path) -> Picture:
    """All but the file that names the branch to the agent's programs, which is written anew."""
    found = whole_picture(place)
    return replace(found, files={name: each for name, each in found.files.items() if name != ".env.local"})


@dataclass
class Desk:
    """An agent `fix` with one commit on its branch, and its worktree."""

    bench: Bench
    place: Path

    def git(self, *words: str) -> str:
        return self.bench.git(*words, cwd=self.place)

    def commit(self, path: str, text: str = "x\n") -> str:
        self.bench.write(path, text, cwd=self.place)
        return self.bench.commit(f"Write {path}", cwd=self.place)

    def fails(self, *words: str) -> None:
        with pytest.raises(Exception, match="non-zero exit status"):
            self.git(*words)

    @property
    def view(self) -> AgentView:
        return self.bench.deck().agent("fix")

    def land(self, **options: object) -> Entry:
        return self.bench.deck().land(LandRequest(("fix",), **options)).entry("fix")  # type: ignore[arg-type]

    def commits(self) -> list[str]:
        return [commit.subject for commit in diffs.commits_of(world_of(self.bench.deck()), self.view.agent)]

    def head(self) -> tuple[str, str]:
        name = world_of(self.bench.deck()).repo.at(self.place).run("symbolic-ref", "-q", "HEAD").text.strip()
        return name, self.git("rev-parse", "--verify", "HEAD")


@pytest.fixture
def desk(bench: Bench) -> Desk:
    view = finished(bench, "fix", {"fix.txt": "fixed\n"})
    assert view.worktree is not None
    return Desk(bench, view.worktree)


def switched(desk: Desk) -> None:
    desk.git("switch", "-q", "-c", "fix/login")
    desk.commit("login.txt")


def renamed(desk: Desk) -> None:
    desk.git("branch", "-m", "fix/login")
    desk.commit("login.txt")


def renamed_twice(desk: Desk) -> None:
    desk.git("branch", "-m", "first")
    desk.git("switch", "-q", "-c", "second")
    desk.git("branch", "-m", "fix/login")
    desk.commit("login.txt")


def branched_first(desk: Desk) -> None:
    desk.git("branch", "fix/login")
    desk.git("checkout", "-q", "fix/login")
    desk.commit("login.txt")


def detached(desk: Desk) -> None:
    desk.git("switch", "-q", "--detach")
    desk.commit("login.txt")


def on_a_persons_branch(desk: Desk) -> None:
    desk.git("merge", "-q", "--no-edit", "person")
    desk.git("switch", "-q", "person")
    desk.git("merge", "-q", "agentdeck/fix")
    desk.commit("login.txt")


def away_and_back(desk: Desk) -> None:
    desk.git("switch", "-q", "-c", "other")
    desk.bench.deck().repair()
    desk.git("switch", "-q", "agentdeck/fix")
    desk.commit("login.txt")


@dataclass(frozen=True)
class Landable:
    change: Callable[[Desk], None]
    where: str
    after_removal: set[str] = field(default_factory=set)
    """The branches that stay when the agent is removed, beside `main` and `person`."""


LANDABLE = {
    "switched": Landable(switched, r"fix/login"),
    "renamed": Landable(renamed, r"fix/login"),
    "renamed twice": Landable(renamed_twice, r"fix/login"),
    "branched, then switched": Landable(branched_first, r"fix/login"),
    "detached": Landable(detached, r"detached at [0-9a-f]{10}"),
    "a person's branch": Landable(on_a_persons_branch, r"person"),
    "away and back": Landable(away_and_back, r"agentdeck/fix"),
}


@pytest.fixture
def persons(bench: Bench) -> Bench:
    """The repository has a branch of a person's with a commit."""
    bench.git("switch", "-q", "-c", "person")
    bench.write("person.txt", "a person's\n")
    bench.commit("A person's")
    bench.git("switch", "-q", "main")
    return bench


@pytest.mark.parametrize("state", LANDABLE.values(), ids=[name.replace(" ", "-") for name in LANDABLE])
@pytest.mark.parametrize("seen", [False, True], ids=["unseen", "seen"])
def test_what_head_is_on_is_shown_lands_and_comes_back(persons: Bench, desk: Desk, state: Landable, seen: bool) -> None:
    """`seen`: a verb runs before the landing, as every verb of the command line begins with a repair."""
    bench = persons
    state.change(desk)
    if seen:
        bench.deck().repair()
    deck, main, head = bench.deck(), bench.git("rev-parse", "main"), desk.head()
    before = picture(desk.place)
    assert re.fullmatch(state.where, desk.view.where)
    subjects = desk.commits()
    assert {"Write login.txt", "fix: write"} <= set(subjects)
    assert "login.txt" in deck.review.text("fix", stat=True)
    report = deck.radar.look()
    assert report.problems == {}
    tried = desk.land(dry_run=True)
    assert (str(tried.stage), tried.tip, tried.commits) == ("would land", head[1], len(subjects))
    landed = desk.land()
    assert (str(landed.stage), landed.tip) == ("landed", head[1])
    assert (bench.root / "login.txt").exists()
    deck.undo()
    assert bench.git("rev-parse", "main") == main
    branches = set(bench.branches())
    deck.remove("fix")
    assert set(bench.branches()) == {"main", "person", *state.after_removal}
    deck.undo()
    assert desk.head() == head
    assert picture(desk.place) == before
    assert re.fullmatch(state.where, desk.view.where)
    assert set(bench.branches()) == branches
    assert str(desk.land().stage) == "landed"


def rebasing(desk: Desk) -> None:
    desk.commit("README.md", "theirs\n")
    desk.bench.write("README.md", "ours\n")
    desk.bench.commit("Ours")
    desk.fails("rebase", "-q", "main")


def bisecting(desk: Desk) -> None:
    for number in range(5):
        desk.commit(f"{number}.txt")
    desk.git("bisect", "start", "HEAD", "main")


def picking(desk: Desk) -> None:
    desk.git("switch", "-q", "-c", "source", "main")
    one, two = desk.commit("fix.txt", "other\n"), desk.commit("more.txt")
    desk.git("switch", "-q", "agentdeck/fix")
    desk.fails("cherry-pick", one, two)


def picking_one(desk: Desk) -> None:
    desk.git("switch", "-q", "-c", "source", "main")
    other = desk.commit("fix.txt", "other\n")
    desk.git("switch", "-q", "agentdeck/fix")
    desk.fails("cherry-pick", other)


def reverting_one(desk: Desk) -> None:
    desk.commit("fix.txt", "again\n")
    desk.fails("revert", "--no-edit", "HEAD~1")


def merging(desk: Desk) -> None:
    desk.git("switch", "-q", "-c", "source", "main")
    desk.commit("fix.txt", "other\n")
    desk.git("switch", "-q", "agentdeck/fix")
    desk.fails("merge", "-q", "source")


def unborn(desk: Desk) -> None:
    desk.git("switch", "-q", "--orphan", "empty")


def branch_deleted(desk: Desk) -> None:
    desk.commit("more.txt")
    desk.bench.git("update-ref", "-d", "refs/heads/agentdeck/fix")


def branch_deleted_in_the_worktree(desk: Desk) -> None:
    switched(desk)
    desk.git("update-ref", "-d", "refs/heads/fix/login")


def on_the_base(desk: Desk) -> None:
    desk.git("switch", "-q", "--ignore-other-worktrees", "main")


def on_another_agents(desk: Desk) -> None:
    other = finished(desk.bench, "other", {"other.txt": "other\n"})
    desk.git("switch", "-q", "--ignore-other-worktrees", other.branch)


def checked_out_elsewhere(desk: Desk) -> None:
    desk.bench.git("worktree", "add", "-q", "../somewhere else", "person")
    desk.git("switch", "-q", "--ignore-other-worktrees", "person")
    desk.commit("login.txt")


TWICE = (on_the_base, on_another_agents, checked_out_elsewhere)
STUCK = {
    "a rebase": (rebasing, "in the middle of a rebase", "rebase in progress"),
    "a bisection": (bisecting, "in the middle of a bisection", "bisecting"),
    "a cherry-pick": (picking, "in the middle of a cherry-pick", "cherry-pick"),
    "a cherry-pick of one": (picking_one, "in the middle of a cherry-pick", "cherry-pick"),
    "a revert of one": (reverting_one, "in the middle of a revert", "revert"),
    "a merge": (merging, "A merge in .* is not finished", "unmerged paths"),
    "no commit": (unborn, "the branch empty, which has no commit yet", ""),
    "a branch deleted": (branch_deleted, "The branch agentdeck/fix of fix is gone", ""),
    "a branch deleted there": (branch_deleted_in_the_worktree, "The branch fix/login of fix is gone", ""),
    "the base": (on_the_base, "main is the branch of fix itself", None),
    "another agent's": (on_another_agents, "agentdeck/other, the branch of other", ""),
    "elsewhere": (checked_out_elsewhere, "person, which is checked out in .* too", ""),
}
IDS = [name.replace(" ", "-") for name in STUCK]


@pytest.mark.parametrize(("change", "reason"), [each[:2] for each in STUCK.values()], ids=IDS)
def test_where_head_keeps_it_from_landing_it_says_so_and_changes_nothing(
    persons: Bench, desk: Desk, change: Callable[[Desk], None], reason: str
) -> None:
    bench, deck = persons, persons.deck()
    change(desk)
    main, before = bench.git("rev-parse", "main"), picture(desk.place)
    for dry_run in (True, False):
        entry = desk.land(dry_run=dry_run, commit="All")
        assert str(entry.stage) == "set aside"
        assert re.search(reason, entry.reason), entry.reason
    assert bench.git("rev-parse", "main") == main
    deck.repair()
    deck.radar.look()
    assert picture(desk.place) == before
    deck.remove("fix")
    deck.undo()
    back = picture(desk.place)
    if change in TWICE:  # git would not have let it: its commits come back on a branch of their own
        assert back.files == before.files
        assert desk.view.branch.endswith("-restored")
    else:
        assert back == before


@pytest.mark.parametrize(("change", "told"), [each[::2] for each in STUCK.values() if each[2] is not None])
def test_the_hint_says_what_is_under_way_or_is_a_way_out(
    persons: Bench, desk: Desk, change: Callable[[Desk], None], told: str
) -> None:
    change(desk)
    assert told in obey(desk.land(commit="All").hint, persons.root).lower()
    if not told:
        states = [str(view.state) for view in persons.deck().agents()]
        assert "landed" in [*states, str(desk.land().stage)]


def test_the_last_commit_of_a_deleted_branch_is_found_behind_a_thousand_others(desk: Desk) -> None:
    log = Path(desk.git("rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"))
    switched(desk)
    written = log.read_text()
    log.write_text(written + "no entry\n\n" + (written.splitlines()[0] + "\n") * 1000)
    last = desk.commit("more.txt")
    desk.git("update-ref", "-d", "refs/heads/fix/login")
    assert last[:12] in desk.land().hint


def test_a_branch_that_was_left_with_commits_stays_and_is_named(desk: Desk) -> None:
    bench, deck, told = desk.bench, desk.bench.deck(), list[str]()
    desk.git("switch", "-q", "-c", "second", "main")
    assert desk.land().stage == "set aside"
    assert "agentdeck/fix, which it left, has 1 commit" in desk.land().reason
    desk.commit("second.txt")
    deck.land(LandRequest(("fix",)), lambda event: told.append(event.text))
    assert any("agentdeck/fix, which it left, has 1 commit" in text for text in told)
    assert (bench.root / "second.txt").exists()
    assert not (bench.root / "fix.txt").exists()
    assert [each for each in deck.history.stale() if each.kind == "agent"] == []
    told.clear()
    deck.remove("fix", lambda event: told.append(event.text))
    assert any(text.startswith("its branch agentdeck/fix stays") for text in told)
    assert set(bench.branches()) == {"main", "agentdeck/fix"}
    deck.undo()
    assert set(bench.branches()) == {"main", "agentdeck/fix", "second"}
    desk.git("switch", "-q", "agentdeck/fix")
    assert str(desk.land().stage) == "landed"


def test_what_was_left_and_has_landed_goes_with_the_agent(desk: Desk) -> None:
    bench, deck = desk.bench, desk.bench.deck()
    desk.land()
    desk.git("switch", "-q", "-c", "second", "main")
    desk.commit("second.txt")
    deck.remove("fix")
    assert bench.branches() == ["main"]
    deck.undo()
    assert set(bench.branches()) == {"main", "agentdeck/fix", "second"}


def test_a_new_branch_is_told_once(desk: Desk) -> None:
    switched(desk)
    for _ in range(3):
        desk.bench.deck().repair()
    told = [event for event in desk.bench.deck().store.events("fix") if event.kind == "branch.adopted"]
    assert [event.data["branch"] for event in told] == ["fix/login"]
    assert told[0].data["own"] is True


def test_a_branch_that_follows_a_remote_is_taken_for_a_persons(desk: Desk) -> None:
    bench = desk.bench
    remote = bench.root.parent / "remote"
    bench.git("clone", "-q", "--bare", str(bench.root), str(remote))
    bench.git("remote", "add", "origin", str(remote))
    bench.git("push", "-q", "origin", "main:feature")
    bench.git("fetch", "-q", "origin")
    desk.git("switch", "-q", "feature")
    desk.commit("login.txt")
    bench.deck().remove("fix")
    assert set(bench.branches()) == {"main", "feature", "agentdeck/fix"}


def test_a_branch_without_a_reflog_is_taken_for_a_persons(desk: Desk) -> None:
    desk.git("config", "core.logAllRefUpdates", "false")
    switched(desk)
    desk.bench.deck().remove("fix")
    assert set(desk.bench.branches()) == {"main", "fix/login"}


def test_a_commit_on_a_detached_head_is_taken_back(desk: Desk) -> None:
    detached(desk)
    desk.bench.write("new.txt", "new\n", cwd=desk.place)
    before, head = picture(desk.place), desk.head()
    assert str(desk.land(commit="More").stage) == "landed"
    assert (desk.bench.root / "new.txt").exists()
    desk.bench.deck().undo()
    assert desk.head() == head
    assert picture(desk.place) == before


def test_a_commit_is_not_taken_back_on_another_branch(desk: Desk) -> None:
    desk.bench.write("new.txt", "new\n", cwd=desk.place)
    before = picture(desk.place)
    desk.land(commit="More", method=Method.SQUASH)
    desk.git("switch", "-q", "-c", "second")
    between = picture(desk.place)
    with pytest.raises(Exception, match="is no longer on agentdeck/fix: HEAD is second") as refused:
        desk.bench.deck().undo()
    assert picture(desk.place) == between
    obey(refused.value.hint, desk.bench.root)  # type: ignore[attr-defined]
    desk.bench.deck().undo()
    assert picture(desk.place) == before


def test_who_looks_again_and_again_sees_at_once_what_moved(bench: Bench) -> None:
    view, deck = finished(bench, "fix", {"fix.txt": "one\n"}), bench.deck()
    world, place = world_of(deck), view.worktree
    assert place is not None
    look = look_at(world.repo.common, view.agent)
    while not look.signs:  # what was written just now may be written again
        look = look_at(world.repo.common, view.agent)
    assert look_at(world.repo.common, view.agent, look) is look
    assert deck.agent("fix").branch == "agentdeck/fix"
    pointer = place / ".git"
    whole, times = pointer.read_text(), pointer.stat()
    pointer.write_text(whole[:-2] + "?\n")
    os.utime(pointer, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert look_at(world.repo.common, view.agent, look).trouble
    pointer.write_text(whole)
    bench.git("switch", "-q", "-c", "other", cwd=place)
    assert look_at(world.repo.common, view.agent, look).head == Head("other")
    (view_now,) = deck.agents()
    assert view_now.branch == "other"
