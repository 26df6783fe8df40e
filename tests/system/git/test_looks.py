"""In one look at a repository, every answer is what git says at that moment, whatever was done since the last one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdeck.system.git import hooks
from agentdeck.system.git.branches import branch_settings
from agentdeck.system.git.checkouts import find_worktree, list_worktrees, main_folder, main_head, trees_on
from agentdeck.system.git.looks import Look
from agentdeck.system.git.repository import Repository
from tests.support.repos import MakeRepo, Sandbox
from tests.support.share import examples

Act = Callable[[Sandbox], object]


def quietly(sandbox: Sandbox, *words: str) -> None:
    """Do it where it can be done."""
    subprocess.run(["git", *words], cwd=sandbox.folder, capture_output=True, check=False)


def in_tree(sandbox: Sandbox, *words: str) -> None:
    for tree in (sandbox.folder.parent / "tree-a", sandbox.folder.parent / "tree-b"):
        if tree.is_dir():
            quietly(sandbox.at(tree), *words)


ACTS: dict[str, Act] = {
    "add": lambda at: quietly(at, "worktree", "add", "-q", "-B", "a", "../tree-a"),
    "add detached": lambda at: quietly(at, "worktree", "add", "-q", "--detach", "../tree-b"),
    "add without files": lambda at: quietly(at, "worktree", "add", "-q", "--no-checkout", "-B", "b", "../tree-b"),
    "lock": lambda at: quietly(at, "worktree", "lock", "--reason", "mine, and\nnobody's", "../tree-a"),
    "lock for no reason": lambda at: quietly(at, "worktree", "lock", "../tree-b"),
    "unlock": lambda at: quietly(at, "worktree", "unlock", "../tree-a"),
    "move": lambda at: quietly(at, "worktree", "move", "../tree-a", "../tree-b"),
    "remove": lambda at: quietly(at, "worktree", "remove", "--force", "../tree-a"),
    "delete its folder": lambda at: shutil.rmtree(at.folder.parent / "tree-a", ignore_errors=True),
    "prune": lambda at: quietly(at, "worktree", "prune", "--expire=now"),
    "commit": lambda at: in_tree(at, "commit", "-q", "--allow-empty", "-m", "more"),
    "switch": lambda at: in_tree(at, "switch", "-q", "-c", "side/way"),
    "detach": lambda at: in_tree(at, "switch", "-q", "--detach"),
    "unborn": lambda at: in_tree(at, "switch", "-q", "--orphan", "unborn"),
    "delete a branch": lambda at: quietly(at, "update-ref", "-d", "refs/heads/a"),
    "pack the refs": lambda at: quietly(at, "pack-refs", "--all"),
    "switch in the main one": lambda at: quietly(at, "switch", "-q", "-c", "other"),
    "set": lambda at: quietly(at, "config", "branch.a.remote", "."),
    "set for all": lambda at: quietly(at, "config", "--global", "core.hooksPath", "~/hooks"),
    "collect garbage": lambda at: quietly(at, "gc", "-q", "--prune=now"),
}
REVISIONS = ("HEAD", "refs/heads/a", "refs/heads/side/way", "refs/heads/main", "main", "nothing", "a b\nc")
KEYS = (("branch.a.remote", ""), ("core.hooksPath", "path"), ("core.bare", "bool"), ("Core.Bare", ""))


def facts(repo: Repository) -> list[object]:
    commits = [repo.commit(revision) for revision in REVISIONS]
    trees = [repo.tree(commit) for commit in commits if commit]
    read = [repo.blob("refs/heads/main:README.md"), repo.blob("refs/heads/a:nothing")]
    said: list[object] = [*(repo.setting(*key) for key in KEYS), branch_settings(repo, "a"), hooks.folder(repo)]
    top, records = main_folder(repo).parent, repo.common / "worktrees"
    places = [top / "main", top / "tree-a", top / "tree-b", top, repo.common, records / "tree-a", records / "tree-b"]
    said += [main_head(repo), *(find_worktree(repo, place) for place in places)]
    said += [trees_on(repo, branch) for branch in ("a", "b", "main", "other", "unborn", "nothing")]
    return [list_worktrees(repo), commits, trees, read, repo.kinds([*trees, "0" * 40]), said]


@settings(max_examples=examples(4), suppress_health_check=[*HealthCheck])
@given(names=st.lists(st.sampled_from(sorted(ACTS)), min_size=4, max_size=12))
def test_a_look_is_never_older_than_what_git_says(
    tmp_path_factory: pytest.TempPathFactory, isolated_git: Path, names: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("look") / "main"
    subprocess.run(["git", "init", "-q", folder], check=True)
    main = Sandbox(folder)
    main.write("README.md", "hello\n")
    main.commit()
    repo = main.repo
    with repo.one_look():
        for name in ["add", "add detached", *names]:
            ACTS[name](main)
            seen = facts(repo)
            assert repo.look is not None
            with fresh(repo):
                assert seen == facts(repo), name
    quietly(main, "config", "--global", "--unset", "core.hooksPath")


class fresh:
    """Ask git itself in the block."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo

    def __enter__(self) -> None:
        from agentdeck.system.git.repository import _look

        self.token = _look.set(None)

    def __exit__(self, *_: object) -> None:
        from agentdeck.system.git.repository import _look

        _look.reset(self.token)


