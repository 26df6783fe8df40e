from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentdeck.errors import NotFoundError, RefusedError
from agentdeck.system.git import snapshots, worktrees
from agentdeck.system.git.branches import BranchPlan
from agentdeck.system.git.checkouts import Worktree
from tests.support.hints import obey
from tests.support.leaving import remove
from tests.support.pictures import Picture, picture
from tests.support.repos import MakeRepo, Sandbox

REF = "refs/agentdeck/trash/fix/20260101"


@dataclass
class Desk:
    """A repository with one worktree."""

    main: Sandbox
    work: Sandbox

    def there_and_back(self, *, ignored: bool = False) -> tuple[Picture, Picture, Worktree]:
        """Save the worktree, remove it, collect the garbage, restore it; return how it was and how it is."""
        before = picture(self.work.folder)
        repo = self.main.repo
        saved = snapshots.take(repo, self.work.folder, REF, message="before removal", ignored=ignored)
        assert picture(self.work.folder) == before, "taking a snapshot must leave the worktree alone"
        remove(repo, self.work.folder, saved)
        assert not self.work.folder.exists()
        self.main.git("reflog", "expire", "--expire=now", "--all")
        self.main.git("gc", "--quiet", "--prune=now")
        made = snapshots.restore(repo, REF, self.work.folder)
        self.main.git("fsck", "--no-dangling", "--no-reflogs")
        return before, picture(self.work.folder), made


@pytest.fixture
def desk(repo: MakeRepo, tmp_path: Path) -> Desk:
    main = repo()
    main.write("src/a.txt", "one\ntwo\nthree\n")
    main.write("src/run.sh", "#!/bin/sh\n", 0o755)
    main.write(".gitignore", "*.log\nbuild/\n")
    main.commit("more")
    return worktree_of(main, tmp_path / "work tree")


def worktree_of(main: Sandbox, path: Path, branch: str = "agentdeck/fix") -> Desk:
    commit = main.git("rev-parse", "HEAD")
    worktrees.add(main.repo, path, BranchPlan(branch, "main", commit, create=True), reason="agentdeck fix")
    return Desk(main, Sandbox(path))


def test_nothing_changed(desk: Desk) -> None:
    before, after, made = desk.there_and_back()
    assert after == before
    assert made.branch == "agentdeck/fix"
    assert not made.note


def test_staged_unstaged_untracked_deleted(desk: Desk) -> None:
    work = desk.work
    work.write("src/a.txt", "staged\n")
    work.git("add", "src/a.txt")
    work.write("src/a.txt", "unstaged\n")
    work.write("new/deep/untracked.bin", bytes(range(256)))
    work.write("empty-file", b"")
    work.git("rm", "--quiet", "--cached", "README.md")
    (work.folder / "src/run.sh").unlink()
    before, after, _ = desk.there_and_back()
    assert after == before


def test_names_that_are_not_easy(desk: Desk) -> None:
    for name in ("ünïcode", "new\nline", " space ", "tab\tname", '"quoted"', "back\\slash", "-dash", ":colon", "git~1"):
        desk.work.write(name, name)
    raw = os.fsencode(str(desk.work.folder)) + b"/not-utf8-\xff"
    Path(os.fsdecode(raw)).write_bytes(b"x")
    desk.work.git("add", "new\nline")
    before, after, _ = desk.there_and_back()
    assert after == before


def test_links_modes_and_empty_folders(desk: Desk) -> None:
    work = desk.work
    (work.folder / "link").symlink_to("no/where")
    (work.folder / "src/a.txt").unlink()
    (work.folder / "src/a.txt").symlink_to("/etc")
    work.write("secret", "x", 0o600)
    work.write("README.md", "hello\n", 0o755)
    work.write("tool", "x", 0o700)
    (work.folder / "hollow/inner").mkdir(parents=True)
    (work.folder / "private").mkdir(mode=0o700)
    work.write("private/file", "x")
    before, after, _ = desk.there_and_back()
    assert after == before


