"""A repository that keeps its refs in tables: what elsewhere are files of a worktree's git folder survives too."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from agentdeck.errors import RefusedError
from agentdeck.system.files.files import sign
from agentdeck.system.git import repository as git
from agentdeck.system.git import snapshots
from agentdeck.system.git.advance import check
from agentdeck.system.git.bases import Move
from agentdeck.system.git.checkouts import moving_files
from tests.support.leaving import remove
from tests.support.pictures import picture
from tests.support.repos import MakeRepo
from tests.system.git.test_snapshots import REF, Desk, make_conflict, worktree_of

pytestmark = pytest.mark.skipif(git.version() < (2, 45), reason="this git has no reftable format")


@pytest.fixture
def desk(repo: MakeRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("GIT_DEFAULT_REF_FORMAT", "reftable")
    main = repo()
    main.write("src/a.txt", "one\ntwo\nthree\n")
    main.commit("more")
    assert (main.folder / ".git/reftable").is_dir()
    return worktree_of(main, tmp_path / "work tree")


def test_a_cherry_pick_and_a_bisection(desk: Desk) -> None:
    make_conflict(desk)
    desk.work.git("bisect", "start", "HEAD", "HEAD~1")
    desk.work.fails("cherry-pick", "main")
    bad = desk.work.git("rev-parse", "refs/bisect/bad")
    before, after, _ = desk.there_and_back()
    assert after == before
    assert desk.work.git("rev-parse", "CHERRY_PICK_HEAD") == desk.main.git("rev-parse", "main")
    assert desk.work.git("rev-parse", "refs/bisect/bad") == bad


def test_a_branch_that_moved_meanwhile(desk: Desk) -> None:
    desk.work.write("src/a.txt", "mine\n")
    tip = desk.work.commit("mine")
    saved = snapshots.take(desk.main.repo, desk.work.folder, REF, message="x")
    remove(desk.main.repo, desk.work.folder, saved)
    desk.main.git("branch", "-f", "agentdeck/fix", "main")
    made = snapshots.restore(desk.main.repo, REF, desk.work.folder)
    assert made.branch == "agentdeck/fix-restored"
    assert desk.work.git("rev-parse", "HEAD") == tip
    assert desk.main.git("rev-parse", "agentdeck/fix") == desk.main.git("rev-parse", "main")


def test_commits_that_only_the_reflog_knows_are_kept(desk: Desk) -> None:
    before = picture(desk.work.folder)
    desk.work.write("src/a.txt", "thrown away\n")
    lost = desk.work.commit("thrown away")
    desk.work.git("reset", "--quiet", "--hard", "HEAD~1")
    _, after, _ = desk.there_and_back()
    assert after.files == before.files
    assert desk.main.git("show", f"{lost}:src/a.txt") == "thrown away"


def test_the_files_to_watch_tell_of_every_move(desk: Desk) -> None:
    git_dir, common = Path(desk.work.git("rev-parse", "--absolute-git-dir")), desk.main.folder / ".git"

    def signs() -> list[tuple[int, ...]]:
        return [sign(path) for path in moving_files(git_dir, common, "main", "agentdeck/fix")]

    seen = [signs()]
    desk.work.git("commit", "--quiet", "--allow-empty", "-m", "of the agent")
    seen.append(signs())
    desk.main.git("commit", "--quiet", "--allow-empty", "-m", "of the base")
    seen.append(signs())
    desk.work.git("switch", "--quiet", "--detach")
    seen.append(signs())
    assert all(before != after for before, after in pairwise(seen))


def test_a_branch_is_not_moved_under_a_cherry_pick(desk: Desk) -> None:
    make_conflict(desk)
    side = desk.work.git("rev-parse", "HEAD")
    desk.main.fails("cherry-pick", side)
    old = desk.main.git("rev-parse", "main")
    with pytest.raises(RefusedError, match="cherry-pick of main is under way"):
        check(desk.main.repo, Move("main", old, side))
