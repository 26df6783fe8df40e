"""A worktree goes away in steps of which each can be taken again, and until the last of them comes back as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentdeck.errors import RefusedError
from agentdeck.system.git import going, snapshots, worktrees
from agentdeck.system.git.branches import BranchPlan
from agentdeck.system.git.checkouts import Worktree, find_worktree, list_worktrees
from agentdeck.system.git.leaving import take_out
from tests.support.leaving import departure, remove, writing
from tests.support.mounts import small_disk
from tests.support.pictures import picture
from tests.support.repos import MakeRepo, Sandbox

REF = "refs/agentdeck/trash/fix/1"
REASON = "agentdeck agent fix"


@pytest.fixture
def main(repo: MakeRepo) -> Sandbox:
    return repo()


@pytest.fixture
def work(main: Sandbox, tmp_path: Path) -> Sandbox:
    return work_at(main, tmp_path / "work")


def work_at(main: Sandbox, path: Path) -> Sandbox:
    plan = BranchPlan("agentdeck/fix", "main", main.git("rev-parse", "HEAD"), create=True)
    worktrees.add(main.repo, path, plan, reason=REASON)
    return Sandbox(path)


def found(main: Sandbox, work: Sandbox) -> Worktree:
    worktree = find_worktree(main.repo, work.folder)
    assert worktree is not None
    return worktree


def saved(main: Sandbox, work: Sandbox, ref: str = REF) -> snapshots.Snapshot:
    return snapshots.take(main.repo, work.folder, ref, message="x")


def out(main: Sandbox, work: Sandbox) -> going.Departure:
    """Saved, and out of its place."""
    leave = departure(main.repo, work.folder)
    take_out(leave, found(main, work), REF, message="x", ignored=False)
    return leave


def test_it_takes_the_folder_and_its_record(main: Sandbox, work: Sandbox, tmp_path: Path) -> None:
    main.git("worktree", "add", "--quiet", tmp_path / "stale")
    (tmp_path / "stale").rename(tmp_path / "moved")
    remove(main.repo, work.folder, saved(main, work))
    assert [tree.path.name for tree in list_worktrees(main.repo)] == [main.folder.name, "stale"]
    assert not going.has_rests(main.repo)


def test_the_last_worktree_takes_the_folder_of_their_records(main: Sandbox, work: Sandbox) -> None:
    remove(main.repo, work.folder, saved(main, work))
    assert not (main.folder / ".git/worktrees").exists()


def test_out_of_its_place_it_is_whole_and_comes_back(main: Sandbox, work: Sandbox) -> None:
    work.write("new")
    work.write("locked folder/file")
    (work.folder / "locked folder").chmod(0o500)
    work.folder.chmod(0o500)
    before = picture(work.folder)
    leave = out(main, work)
    assert not work.folder.exists()
    assert leave.place is not None
    assert (leave.place / "new").exists()
    for _ in range(2):
        leave.put_back()
        assert picture(work.folder) == before
        assert not leave.has(found(main, work).git_dir)
    assert found(main, work).locked == REASON
    assert work.folder.stat().st_mode & 0o777 == 0o500


def test_what_came_to_its_place_meanwhile_is_kept(main: Sandbox, work: Sandbox) -> None:
    before, leave = picture(work.folder), out(main, work)
    work.write("late")
    leave.put_back()
    assert picture(work.folder) == before
    assert (work.folder.with_name("work.aside") / "late").exists()


def test_each_step_may_be_taken_again(main: Sandbox, work: Sandbox) -> None:
    work.write("new")
    before = picture(work.folder)
    leave = out(main, work)
    take_out(leave, found(main, work), REF, message="x", ignored=False)
    assert leave.move_out() == leave.place
    for _ in range(2):
        leave.let_go()
        assert not leave.can_be_put_back
    assert going.has_rests(main.repo)
    for _ in range(2):
        going.delete_rests(main.repo)
    assert not going.has_rests(main.repo)
    snapshots.restore(main.repo, REF, work.folder)
    assert picture(work.folder) == before


def test_a_new_worktree_in_its_place_is_not_taken_for_it(main: Sandbox, work: Sandbox) -> None:
    leave = out(main, work)
    leave.let_go()
    main.git("worktree", "add", "--quiet", "-b", "mine", work.folder)
    leave.let_go()
    going.delete_rests(main.repo)
    assert found(main, work).branch == "mine"
    assert (work.folder / "README.md").exists()


def test_what_is_written_from_within_is_refused_and_named(main: Sandbox, work: Sandbox) -> None:
    with writing("date >>log.txt; date +%N >>log.txt", work.folder):
        with pytest.raises(RefusedError, match="is still being written") as told:
            remove(main.repo, work.folder, saved_again(main, work))
        assert told.value.detail == "log.txt"
        assert "sh (pid " in told.value.hint
    assert (work.folder / "log.txt").exists()
    assert found(main, work).locked == REASON


def saved_again(main: Sandbox, work: Sandbox) -> snapshots.Snapshot:
    """A stand-in: what is saved while it changes is never the last."""
    return saved(main, work)


def test_what_is_written_by_its_path_is_shut_out(main: Sandbox, work: Sandbox) -> None:
    with writing(f"date +%N >>'{work.folder}/log.txt'", Path("/")):
        leave = out(main, work)
    assert leave.place is not None
    kept = main.git("show", f"{REF}:work/log.txt")
    assert (leave.place / "log.txt").read_text().rstrip("\n") == kept


@pytest.mark.parametrize("change", ["edit", "new", "stage", "commit", "mode", "merge"])
def test_each_kind_of_change_is_seen(
    main: Sandbox, work: Sandbox, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where something changes between any two looks, nothing is removed."""
    work.write("README.md", "edited\n")
    count = 0
    original = snapshots.take_of

    def changing(repo: object, tree: Worktree, *args: object, **more: object) -> snapshots.Snapshot:
        nonlocal count
        taken = original(repo, tree, *args, **more)  # type: ignore[arg-type]
        count += 1
        _change(Sandbox(tree.path), tree, change, count)
        return taken

    monkeypatch.setattr(snapshots, "take_of", changing)
    leave = departure(main.repo, work.folder)
    with pytest.raises(RefusedError, match="is still being written"):
        take_out(leave, found(main, work), REF, message="x", ignored=False)
    leave.put_back()
    assert count == 3


