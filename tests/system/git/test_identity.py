"""Whether a folder is the worktree that git's record is of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agentdeck.errors import NotFoundError
from agentdeck.system.git import worktrees
from agentdeck.system.git.branches import BranchPlan
from agentdeck.system.git.checkouts import Worktree, find_worktree, list_worktrees
from agentdeck.system.git.going import Departure
from agentdeck.system.git.identity import ForeignError, Standing, follow_move, identify, inside, mark_ready, pointer
from tests.support.repos import MakeRepo, Sandbox


@pytest.fixture
def main(repo: MakeRepo) -> Sandbox:
    return repo()


def make(main: Sandbox, path: Path, name: str = "work") -> Worktree:
    plan = BranchPlan(name, "main", main.git("rev-parse", "HEAD"), create=True)
    return worktrees.add(main.repo, path, plan, reason=f"agentdeck agent {name}")


def test_a_worktree_is_its_own_from_its_making_on(main: Sandbox, tmp_path: Path) -> None:
    tree = make(main, tmp_path / "wörk tree")
    assert identify(tree.path, tree.git_dir).standing is Standing.OWN
    assert inside(main.repo, tree.path).git("rev-parse", "--show-toplevel") == str(tree.path)
    assert inside(main.repo, main.folder).git("rev-parse", "--show-toplevel") == str(main.folder)


def test_a_worktree_without_git_file_is_known_by_its_inode_and_no_git_runs_in_it(main: Sandbox, tmp_path: Path) -> None:
    tree = make(main, main.folder / ".worktrees" / "one")
    (tree.path / ".git").unlink()
    assert identify(tree.path, tree.git_dir).standing is Standing.CUT_OFF
    with pytest.raises(ForeignError):
        inside(main.repo, tree.path)
    assert not main.repo.at(tree.path).run("rev-parse", "--git-dir")  # not even git's own look upwards finds main


def test_a_folder_made_anew_at_the_same_place_is_another_one(main: Sandbox, tmp_path: Path) -> None:
    tree = make(main, tmp_path / "work")
    shutil.rmtree(tree.path)
    tree.path.mkdir()  # often with the same inode
    assert identify(tree.path, tree.git_dir).standing is Standing.FOREIGN
    shutil.rmtree(tree.path)
    assert identify(tree.path, tree.git_dir).standing is Standing.GONE
    with pytest.raises(NotFoundError):
        inside(main.repo, tree.path, tree.git_dir)


def test_a_record_of_an_older_agentdeck_holds_no_inode_and_proves_nothing(main: Sandbox, tmp_path: Path) -> None:
    tree = make(main, tmp_path / "work")
    (tree.git_dir / "agentdeck-ready").write_text("")
    assert identify(tree.path, tree.git_dir).standing is Standing.OWN
    (tree.path / ".git").unlink()
    assert identify(tree.path, tree.git_dir).standing is Standing.FOREIGN
    mark_ready(tree.path, tree.git_dir)
    assert identify(tree.path, tree.git_dir).standing is Standing.CUT_OFF


def test_a_link_to_another_worktree_is_not_taken_for_that(main: Sandbox, tmp_path: Path) -> None:
    one, two = make(main, tmp_path / "one", "one"), make(main, tmp_path / "two", "two")
    shutil.rmtree(one.path)
    one.path.symlink_to(two.path)
    assert identify(one.path, one.git_dir).standing is Standing.FOREIGN
    found = {tree.git_dir: (tree.path, tree.branch) for tree in list_worktrees(main.repo)[1:]}
    assert found == {one.git_dir: (one.path, "one"), two.git_dir: (two.path, "two")}
    for tree in (one, two):
        there = find_worktree(main.repo, tree.path)
        assert there is not None
        assert there.git_dir == tree.git_dir


def test_a_worktree_follows_its_repository_only_where_it_pointed_there(main: Sandbox, tmp_path: Path) -> None:
    tree, old = make(main, tmp_path / "work"), tmp_path / "former" / ".git" / "worktrees" / "work"
    assert follow_move(tree.path, old, tree.git_dir)
    (tree.path / ".git").write_text(f"gitdir: {old}\n")
    assert follow_move(tree.path, old, tree.git_dir)
    assert pointer(tree.path) == tree.git_dir
    (tree.path / ".git").unlink()
    assert not follow_move(tree.path, old, tree.git_dir)
    assert not (tree.path / ".git").exists()


def test_what_was_exchanged_in_the_moment_of_its_move_is_not_deleted(main: Sandbox, tmp_path: Path) -> None:
    tree = make(main, tmp_path / "work")
    leave = Departure(main.repo, tree.path, "work-1")
    leave.mark(tree)
    shutil.move(tree.path, tmp_path / "elsewhere")
    tree.path.mkdir()
    (tree.path / "thesis").write_text("years of work")
    leave.move_out()
    assert leave.let_go() == f"{tree.path} was left unchanged: another folder was in the worktree's place."
    assert (tree.path / "thesis").read_text() == "years of work"