def test_a_file_that_became_a_folder_and_the_other_way_round(desk: Desk) -> None:
    (desk.work.folder / "README.md").unlink()
    desk.work.write("README.md/inside", "x")
    shutil.rmtree(desk.work.folder / "src")
    desk.work.write("src", "now a file")
    before, after, _ = desk.there_and_back()
    assert after == before


def test_read_only_folders_do_not_stop_the_removal(desk: Desk) -> None:
    desk.work.write("cache/module/file", "x", 0o444)
    (desk.work.folder / "cache/module").chmod(0o555)
    before, after, _ = desk.there_and_back()
    assert after == before


def test_bytes_that_filters_would_change(repo: MakeRepo, tmp_path: Path) -> None:
    main = repo()
    main.git("config", "filter.upper.clean", "tr a-z A-Z")
    main.git("config", "filter.upper.smudge", "tr A-Z a-z")
    main.write(".gitattributes", "*.txt text=auto\n*.crlf text eol=crlf\n*.up filter=upper\n*.id ident\n")
    main.write("mixed.txt", "a\n")
    main.write("x.crlf", "a\nb\n")
    main.write("x.up", "Quiet\n")
    main.write("x.id", "$Id$\n")
    main.commit()
    desk = worktree_of(main, tmp_path / "work")
    desk.work.write("mixed.txt", "a\r\nb\nc\r\n")
    desk.work.write("clean.txt", "one\r\ntwo\r\n")
    desk.work.git("add", "clean.txt")
    desk.work.write("x.up", "MiXeD\n")
    desk.work.git("add", "x.up")
    desk.work.settle()
    desk.work.write("new.up", "Not Added\n")
    before, after, _ = desk.there_and_back()
    assert after == before
    assert after.files["clean.txt"][1] == b"one\r\ntwo\r\n"
    assert after.files["x.up"][1] == b"MiXeD\n"


def test_a_change_that_time_stamps_do_not_tell(desk: Desk) -> None:
    file, index = desk.work.folder / "src/a.txt", desk.main.folder / ".git/worktrees/work-tree/index"
    long_ago, staged, written = 1_000_000_000, 0, 1
    while staged != written:
        for content, words in (("staged\n", ("add", "src/a.txt")), ("worked\n", ("ls-files",))):
            file.write_text(content)
            os.utime(file, (long_ago, long_ago))
            desk.work.git(*words)
            staged, written = written, int(file.stat().st_ctime)
    os.utime(index, (long_ago, long_ago))
    saved = snapshots.take(desk.main.repo, desk.work.folder, REF, message="x")
    assert desk.main.git("show", f"{saved.work_tree}:src/a.txt") == "worked"
    assert desk.main.git("show", f"{saved.commit}:staged/src/a.txt") == "staged"


def test_autocrlf_in_the_settings(desk: Desk) -> None:
    desk.main.git("config", "core.autocrlf", "true")
    desk.work.write("windows.txt", "a\r\nb\r\n")
    desk.work.git("add", "windows.txt")
    desk.work.settle()
    before, after, _ = desk.there_and_back()
    assert after == before
    assert after.files["windows.txt"][1] == b"a\r\nb\r\n"


def make_conflict(desk: Desk) -> None:
    desk.main.write("src/a.txt", "one\nMAIN\nthree\n")
    desk.main.commit("main side")
    desk.work.write("src/a.txt", "one\nWORK\nthree\n")
    desk.work.commit("work side")


def test_a_merge_with_conflicts(desk: Desk) -> None:
    make_conflict(desk)
    desk.work.fails("merge", "main")
    before, after, _ = desk.there_and_back()
    assert after == before
    assert "u UU" in after.status
    desk.work.write("src/a.txt", "solved\n")
    desk.work.git("add", "--all")
    desk.work.git("commit", "--quiet", "--no-edit")
    assert len(desk.work.git("rev-list", "--parents", "-1", "HEAD").split()) == 3