def test_refs_in_tables_are_asked_of_git(repo: MakeRepo) -> None:
    main = repo()
    done = subprocess.run(["git", "refs", "migrate", "--ref-format=reftable"], cwd=main.folder, check=False)
    if done.returncode:
        pytest.skip("this git keeps no refs in tables")
    with main.repo.one_look():
        assert [tree.branch for tree in list_worktrees(main.repo)] == ["main"]
        main.git("switch", "-q", "-c", "other")
        assert [tree.branch for tree in list_worktrees(main.repo)] == ["other"]


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_reader_that_was_killed_is_done_without(repo: MakeRepo, sign: signal.Signals) -> None:
    main = repo()
    wanted = main.git("rev-parse", "HEAD")
    with main.repo.one_look():
        assert main.repo.commit("refs/heads/main") == wanted
        look = main.repo.look
        assert isinstance(look, Look)
        assert look._child is not None
        os.kill(look._child.pid, sign)
        look._child.wait()
        assert main.repo.commit("refs/heads/main") == wanted
        assert main.repo.blob("refs/heads/main:README.md") == b"hello\n"
    assert look._child is None


def test_a_file_of_some_size_is_read_whole(repo: MakeRepo) -> None:
    main = repo()
    content = os.urandom(1 << 20) + b"\nrefs/heads/main\n"
    main.write("large", content)
    main.commit()
    with main.repo.one_look():
        assert main.repo.blob("refs/heads/main:large") == content
        assert main.repo.blob("refs/heads/main:README.md") == b"hello\n"


def test_two_repositories_are_two_looks(repo: MakeRepo) -> None:
    one, two = repo("one"), repo("two")
    two.write("more", "more\n")
    two.commit("another")
    with one.repo.one_look():
        assert two.repo.look is None
        with two.repo.one_look():
            assert two.repo.commit("refs/heads/main") == two.git("rev-parse", "HEAD")
        assert one.repo.commit("refs/heads/main") == one.git("rev-parse", "HEAD")


def test_worktrees_share_what_is_read_of_their_settings_but_for_what_is_one_worktrees(repo: MakeRepo) -> None:
    main, tree = repo(), Path("../tree")
    main.git("worktree", "add", "-q", tree)
    (main.folder.parent / "only").write_text("[user]\n\tname = in the tree\n")
    here = main.at(main.folder / tree).repo

    def names() -> tuple[str | None, str | None]:
        with main.repo.one_look():
            told = main.repo.setting("user.name"), here.setting("user.name")
            assert main.repo.look is not None
            listed = [each for _, each in main.repo.look.settings.values()]
            assert (listed[0] is listed[1]) == (told[0] == told[1])
            return told

    main.git("config", "user.name", "everywhere")
    assert names() == ("everywhere", "everywhere")
    main.git("config", "includeIf.gitdir:**/worktrees/tree.path", "../../only")
    assert names() == ("everywhere", "in the tree")
    main.git("config", "--remove-section", "includeIf.gitdir:**/worktrees/tree")
    main.git("config", "extensions.worktreeConfig", "true")
    main.git("-C", tree, "config", "--worktree", "user.name", "its own")
    assert names() == ("everywhere", "its own")
