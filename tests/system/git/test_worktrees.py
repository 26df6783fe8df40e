from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentdeck.errors import ConfigError, GitError, RefusedError
from agentdeck.system.git import repository as git
from agentdeck.system.git import snapshots, worktrees
from agentdeck.system.git.branches import BranchPlan, ahead_behind, delete_branch, plan_branch
from agentdeck.system.git.changes import Changes, changes, diff
from agentdeck.system.git.checkouts import find_worktree, list_worktrees, main_folder
from agentdeck.system.git.identity import READY
from agentdeck.system.git.repository import Repository
from tests.support.leaving import remove
from tests.support.pictures import picture
from tests.support.repos import MakeRepo, Sandbox

REF = "refs/agentdeck/trash/fix/1"
REASON = "agentdeck agent fix"


def plan(main: Sandbox, branch: str = "agentdeck/fix") -> BranchPlan:
    return BranchPlan(branch, "main", main.git("rev-parse", "HEAD"), create=True)


def test_list_tells_of_every_worktree(repo: MakeRepo, tmp_path: Path) -> None:
    main = repo()
    main.git("worktree", "add", "--quiet", "-b", "new\u2028branch", tmp_path / "a b")
    main.git("worktree", "add", "--quiet", "--detach", tmp_path / "bü")
    main.git("worktree", "lock", "--reason", "two\nlines", tmp_path / "bü")
    main.git("worktree", "add", "--quiet", tmp_path / "gone")
    (tmp_path / "gone" / ".git").unlink()
    first, second, third, fourth = list_worktrees(main.repo)
    assert (first.path, first.git_dir, first.branch) == (main.folder, main.folder / ".git", "main")
    assert (second.path, second.branch, second.locked) == (tmp_path / "a b", "new\u2028branch", None)
    assert second.git_dir == main.folder / ".git/worktrees/a-b"
    assert (third.branch, third.locked) == (None, "two\nlines")
    assert fourth.prunable
    assert find_worktree(main.repo, third.git_dir) == third
    assert find_worktree(main.repo, tmp_path / "nowhere") is None
    assert list_worktrees(Repository.find(second.path)) == [first, second, third, fourth]


def test_main_folder_is_found_from_anywhere(repo: MakeRepo, tmp_path: Path) -> None:
    main = repo()
    main.git("worktree", "add", "--quiet", tmp_path / "linked")
    assert main_folder(Repository.find(tmp_path / "linked")) == main.folder
    bare = repo("project.git", commit=False, bare=True)
    assert main_folder(bare.repo) == bare.folder


def test_main_folder_of_a_repository_with_its_git_folder_elsewhere(repo: MakeRepo, tmp_path: Path) -> None:
    main = repo()
    main.git("init", "--quiet", "--separate-git-dir", tmp_path / "elsewhere.git")
    assert main_folder(main.repo) == main.folder
    library = repo("library")
    main.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.folder, "lib")
    assert main_folder(Repository.find(main.folder / "lib")) == main.folder / "lib"


@pytest.mark.parametrize("hidden", [True, False])
def test_bare_repositories_with_worktrees(repo: MakeRepo, tmp_path: Path, hidden: bool) -> None:
    source = repo()
    project = tmp_path / "project"
    bare = project / ".bare" if hidden else tmp_path / "project.git"
    source.git("clone", "--quiet", "--bare", source.folder, bare)
    if hidden:
        (project / ".git").write_text("gitdir: ./.bare\n")
    found = Repository.find(project if hidden else bare)
    branch = plan_branch(found, "fix", None, None, "agentdeck/{name}")
    assert branch.base == "main"
    path = worktrees.place(found, ".worktrees/{name}", "fix")
    assert path == (project if hidden else bare) / ".worktrees/fix"
    made = worktrees.add(found, path, branch, reason=REASON)
    assert (made.branch, made.locked) == ("agentdeck/fix", REASON)
    assert (path / "README.md").read_text() == "hello\n"
    sibling = worktrees.place(Repository.find(path), "../{repo}-{name}", "two")
    assert sibling.parent == (tmp_path if hidden else bare.parent)
    remove(found, path, snapshots.take(found, path, REF, message="x"))
    assert [tree.bare for tree in list_worktrees(found)] == [True]
    if not hidden:
        with pytest.raises(RefusedError):
            worktrees.place(found, "objects/{name}", "fix")


def test_places_that_are_refused(repo: MakeRepo) -> None:
    main = repo()
    main.write("taken/fix/file")
    for template in (".git/{name}", "taken/{name}", "../{name}/../prøject one/../{repo}/.git/x-{name}"):
        with pytest.raises(RefusedError):
            worktrees.place(main.repo, template, "fix")
    for template in ("fixed", "{name}/{user}"):
        with pytest.raises(ConfigError):
            worktrees.place(main.repo, template, "fix")
    with pytest.raises(RefusedError):
        worktrees.place(main.repo, "../../{name}/..", "fix")