def test_a_rebase_in_the_middle(desk: Desk) -> None:
    make_conflict(desk)
    desk.work.fails("rebase", "main")
    repo, before = desk.main.repo, picture(desk.work.folder)
    saved = snapshots.take(repo, desk.work.folder, REF, message="x")
    remove(repo, desk.work.folder, saved)
    desk.main.git("branch", "-D", "agentdeck/fix")
    desk.main.git("gc", "--quiet", "--prune=now")
    snapshots.restore(repo, REF, desk.work.folder)
    assert picture(desk.work.folder) == before
    desk.work.write("src/a.txt", "solved\n")
    desk.work.git("add", "--all")
    desk.work.git("-c", "core.editor=true", "rebase", "--continue")
    assert desk.work.git("rev-parse", "--abbrev-ref", "HEAD") == "agentdeck/fix"
    assert desk.work.git("log", "-1", "--format=%s") == "work side"


def test_a_cherry_pick_and_a_bisection(desk: Desk) -> None:
    make_conflict(desk)
    desk.work.git("bisect", "start", "HEAD", "HEAD~1")
    desk.work.fails("cherry-pick", "main")
    bisect_log = desk.work.git("bisect", "log")
    before, after, _ = desk.there_and_back()
    assert after == before
    assert desk.work.git("bisect", "log") == bisect_log
    assert desk.work.git("rev-parse", "CHERRY_PICK_HEAD") == desk.main.git("rev-parse", "main")


def test_commits_that_only_the_reflog_knows(desk: Desk) -> None:
    desk.work.write("src/a.txt", "thrown away\n")
    lost = desk.work.commit("thrown away")
    desk.work.git("reset", "--quiet", "--hard", "HEAD~1")
    repo = desk.main.repo
    saved = snapshots.take(repo, desk.work.folder, REF, message="x")
    remove(repo, desk.work.folder, saved)
    desk.main.git("branch", "-D", "agentdeck/fix")
    desk.main.git("gc", "--quiet", "--prune=now")
    snapshots.restore(repo, REF, desk.work.folder)
    assert desk.work.git("rev-parse", "HEAD@{1}") == lost
    assert desk.work.git("show", f"{lost}:src/a.txt") == "thrown away"


def test_special_index_entries(desk: Desk) -> None:
    work = desk.work
    work.write("intended", "to add\n")
    work.git("add", "--intent-to-add", "intended")
    work.git("update-index", "--assume-unchanged", "src/a.txt")
    work.write("src/a.txt", "git does not look\n")
    work.git("update-index", "--skip-worktree", "src/run.sh", "README.md")
    work.write("src/run.sh", "#!/bin/false\n", 0o755)
    (work.folder / "README.md").unlink()
    before, after, _ = desk.there_and_back()
    assert after == before
    assert after.files["src/a.txt"][1] == b"git does not look\n"


@pytest.mark.parametrize("sparse_index", [False, True])
def test_a_sparse_worktree(desk: Desk, sparse_index: bool) -> None:
    desk.main.write("other/b.txt", "b\n")
    desk.main.commit()
    desk.work.git("merge", "--quiet", "main")
    flags = ["--sparse-index"] if sparse_index else []
    desk.work.git("sparse-checkout", "set", "--cone", *flags, "src")
    desk.work.write("src/new", "x")
    before, after, _ = desk.there_and_back()
    assert after == before
    assert not (desk.work.folder / "other").exists()
    assert desk.work.git("sparse-checkout", "list") == "src"


def test_a_split_index(desk: Desk) -> None:
    desk.work.git("update-index", "--split-index")
    desk.work.write("src/a.txt", "staged\n")
    desk.work.git("add", "src/a.txt")
    before, after, _ = desk.there_and_back()
    assert after == before