def _change(work: Sandbox, tree: Worktree, change: str, count: int) -> None:
    env = {"GIT_DIR": str(tree.git_dir), "GIT_WORK_TREE": str(tree.path)}

    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=tree.path, env={**os.environ, **env}, check=True, capture_output=True)

    match change:
        case "edit":
            work.write("README.md", f"Edited {count}\n")
        case "new":
            work.write(f"new{count}", "")
        case "stage":
            work.write("README.md", f"staged {count}\n")
            git("add", "README.md")
        case "commit":
            git("commit", "--quiet", "--allow-empty", "-m", "x")
        case "mode":
            (tree.path / "README.md").chmod(0o755 if count % 2 else 0o644)
        case _:
            (tree.git_dir / "MERGE_MSG").write_text(f"{count}")


def test_an_unknown_folder_is_never_touched(main: Sandbox, work: Sandbox, tmp_path: Path) -> None:
    stranger = Sandbox(tmp_path / "stranger")
    stranger.write("file")
    assert find_worktree(main.repo, stranger.folder) is None
    with pytest.raises(RefusedError, match="main worktree"):
        take_out(departure(main.repo, main.folder), list_worktrees(main.repo)[0], REF, message="x", ignored=False)


def test_worktrees_inside_are_saved_and_come_back(main: Sandbox, work: Sandbox) -> None:
    main.write(".gitignore", ".claude/\n")
    main.commit()
    work.git("merge", "--quiet", "main")
    inner = Sandbox(work.folder / ".claude/worktrees/helper")
    work.git("worktree", "add", "--quiet", "-b", "helper", inner.folder)
    inner.write("committed")
    inner.commit("Work of a helper")
    inner.write("staged")
    inner.git("add", "staged")
    inner.write("loose")
    deeper = Sandbox(inner.folder / "deeper")
    inner.git("worktree", "add", "--quiet", "--detach", deeper.folder)
    deeper.write("alone")
    deeper.commit("On no branch")
    main.git("worktree", "lock", "--reason", "claude", inner.folder)
    places = [work.folder, inner.folder, deeper.folder]
    before = [picture(place) for place in places]
    told = remove(main.repo, work.folder, saved(main, work))
    assert [(each.path, each.locked) for each in told] == [
        (".claude/worktrees/helper", "claude"),
        (".claude/worktrees/helper/deeper", None),
    ]
    assert [tree.path for tree in list_worktrees(main.repo)] == [main.folder]
    main.git("reflog", "expire", "--expire=now", "--all")
    main.git("gc", "--quiet", "--prune=now")
    snapshots.restore(main.repo, REF, work.folder)
    for each in told:
        snapshots.restore(main.repo, each.ref, work.folder / each.path)
    assert [picture(place) for place in places] == before


def clone(work: Sandbox, name: str) -> Sandbox:
    """A clone in the worktree, in a folder that git ignores, of a repository outside of it."""
    source = work.folder.parent / "source"
    if not source.exists():
        source.mkdir()
        outside = Sandbox(source)
        outside.git("init", "--quiet", "-b", "main")
        outside.write("lib.txt")
        outside.commit()
    made = Sandbox(work.folder / "ignored" / name)
    made.folder.parent.mkdir(parents=True)
    made.git("clone", "--quiet", source, made.folder, cwd=work.folder)
    return made


