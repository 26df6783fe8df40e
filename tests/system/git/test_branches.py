from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.errors import NotFoundError, RefusedError, UsageError
from agentdeck.system.git import worktrees
from agentdeck.system.git.branches import BranchPlan, make_branch, plan_branch
from agentdeck.system.git.repository import Repository
from tests.support.repos import MakeRepo, Sandbox

TEMPLATE = "agentdeck/{name}"


def plan(main: Sandbox, wanted: str | None = None, base: str | None = None) -> BranchPlan:
    return plan_branch(main.repo, "fix", wanted, base, TEMPLATE)


def test_a_new_branch_from_the_template(repo: MakeRepo) -> None:
    main = repo()
    assert plan(main) == BranchPlan("agentdeck/fix", "main", main.git("rev-parse", "HEAD"), create=True)
    main.git("branch", "agentdeck/fix")
    main.git("branch", "agentdeck/fix-2")
    assert plan(main).branch == "agentdeck/fix-3"


def test_template_beside_a_branch_of_the_folders_name(repo: MakeRepo) -> None:
    main = repo()
    main.git("branch", "agentdeck")
    assert plan(main).branch == "agentdeck-fix"
    main.git("branch", "agentdeck-fix")
    assert plan(main).branch == "agentdeck-fix-2"


def test_template_beside_branches_below_it(repo: MakeRepo) -> None:
    main = repo()
    main.git("branch", "agentdeck/fix/more")
    assert plan(main).branch == "agentdeck/fix-2"


def test_the_base_is_what_the_main_worktree_has_checked_out(repo: MakeRepo, tmp_path: Path) -> None:
    main = repo()
    main.git("worktree", "add", "--quiet", "-b", "side", tmp_path / "side")
    side = Sandbox(tmp_path / "side")
    side.write("x")
    side.commit()
    from_side = plan_branch(Repository.find(side.folder), "fix", None, None, TEMPLATE)
    assert (from_side.base, from_side.base_commit) == ("main", main.git("rev-parse", "main"))
    main.git("checkout", "--quiet", "--detach")
    head = main.git("rev-parse", "HEAD")
    assert (plan(main).base, plan(main).base_commit) == (head, head)


def test_a_base_that_is_named(repo: MakeRepo) -> None:
    main = repo()
    first = main.git("rev-parse", "HEAD")
    main.git("tag", "--annotate", "--message", "one", "v1")
    main.write("x")
    main.commit()
    assert (plan(main, base="v1").base, plan(main, base="v1").base_commit) == ("v1", first)
    assert plan(main, base=first[:9]).base_commit == first
    with pytest.raises(NotFoundError):
        plan(main, base="nowhere")
    with pytest.raises(UsageError):
        plan(main, base="--all")


def test_a_branch_that_is_there_is_used_unless_it_is_checked_out(repo: MakeRepo, tmp_path: Path) -> None:
    main = repo()
    main.git("branch", "feature")
    assert not plan(main, "feature").create
    main.git("worktree", "add", "--quiet", tmp_path / "elsewhere", "feature")
    with pytest.raises(RefusedError, match="elsewhere"):
        plan(main, "feature")
    with pytest.raises(RefusedError, match=str(main.folder)):
        plan(main, "main")


def test_a_worktree_that_is_gone_does_not_hold_its_branch(repo: MakeRepo, tmp_path: Path) -> None:
    main = repo()
    main.git("worktree", "add", "--quiet", "-b", "feature", tmp_path / "elsewhere")
    (tmp_path / "elsewhere").rename(tmp_path / "away")
    found = plan(main, "feature")
    assert "elsewhere, which is gone" in found.note
    made = worktrees.add(main.repo, tmp_path / "work", found, reason="agentdeck fix")
    assert (made.branch, made.note) == ("feature", found.note)
    (tmp_path / "work").rename(tmp_path / "away 2")
    with pytest.raises(RefusedError, match="locked"):
        plan(main, "feature")


def two_remotes(repo: MakeRepo) -> Sandbox:
    origin, fork, main = repo("origin"), repo("fork"), repo()
    origin.git("branch", "only/here")
    for remote in (origin, fork):
        remote.git("branch", "both")
        main.git("remote", "add", remote.folder.name, remote.folder)
    main.git("fetch", "--quiet", "--all")
    return main


def test_remote_branches_are_followed(repo: MakeRepo, tmp_path: Path) -> None:
    main = two_remotes(repo)
    assert plan(main, "only/here") == plan(main, "origin/only/here")
    found = plan(main, "only/here")
    assert (found.branch, found.create, found.upstream) == ("only/here", True, "origin/only/here")
    made = worktrees.add(main.repo, tmp_path / "work", found, reason="agentdeck fix")
    assert made.head == main.git("rev-parse", "origin/only/here")
    assert Sandbox(tmp_path / "work").git("rev-parse", "--abbrev-ref", "@{upstream}") == "origin/only/here"


def test_a_branch_on_two_remotes_must_be_named_fully(repo: MakeRepo) -> None:
    main = two_remotes(repo)
    with pytest.raises(RefusedError, match="Several remotes"):
        plan(main, "both")
    assert plan(main, "fork/both").upstream == "fork/both"
    main.git("config", "checkout.defaultRemote", "origin")
    assert plan(main, "both").upstream == "origin/both"


@pytest.mark.parametrize("name", ["-x", "a..b", "a b", "x.lock", "@{-1}", "a//b", "refs/heads/..", "~", ""])
def test_names_that_git_does_not_take(repo: MakeRepo, name: str) -> None:
    main = repo()
    main.git("checkout", "--quiet", "-b", "other")
    with pytest.raises(UsageError):
        plan(main, name)


def test_a_new_branch_that_can_not_be(repo: MakeRepo) -> None:
    main = repo()
    main.git("branch", "a/b")
    with pytest.raises(RefusedError, match="beside"):
        plan(main, "a")
    assert plan(main, "a/c").create


def test_no_commit_is_said_clearly(repo: MakeRepo) -> None:
    bare = repo("empty.git", commit=False, bare=True)
    push = f"git push {bare.folder} HEAD:refs/heads/main"
    for empty, hint in ((repo("empty", commit=False), " commit --allow-empty"), (bare, push)):
        with pytest.raises(RefusedError, match="no commit yet") as caught:
            plan(empty)
        assert hint in caught.value.hint
        with pytest.raises(RefusedError, match="no commit yet"):
            plan(empty, base="main")


def test_head_on_a_branch_without_a_commit(repo: MakeRepo) -> None:
    main = repo()
    main.git("symbolic-ref", "HEAD", "refs/heads/unborn")
    with pytest.raises(RefusedError, match="unborn"):
        plan(main)
    assert plan(main, base="main").base == "main"


def test_shallow_clones(repo: MakeRepo, tmp_path: Path) -> None:
    source = repo()
    source.write("x")
    source.commit()
    clone = Sandbox(tmp_path / "clone")
    source.git("clone", "--quiet", "--depth=1", f"file://{source.folder}", clone.folder)
    made = worktrees.add(clone.repo, tmp_path / "work", plan(clone), reason="agentdeck fix")
    assert made.head == source.git("rev-parse", "HEAD")


def test_a_branch_made_meanwhile_elsewhere_is_not_taken_over(repo: MakeRepo) -> None:
    main = repo()
    found = plan(main)
    make_branch(main.repo, found)
    make_branch(main.repo, found)
    main.write("x")
    main.commit()
    main.git("branch", "--force", found.branch, "main")
    with pytest.raises(RefusedError, match="meanwhile"):
        make_branch(main.repo, found)