def test_ignored_files_only_when_asked(desk: Desk) -> None:
    desk.work.write("debug.log", "log\n")
    desk.work.write("build/out/file", "x")
    before, after, _ = desk.there_and_back(ignored=True)
    assert after == before
    assert "build/out/file" in after.files
    saved = snapshots.take(desk.main.repo, desk.work.folder, f"{REF}b", message="x")
    remove(desk.main.repo, desk.work.folder, saved)
    snapshots.restore(desk.main.repo, f"{REF}b", desk.work.folder)
    assert not (desk.work.folder / "debug.log").exists()
    assert (desk.work.folder / "src/a.txt").exists()


def test_a_detached_head(desk: Desk) -> None:
    desk.work.git("checkout", "--quiet", "--detach")
    desk.work.write("src/a.txt", "x")
    desk.work.commit()
    before, after, made = desk.there_and_back()
    assert after == before
    assert made.branch is None


def test_a_branch_without_a_commit(desk: Desk) -> None:
    desk.work.git("checkout", "--quiet", "--orphan", "fresh")
    repo = desk.main.repo
    status = desk.work.git("status", "--porcelain=v2", "--branch")
    saved = snapshots.take(repo, desk.work.folder, REF, message="x")
    assert saved.tip is None
    remove(repo, desk.work.folder, saved)
    snapshots.restore(repo, REF, desk.work.folder)
    assert desk.work.git("status", "--porcelain=v2", "--branch") == status


def test_a_repository_inside(desk: Desk) -> None:
    inner = desk.work.folder / "vendor/clone"
    desk.work.git("clone", "--quiet", desk.main.folder, inner)
    nested = Sandbox(inner)
    nested.write("local", "x")
    commit = nested.commit("only here")
    nested.write("dirty", "y")
    inner_before = picture(inner)
    before, after, _ = desk.there_and_back()
    assert after == before
    assert picture(inner) == inner_before
    assert nested.git("rev-parse", "HEAD") == commit
    nested.git("fsck")


def with_submodule(repo: MakeRepo, tmp_path: Path, home: Path) -> Desk:
    library = repo("library")
    library.write(".gitignore", "*.log\n")
    library.commit()
    main = repo()
    main.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.folder, "libs/lib")
    main.commit("with a submodule")
    return worktree_of(main, tmp_path / "work")


def test_a_clean_submodule_costs_nothing(repo: MakeRepo, tmp_path: Path, isolated_git: Path) -> None:
    desk = with_submodule(repo, tmp_path, isolated_git)
    assert (desk.work.folder / "libs/lib/README.md").exists()
    before, after, made = desk.there_and_back()
    assert after == before
    assert not made.note
    assert desk.main.git("ls-tree", "--name-only", REF).count("nested") == 0


def test_work_in_a_submodule(repo: MakeRepo, tmp_path: Path, isolated_git: Path) -> None:
    desk = with_submodule(repo, tmp_path, isolated_git)
    inner = desk.work.at(desk.work.folder / "libs/lib")
    inner.git("checkout", "--quiet", "-b", "mine")
    inner.write("README.md", "committed only here\n")
    commit = inner.commit()
    inner.write("README.md", "staged\n")
    inner.git("add", "--all")
    inner.write("untracked", "x")
    inner_before = picture(inner.folder)
    before, after, _ = desk.there_and_back()
    assert after == before
    assert picture(inner.folder) == inner_before
    assert inner.git("rev-parse", "mine") == commit


def test_a_commit_left_behind_in_a_clean_submodule(repo: MakeRepo, tmp_path: Path, isolated_git: Path) -> None:
    desk = with_submodule(repo, tmp_path, isolated_git)
    inner = desk.work.at(desk.work.folder / "libs/lib")
    inner.write("README.md", "committed only here\n")
    commit = inner.commit()
    inner.git("checkout", "--quiet", "HEAD~1")
    assert not desk.work.git("status", "--porcelain")
    desk.there_and_back()
    assert inner.git("show", f"{commit}:README.md") == "committed only here"


