from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.system.git.committing import commit_roots, let_folder_go
from agentdeck.system.git.repository import Repository
from tests.support.decks import Bench


def made(bench: Bench, *options: str) -> tuple[Path, Path, Path]:
    """A worktree, its git folder and the common one."""
    place = bench.root.parent / "tree"
    bench.git("worktree", "add", "-q", *options, str(place))
    return place, Path(bench.git("rev-parse", "--absolute-git-dir", cwd=place)), bench.root / ".git"


def test_a_branch_in_a_folder_opens_that_folder_its_log_the_objects_and_the_own_git_folder(bench: Bench) -> None:
    _, own, common = made(bench, "-b", "deck/one")
    refs, logs = common / "refs/heads/deck", common / "logs/refs/heads/deck"
    assert commit_roots(Repository.find(bench.root), own) == (own, common / "objects", refs, logs)
    bench.git("gc", "-q")
    bench.git("pack-refs", "--all")
    assert refs.is_dir(), "a sandbox can't make what git takes away"
    assert bench.branches() == ["deck/one", "main"]
    bench.git("fsck", "--strict")
    bench.git("reflog", "--all")


def test_the_folder_goes_with_the_last_branch_in_it(bench: Bench) -> None:
    place, own, common = made(bench, "-b", "deck/one")
    bench.git("branch", "deck/two")
    commit_roots(Repository.find(bench.root), own)
    bench.git("worktree", "remove", "--force", str(place))
    bench.git("branch", "-D", "deck/one")
    let_folder_go(common, "deck/one")
    assert (common / "refs/heads/deck").is_dir()
    bench.git("pack-refs", "--all")
    let_folder_go(common, "deck/one")
    assert (common / "refs/heads/deck").is_dir()
    bench.git("branch", "-D", "deck/two")
    let_folder_go(common, "deck/two")
    assert not (common / "refs/heads/deck").exists()
    bench.git("branch", "deck")
    let_folder_go(common, "deck")


def test_a_worktree_on_a_commit_opens_no_branch(bench: Bench) -> None:
    _, own, common = made(bench, "--detach")
    assert commit_roots(Repository.find(bench.root), own) == (own, common / "objects")


def test_a_branch_in_no_folder_opens_nothing_for_all_others_would_be_open_with_it(bench: Bench) -> None:
    _, own, _ = made(bench, "-b", "plain")
    assert commit_roots(Repository.find(bench.root), own) == ()


def test_a_folder_that_is_a_link_is_opened_where_it_leads(bench: Bench) -> None:
    _, own, common = made(bench, "-b", "deck/one")
    elsewhere = bench.root.parent / "objects"
    (common / "objects").rename(elsewhere)
    (common / "objects").symlink_to(elsewhere)
    assert elsewhere in commit_roots(Repository.find(bench.root), own)


@pytest.mark.parametrize("nested", ["deck/a/b", "deck/one"])
def test_only_the_folder_right_above_the_branch_is_open(bench: Bench, nested: str) -> None:
    _, own, common = made(bench, "-b", nested)
    assert common / "refs/heads" / Path(nested).parent in commit_roots(Repository.find(bench.root), own)
    assert common / "refs/heads" not in commit_roots(Repository.find(bench.root), own)


def test_a_worktree_with_configuration_of_its_own_opens_nothing_for_it_names_programs(bench: Bench) -> None:
    _, own, common = made(bench, "-b", "deck/one")
    bench.git("config", "extensions.worktreeConfig", "true")
    assert commit_roots(Repository.find(bench.root), own) == ()
    assert not (common / "logs/refs/heads/deck/keep..lock").exists()