def test_places_that_are_taken_over(repo: MakeRepo, isolated_git: Path) -> None:
    main = repo()
    assert worktrees.place(main.repo, "~/trees/{repo}-{name}", "fix") == isolated_git / "trees/prøject one-fix"
    path = worktrees.place(main.repo, ".worktrees/{name}", "fix")
    path.mkdir(parents=True)
    worktrees.add(main.repo, worktrees.place(main.repo, ".worktrees/{name}", "fix"), plan(main), reason=REASON)
    assert worktrees.place(main.repo, ".worktrees/{name}", "fix") == path


def test_add_again_changes_nothing(repo: MakeRepo, tmp_path: Path) -> None:
    main, path = repo(), tmp_path / "work"
    first = worktrees.add(main.repo, path, plan(main), reason=REASON)
    Sandbox(path).write("README.md", "work in progress\n")
    before = picture(path)
    assert worktrees.add(main.repo, path, plan(main), reason=REASON) == first
    assert picture(path) == before


@pytest.mark.parametrize("step", ["make_branch", "_register", "_run_hook", "check_out"])
@pytest.mark.parametrize("after", [False, True])
def test_add_completes_what_was_cut_off(
    repo: MakeRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    main, path = repo(), tmp_path / "work"
    wanted = plan(main)
    original = getattr(worktrees, step)

    def cut(*args: object, **more: object) -> None:
        if after:
            original(*args, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(worktrees, step, cut)
        with pytest.raises(KeyboardInterrupt):
            worktrees.add(main.repo, path, wanted, reason=REASON)
    made = worktrees.add(main.repo, path, wanted, reason=REASON)
    assert made.branch == "agentdeck/fix"
    assert (made.git_dir / READY).exists()
    assert not Sandbox(path).git("status", "--porcelain")
    assert (path / "README.md").exists()


@pytest.mark.parametrize("lost", ["HEAD", "commondir", "gitdir"])
def test_add_recovers_from_a_git_that_was_killed(repo: MakeRepo, tmp_path: Path, lost: str) -> None:
    main, path = repo(), tmp_path / "work"
    wanted = plan(main)
    main.git("branch", wanted.branch)
    main.git("worktree", "add", "--quiet", "--no-checkout", "--lock", "--reason", REASON, path, wanted.branch)
    record = main.folder / ".git/worktrees/work"
    (record / lost).unlink()
    made = worktrees.add(main.repo, path, wanted, reason=REASON)
    assert made.branch == wanted.branch
    assert not Sandbox(path).git("status", "--porcelain")
    assert len(list_worktrees(main.repo)) == 2


def test_add_makes_again_what_was_deleted_behind_its_back(repo: MakeRepo, tmp_path: Path) -> None:
    main, path = repo(), tmp_path / "work"
    worktrees.add(main.repo, path, plan(main), reason=REASON)
    work = Sandbox(path)
    work.write("staged", "x")
    work.git("add", "staged")
    before = picture(path)
    shutil.rmtree(path)
    made = worktrees.add(main.repo, path, plan(main), reason=REASON)
    assert made.branch == "agentdeck/fix"
    assert picture(path) == before


def test_add_goes_on_after_a_git_that_was_killed_with_the_index_locked(
    repo: MakeRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main, path = repo(), tmp_path / "work"
    wanted = plan(main)
    main.git("branch", wanted.branch)
    main.git("worktree", "add", "--quiet", "--no-checkout", "--lock", "--reason", REASON, path, wanted.branch)
    (main.folder / ".git/worktrees/work/index.lock").touch()
    monkeypatch.setattr(git, "_LOCK_PATIENCE", 0.1)
    worktrees.add(main.repo, path, wanted, reason=REASON)
    assert not Sandbox(path).git("status", "--porcelain")


def test_add_leaves_the_worktrees_of_others_alone(repo: MakeRepo, tmp_path: Path) -> None:
    main, path = repo(), tmp_path / "work"
    main.git("worktree", "add", "--quiet", "-b", "agentdeck/fix", path)
    Sandbox(path).write("README.md", "theirs\n")
    with pytest.raises(RefusedError):
        worktrees.add(main.repo, path, plan(main), reason=REASON)
    with pytest.raises(RefusedError):
        worktrees.add(main.repo, tmp_path / "other", plan(main), reason=REASON)
    assert (path / "README.md").read_text() == "theirs\n"
    assert not (tmp_path / "other").exists()


def test_a_failing_hook_is_told_and_costs_nothing(repo: MakeRepo, tmp_path: Path) -> None:
    main, path = repo(), tmp_path / "work"
    hook = main.write(".git/hooks/post-checkout", "#!/bin/sh\necho $1 $3 >> hook-ran\necho no luck >&2\nexit 3\n")
    hook.chmod(0o755)
    made = worktrees.add(main.repo, path, plan(main), reason=REASON)
    assert "post-checkout hook failed with 3: no luck" in made.note
    assert (path / "hook-ran").read_text() == "0" * 40 + " 1\n"
    assert (path / "README.md").exists()


@pytest.mark.parametrize("own_settings", [True, False])
def test_a_sparse_main_worktree_gives_sparse_worktrees(repo: MakeRepo, tmp_path: Path, own_settings: bool) -> None:
    main, path = repo(), tmp_path / "work"
    main.write("in/file")
    main.write("out/file")
    main.commit()
    if own_settings:
        main.git("sparse-checkout", "set", "in")
    else:
        main.git("config", "core.sparseCheckout", "true")
        main.write(".git/info/sparse-checkout", "/*\n!/*/\n/in/\n")
        main.git("read-tree", "-mu", "HEAD")
    assert not (main.folder / "out").exists()
    worktrees.add(main.repo, path, plan(main), reason=REASON)
    assert sorted(entry.name for entry in path.iterdir()) == [".git", "README.md", "in"]
    assert Sandbox(path).git("sparse-checkout", "list") == main.git("sparse-checkout", "list")
    assert not Sandbox(path).git("status", "--porcelain")


def test_submodules_come_from_the_main_checkout(repo: MakeRepo, tmp_path: Path) -> None:
    inner, library, main = repo("inner"), repo("library"), repo()
    allow = ("-c", "protocol.file.allow=always")
    library.git(*allow, "submodule", "--quiet", "add", inner.folder, "deep")
    library.commit()
    main.git(*allow, "submodule", "--quiet", "add", "--name", "odd=name", library.folder, "libs/lib")
    main.git(*allow, "submodule", "--quiet", "update", "--init", "--recursive")
    main.commit()
    library.folder.rename(tmp_path / "library moved")
    inner.folder.rename(tmp_path / "inner moved")
    path = tmp_path / "work"
    made = worktrees.add(main.repo, path, plan(main), reason=REASON)
    assert not made.note
    assert (path / "libs/lib/deep/README.md").exists()
    assert Sandbox(path / "libs/lib").git("config", "remote.origin.url") == str(library.folder)
    assert not Sandbox(path).git("status", "--porcelain")
    remove(main.repo, path, snapshots.take(main.repo, path, REF, message="x"))
    restored = snapshots.restore(main.repo, REF, path)
    assert not restored.note
    assert (path / "libs/lib/deep/README.md").exists()
    assert not Sandbox(path).git("status", "--porcelain")


def test_a_submodule_that_can_not_be_had_is_told(repo: MakeRepo, tmp_path: Path) -> None:
    library, main = repo("library"), repo()
    main.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.folder, "lib")
    main.commit()
    clone = Sandbox(tmp_path / "clone")
    main.git("clone", "--quiet", main.folder, clone.folder)
    made = worktrees.add(clone.repo, tmp_path / "work", plan(clone), reason=REASON)
    assert "The submodule lib can't be checked out" in made.note
    assert (tmp_path / "work/README.md").exists()


def test_exclude_adds_one_line_once(repo: MakeRepo) -> None:
    main = repo()
    file = main.write(".git/info/exclude", "# mine\n*.bak")
    for _ in range(2):
        worktrees.exclude(main.repo, "/.worktrees/")
    assert file.read_text() == "# mine\n*.bak\n/.worktrees/\n"
    file.unlink()
    file.parent.rmdir()
    worktrees.exclude(main.repo, "/.worktrees/")
    assert file.read_text() == "/.worktrees/\n"


def test_lock_and_unlock(repo: MakeRepo, tmp_path: Path) -> None:
    main, path = repo(), tmp_path / "work"
    worktrees.add(main.repo, path, plan(main), reason=REASON)
    worktrees.lock(main.repo, path, "another reason")
    found = find_worktree(main.repo, path)
    assert found is not None
    assert found.locked == "another reason"
    for _ in range(2):
        worktrees.unlock(main.repo, path)
    found = find_worktree(main.repo, path)
    assert found is not None
    assert found.locked is None


def test_delete_branch_only_where_it_is_expected(repo: MakeRepo, tmp_path: Path) -> None:
    main = repo()
    first = main.git("rev-parse", "HEAD")
    main.git("branch", "a.b/c")
    main.git("branch", "axb/c")
    main.git("config", "branch.a.b/c.remote", "origin")
    main.git("config", "branch.axb/c.remote", "origin")
    main.write("README.md", "x")
    second = main.commit()
    with pytest.raises(RefusedError, match="moved on"):
        delete_branch(main.repo, "a.b/c", second)
    with pytest.raises(RefusedError, match="checked out"):
        delete_branch(main.repo, "main", second)
    for _ in range(2):
        delete_branch(main.repo, "a.b/c", first)
    assert main.git("branch", "--format=%(refname:short)").split() == ["axb/c", "main"]
    assert main.git("config", "--get-regexp", "^branch") == "branch.axb/c.remote origin"


def test_changes_and_diff_see_everything(repo: MakeRepo, tmp_path: Path) -> None:
    main, path = repo(), tmp_path / "work"
    main.write("keep", "1\n2\n")
    main.commit()
    wanted = plan(main)
    worktrees.add(main.repo, path, wanted, reason=REASON)
    assert changes(main.repo, path, wanted.base_commit) == Changes(0, 0, 0, 0)
    work = Sandbox(path)
    work.write("committed", "a\n")
    work.commit()
    work.write("staged", "b\n")
    work.git("add", "staged")
    work.write("keep", "1\n")
    work.write("untr\näcked", "c\nd\n")
    work.write("binary", b"\0\1")
    main.write("on main", "not the agent's\n")
    main.commit()
    before = picture(path)
    assert changes(main.repo, path, "main") == Changes(added=4, deleted=1, files=5, untracked=2)
    patch = diff(main.repo, path, "main")
    assert "on main" not in patch
    assert "5 files changed" in diff(main.repo, path, "main", stat=True)
    assert "\x1b[" in diff(main.repo, path, "main", colour=True)
    assert picture(path) == before
    other = Sandbox(tmp_path / "other")
    main.git("worktree", "add", "--quiet", "--detach", other.folder, wanted.base_commit)
    other.git("apply", "-", stdin=patch)
    for name in ("committed", "staged", "keep", "untr\näcked", "binary"):
        assert (other.folder / name).read_bytes() == (path / name).read_bytes()
    assert ahead_behind(main.repo, "agentdeck/fix", "main") == (1, 1)


def test_changes_during_a_conflict(repo: MakeRepo, tmp_path: Path) -> None:
    main, path = repo(), tmp_path / "work"
    wanted = plan(main)
    worktrees.add(main.repo, path, wanted, reason=REASON)
    main.write("README.md", "main\n")
    main.commit()
    work = Sandbox(path)
    work.write("README.md", "work\n")
    work.commit()
    work.fails("merge", "main")
    assert changes(main.repo, path, wanted.base_commit).files >= 1
    assert "README.md" in diff(main.repo, path, wanted.base_commit)


ADD = """
import sys
from pathlib import Path
from agentdeck.system.git.branches import plan_branch
from agentdeck.system.git.repository import Repository
from agentdeck.system.git.identity import READY
from agentdeck.system.git.worktrees import add, exclude, place
repo, name = Repository.find(Path(sys.argv[1])), sys.argv[2]
plan = plan_branch(repo, name, None, None, "agentdeck/{name}")
exclude(repo, "/.worktrees/")
exclude(repo, f"/{name}")
add(repo, place(repo, ".worktrees/{name}", name), plan, reason=f"agentdeck agent {name}")
"""


@pytest.mark.slow
def test_many_processes_add_worktrees_at_once(repo: MakeRepo) -> None:
    main = repo()
    for number in range(200):
        main.write(f"file{number}", f"{number}\n")
    main.commit()
    names = [f"agent-{number}" for number in range(10)]
    started = [
        subprocess.Popen([sys.executable, "-c", ADD, main.folder, name], stderr=subprocess.PIPE, text=True)
        for name in names
    ]
    complaints = [process.communicate(timeout=100)[1] for process in started]
    assert complaints == [""] * len(names)
    made = {worktree.branch: worktree for worktree in list_worktrees(main.repo)[1:]}
    assert set(made) == {f"agentdeck/{name}" for name in names}
    for worktree in made.values():
        assert not Sandbox(worktree.path).git("status", "--porcelain")
        assert (worktree.path / "file199").exists()
    exclude = main.folder / ".git/info/exclude"
    lines = exclude.read_text().splitlines()
    assert [lines.count(line) for line in ("/.worktrees/", *(f"/{name}" for name in names))] == [1] * (len(names) + 1)
    assert not main.git("status", "--porcelain")


def test_a_worktree_that_is_not_there_can_not_be_locked(repo: MakeRepo, tmp_path: Path) -> None:
    with pytest.raises(GitError):
        worktrees.lock(repo().repo, tmp_path / "nowhere", "x")