def test_a_branch_that_moved_gets_another_name(desk: Desk) -> None:
    desk.work.write("src/a.txt", "x")
    tip = desk.work.commit()
    repo = desk.main.repo
    saved = snapshots.take(repo, desk.work.folder, REF, message="x")
    remove(repo, desk.work.folder, saved)
    desk.main.git("branch", "--force", "agentdeck/fix", "main")
    made = snapshots.restore(repo, REF, desk.work.folder)
    assert made.branch == "agentdeck/fix-restored"
    assert made.head == tip
    assert "agentdeck/fix has moved on" in made.note
    assert desk.main.git("rev-parse", "agentdeck/fix") == desk.main.git("rev-parse", "main")


def test_a_branch_in_use_gets_another_name(desk: Desk, tmp_path: Path) -> None:
    repo = desk.main.repo
    saved = snapshots.take(repo, desk.work.folder, REF, message="x")
    remove(repo, desk.work.folder, saved)
    desk.main.git("worktree", "add", "--quiet", tmp_path / "elsewhere", "agentdeck/fix")
    made = snapshots.restore(repo, REF, desk.work.folder)
    assert made.branch == "agentdeck/fix-restored"
    assert "checked out elsewhere" in made.note


def test_a_deleted_branch_comes_back_with_its_settings(desk: Desk) -> None:
    desk.work.git("config", "branch.agentdeck/fix.description", "two\nlines")
    tip = desk.work.git("rev-parse", "HEAD")
    repo = desk.main.repo
    saved = snapshots.take(repo, desk.work.folder, REF, message="x")
    remove(repo, desk.work.folder, saved)
    desk.main.git("branch", "-D", "agentdeck/fix")
    assert snapshots.restore(repo, REF, desk.work.folder).head == tip
    assert desk.main.git("config", "branch.agentdeck/fix.description") == "two\nlines"


def test_restoring_does_not_touch_what_is_there(desk: Desk) -> None:
    snapshots.take(desk.main.repo, desk.work.folder, REF, message="x")
    before = picture(desk.work.folder)
    with pytest.raises(RefusedError):
        snapshots.restore(desk.main.repo, REF, desk.work.folder)
    assert picture(desk.work.folder) == before


def test_an_interrupted_restore_is_completed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.work.write("src/a.txt", "changed\n")
    before, repo = picture(desk.work.folder), desk.main.repo
    remove(repo, desk.work.folder, snapshots.take(repo, desk.work.folder, REF, message="x"))
    for step in ("_restore_branches", "_restore_state", "_restore_index", "_restore_modes"):
        with monkeypatch.context() as patch:

            def cut(*_: object) -> None:
                raise KeyboardInterrupt

            patch.setattr(snapshots, step, cut)
            with pytest.raises(KeyboardInterrupt):
                snapshots.restore(repo, REF, desk.work.folder)
    snapshots.restore(repo, REF, desk.work.folder)
    assert picture(desk.work.folder) == before


def test_the_same_again_is_the_same_snapshot(desk: Desk) -> None:
    desk.work.write("new", "x")
    first = snapshots.take(desk.main.repo, desk.work.folder, REF, message="x")
    assert snapshots.take(desk.main.repo, desk.work.folder, REF, message="x") == first
    assert snapshots.load(desk.main.repo, REF) == first
    desk.work.write("new", "y")
    second = snapshots.take(desk.main.repo, desk.work.folder, REF, message="x")
    assert second.work_tree != first.work_tree
    assert first.commit in desk.main.git("rev-list", "--parents", "-1", REF).split()