def edit(sandbox: Sandbox) -> None:
    sandbox.write("lib.txt", "edited\n")


def commit(sandbox: Sandbox) -> None:
    edit(sandbox)
    sandbox.commit()


def stash(sandbox: Sandbox) -> None:
    edit(sandbox)
    sandbox.git("stash", "--quiet")


def alone(sandbox: Sandbox) -> None:
    commit(sandbox)
    sandbox.git("reset", "--quiet", "--hard", "origin/main")


def untracked(sandbox: Sandbox) -> None:
    sandbox.write("new")


def nothing(sandbox: Sandbox) -> None:
    pass


@pytest.mark.parametrize("done", [edit, commit, stash, alone, untracked, nothing])
def test_work_in_an_ignored_clone_is_saved(main: Sandbox, work: Sandbox, done: Callable[[Sandbox], None]) -> None:
    main.write(".git/info/exclude", "ignored/\n")
    inner = clone(work, "deep/lib")
    done(inner)
    (inner.folder.parent / "plain file").write_text("ignored, and not saved")
    before, refs = picture(inner.folder), inner.git("for-each-ref")
    remove(main.repo, work.folder, saved(main, work))
    snapshots.restore(main.repo, REF, work.folder)
    assert inner.folder.exists() is (done is not nothing)
    if done is not nothing:
        assert picture(inner.folder) == before
        assert inner.git("for-each-ref") == refs
        assert inner.git("fsck", "--no-dangling") == ""


def test_submodules_are_the_same_out_of_their_place(repo: MakeRepo, main: Sandbox, tmp_path: Path) -> None:
    library = repo("library")
    main.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.folder, "lib")
    main.commit()
    work = work_at(main, tmp_path / "with lib")
    Sandbox(work.folder / "lib").write("new")
    before = picture(work.folder)
    remove(main.repo, work.folder, saved(main, work))
    snapshots.restore(main.repo, REF, work.folder)
    assert picture(work.folder) == before


@pytest.mark.skipif(sys.platform != "linux", reason="only there the mounts can be read")
def test_on_another_disk_it_waits_beside_its_place(main: Sandbox, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        work = work_at(main, disk.folder / "work")
        work.write("new")
        before, leave = picture(work.folder), out(main, work)
        assert leave.place is not None
        assert leave.place.parent == disk.folder
        leave.put_back()
        assert picture(work.folder) == before
        remove(main.repo, work.folder, saved(main, work))
        assert sorted(path.name for path in disk.folder.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only there the mounts can be read")
def test_a_mount_in_it_refuses(main: Sandbox, work: Sandbox) -> None:
    with small_disk(work.folder / "my disk") as disk:
        (disk.folder / "file").write_text("a person's")
        with pytest.raises(RefusedError, match="is a mount") as told:
            remove(main.repo, work.folder, saved(main, work))
        assert told.value.hint.endswith(f"umount '{disk.folder}'")
        assert (disk.folder / "file").exists()


def test_links_are_not_followed(main: Sandbox, work: Sandbox, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "file").write_text("a person's")
    (work.folder / "link").symlink_to(documents)
    remove(main.repo, work.folder, saved(main, work))
    assert (documents / "file").exists()


def test_folders_that_can_not_be_written_are_deleted(main: Sandbox, work: Sandbox) -> None:
    work.write("cache/module/file")
    for folder in ("cache/module", "cache"):
        (work.folder / folder).chmod(0o500)
    remove(main.repo, work.folder, saved(main, work))
    assert not going.has_rests(main.repo)


def test_a_folder_that_is_gone_is_saved_as_its_index_has_it(main: Sandbox, work: Sandbox) -> None:
    work.write("staged", "staged\n")
    work.git("add", "staged")
    shutil.rmtree(work.folder)
    leave = out(main, work)
    assert leave.place is None
    leave.let_go()
    assert main.git("show", f"{REF}:work/staged") == "staged"
    assert [tree.path for tree in list_worktrees(main.repo)] == [main.folder]


def test_what_can_not_be_deleted_is_tried_again_only_when_wanted(
    main: Sandbox, work: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.write("file")
    leave = out(main, work)
    leave.let_go()
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        going.delete_rests(main.repo)
    stuck = leave.rest
    assert stuck in going.stuck_rests(main.repo)
    assert stuck is not None
    assert not going.has_rests(main.repo)
    going.delete_rests(main.repo)
    assert stuck.exists()
    going.delete_rests(main.repo, stuck=True)
    assert going.stuck_rests(main.repo) == []