def test_clean_means_nothing_beside_the_tip(desk: Desk) -> None:
    assert snapshots.take(desk.main.repo, desk.work.folder, f"{REF}1", message="x").is_clean
    desk.work.write("new", "x")
    dirty = snapshots.take(desk.main.repo, desk.work.folder, f"{REF}2", message="x")
    assert not dirty.is_clean
    snapshots.discard(desk.main.repo, dirty)
    with pytest.raises(NotFoundError):
        snapshots.load(desk.main.repo, f"{REF}2")


def test_a_worktree_whose_git_file_is_gone_is_not_taken_for_the_main_one(desk: Desk) -> None:
    desk.work.write("new", "x")
    before = picture(desk.work.folder)
    (desk.work.folder / ".git").unlink()
    saved = snapshots.take(desk.main.repo, desk.work.folder, REF, message="x")
    remove(desk.main.repo, desk.work.folder, saved)
    snapshots.restore(desk.main.repo, REF, desk.work.folder)
    assert picture(desk.work.folder) == before


def test_a_folder_that_is_gone_is_saved_as_its_index(desk: Desk) -> None:
    desk.work.write("src/a.txt", "staged\n")
    desk.work.git("add", "--all")
    before = picture(desk.work.folder)
    shutil.rmtree(desk.work.folder)
    saved = snapshots.take(desk.main.repo, desk.work.folder, REF, message="x")
    remove(desk.main.repo, desk.work.folder, saved)
    snapshots.restore(desk.main.repo, REF, desk.work.folder)
    assert picture(desk.work.folder) == before


def test_the_main_worktree_can_be_saved_too(desk: Desk) -> None:
    desk.main.write("src/a.txt", "mine\n")
    inside = desk.main.folder / ".worktrees/inside"
    desk.main.git("worktree", "add", "--quiet", "-b", "inside", inside)
    saved = snapshots.take(desk.main.repo, desk.main.folder, REF, message="x")
    assert desk.main.git("show", f"{saved.work_tree}:src/a.txt") == "mine"
    assert "inside" not in desk.main.git("ls-tree", "-r", "--name-only", saved.work_tree)
    with pytest.raises(RefusedError):
        remove(desk.main.repo, desk.main.folder, saved)


@pytest.mark.parametrize("what", ["locked", "locked/it's a file"])
def test_what_can_not_be_read_is_refused_and_the_hint_lets_it_be_read(desk: Desk, what: str) -> None:
    desk.work.write("locked/it's a file", "x")
    closed = desk.work.folder / what
    closed.chmod(0)
    if os.access(closed, os.R_OK):
        pytest.skip("root reads everything")
    with pytest.raises(RefusedError, match="can't be read") as caught:
        snapshots.take(desk.main.repo, desk.work.folder, REF, message="x")
    obey(caught.value.hint, desk.main.folder)
    saved = snapshots.take(desk.main.repo, desk.work.folder, REF, message="x")
    assert desk.main.git("show", f"{saved.work_tree}:locked/it's a file") == "x"


def test_sha256_repositories(tmp_path: Path, isolated_git: Path) -> None:
    folder = tmp_path / "long ids"
    folder.mkdir()
    main = Sandbox(folder)
    main.git("init", "--quiet", "--object-format=sha256")
    main.write("a", "x")
    main.commit()
    desk = worktree_of(main, tmp_path / "work")
    desk.work.write("a", "y")
    (desk.work.folder / "gone").touch()
    desk.work.git("add", "gone")
    (desk.work.folder / "gone").unlink()
    before, after, _ = desk.there_and_back()
    assert after == before


def test_three_thousand_unchanged_files_are_saved_at_once(repo: MakeRepo, tmp_path: Path) -> None:
    main = repo()
    for number in range(3000):
        main.write(f"d{number % 50}/f{number}", f"{number}\n")
    main.commit()
    desk = worktree_of(main, tmp_path / "work")
    desk.work.write("d1/f1", "changed\n")
    started = time.monotonic()
    snapshots.take(desk.main.repo, desk.work.folder, REF, message="x")
    assert time.monotonic() - started < 3, "well under a second on an idle machine"
