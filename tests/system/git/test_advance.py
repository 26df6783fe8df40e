"""A branch moves by compare-and-swap, the worktree that has it follows, and a kill leaves nothing between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentdeck.errors import BusyError, RefusedError
from agentdeck.system.git import advance, bases, following
from agentdeck.system.git.bases import Move, MovedError
from tests.support.repos import MakeRepo, Sandbox

TREE = Path(__file__).parents[3]


def with_next(sandbox: Sandbox) -> Move:
    """A second commit that adds, changes and deletes files, on no branch; main stays at the first."""
    for name in ("keep.txt", "change me.txt", "delete/deep/gone.txt", "ünrelated.txt"):
        sandbox.write(name, f"{name}\n")
    old = sandbox.commit("before")
    sandbox.git("checkout", "--quiet", "--detach")
    sandbox.write("change me.txt", "changed\n")
    sandbox.write("new/öne.txt", "new\n")
    sandbox.write("run.sh", "#!/bin/sh\n", mode=0o755)
    sandbox.git("rm", "-q", "delete/deep/gone.txt")
    new = sandbox.commit("after")
    sandbox.git("checkout", "--quiet", "main")
    return Move("main", old, new)


def test_a_branch_that_nobody_has_checked_out_moves_alone(repo: MakeRepo) -> None:
    sandbox = repo()
    move = with_next(sandbox)
    sandbox.git("checkout", "--quiet", "--detach")
    advance.advance(sandbox.repo, move, "agentdeck: test")
    assert sandbox.git("rev-parse", "main") == move.new
    assert sandbox.git("rev-parse", "HEAD") == move.old
    assert "agentdeck: test" in sandbox.git("reflog", "main")


def test_the_worktree_that_has_it_follows_and_keeps_its_other_changes(repo: MakeRepo) -> None:
    sandbox = repo()
    move = with_next(sandbox)
    sandbox.write("keep.txt", "mine\n")
    sandbox.write("ünrelated.txt", "staged\n")
    sandbox.git("add", "ünrelated.txt")
    sandbox.write("untracked.txt")
    advance.advance(sandbox.repo, move, "agentdeck: test")
    assert sandbox.git("rev-parse", "HEAD") == move.new
    assert sandbox.git("-c", "core.quotePath=false", "status", "--porcelain").splitlines() == [
        " M keep.txt",
        "M  ünrelated.txt",
        "?? untracked.txt",
    ]
    assert not (sandbox.folder / "delete").exists()
    assert os.access(sandbox.folder / "run.sh", os.X_OK)
    assert "agentdeck: test" in sandbox.git("reflog", "HEAD")
    advance.advance(sandbox.repo, move, "again")


@pytest.mark.parametrize("how", ["unstaged", "staged", "untracked", "ignored"])
def test_changes_that_it_would_touch_stop_it_with_nothing_changed(repo: MakeRepo, how: str) -> None:
    sandbox = repo()
    move = with_next(sandbox)
    if how in ("unstaged", "staged"):
        sandbox.write("change me.txt", "mine\n")
    else:
        sandbox.write("new/öne.txt", "mine\n")
    if how == "staged":
        sandbox.git("add", "change me.txt")
    if how == "ignored":
        sandbox.write(".git/info/exclude", "new/\n")
    before = sandbox.git("status", "--porcelain=v2", "--ignored")
    with pytest.raises(RefusedError, match="main"):
        advance.check(sandbox.repo, move)
    with pytest.raises(RefusedError, match="main"):
        advance.advance(sandbox.repo, move, "test")
    assert sandbox.git("status", "--porcelain=v2", "--ignored") == before
    assert sandbox.git("rev-parse", "main") == move.old
    assert not (sandbox.folder / ".git/index.lock").exists()
    assert bases.left(sandbox.repo.common, bases.MOVE) == []


def test_a_file_that_was_only_touched_is_no_change(repo: MakeRepo) -> None:
    sandbox = repo()
    move = with_next(sandbox)
    sandbox.settle()
    os.utime(sandbox.folder / "change me.txt")
    advance.check(sandbox.repo, move)
    advance.advance(sandbox.repo, move, "test")
    assert sandbox.git("rev-parse", "main") == move.new
    assert sandbox.git("status", "--porcelain") == ""


def test_a_branch_that_is_elsewhere_by_now_is_left(repo: MakeRepo) -> None:
    sandbox = repo()
    move = with_next(sandbox)
    other = sandbox.commit("someone else's")
    with pytest.raises(MovedError):
        advance.advance(sandbox.repo, move, "test")
    assert sandbox.git("rev-parse", "main") == other


def test_a_merge_or_a_rebase_under_way_stops_it(repo: MakeRepo) -> None:
    sandbox = repo()
    move = with_next(sandbox)
    sandbox.git("branch", "other", "main^")
    sandbox.git("checkout", "-q", "other")
    sandbox.write("keep.txt", "conflicting\n")
    sandbox.commit("other")
    sandbox.git("checkout", "-q", "main")
    sandbox.fails("merge", "other")
    with pytest.raises(RefusedError, match="merge of main is under way"):
        advance.advance(sandbox.repo, move, "test")
    sandbox.git("merge", "--abort")
    sandbox.fails("rebase", "other")
    with pytest.raises(RefusedError, match="rebase of main is under way"):
        advance.advance(sandbox.repo, move, "test")


def test_a_hook_that_refuses_the_ref_leaves_files_and_index_as_they_were(repo: MakeRepo) -> None:
    sandbox = repo()
    move = with_next(sandbox)
    hook = "#!/bin/sh\n[ $1 != prepared ] || { echo 'main is frozen' >&2; exit 1; }\n"
    sandbox.write(".git/hooks/reference-transaction", hook, mode=0o755)
    with pytest.raises(RefusedError) as caught:
        advance.advance(sandbox.repo, move, "test")
    assert "main is frozen" in caught.value.detail
    assert sandbox.git("rev-parse", "main") == move.old
    assert sandbox.git("status", "--porcelain") == ""


def test_another_gits_lock_is_waited_for_and_never_broken(repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = repo()
    move = with_next(sandbox)
    monkeypatch.setattr(following, "_PATIENCE", 0.2)
    lock = sandbox.write(".git/index.lock", "")
    with pytest.raises(BusyError):
        advance.advance(sandbox.repo, move, "test")
    assert lock.exists()
    assert bases.left(sandbox.repo.common, bases.MOVE) == []


def test_a_lock_that_another_git_takes_while_all_is_put_back_stays_its_own(repo: MakeRepo) -> None:
    sandbox = repo()
    move = with_next(sandbox)
    sandbox.write(".git/hooks/reference-transaction", "#!/bin/sh\n[ $1 != prepared ]\n", mode=0o755)
    # git runs this one at the end of the checkout that puts the files back.
    sandbox.write(".git/hooks/post-checkout", "#!/bin/sh\necho theirs > .git/index.lock\n", mode=0o755)
    with pytest.raises(RefusedError, match="can't be moved"):
        advance.advance(sandbox.repo, move, "test")
    assert (sandbox.folder / ".git/index.lock").read_text() == "theirs\n"


KILLED = """
import os, signal, sys
from pathlib import Path
from agentdeck.system.git import advance, bases
from agentdeck.system.git.repository import Repository
fatal, seen = int(sys.argv[1]), 0
EFFECTS = {"subprocess.Popen", "os.rename", "os.remove", "os.link", "open"}
def watch(event, args):
    global seen
    if event in EFFECTS and (event != "open" or args[2] & (os.O_CREAT | os.O_WRONLY)):
        seen += 1
        if seen == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
repo = Repository.find(Path(sys.argv[2]))
sys.addaudithook(watch)
with bases.holding(repo, "main"):
    advance.advance(repo, bases.Move("main", *sys.argv[3:5]), "test")
print(seen)
"""


def killed(sandbox: Sandbox, move: Move, fatal: int) -> str:
    argv = [sys.executable, "-c", KILLED, str(fatal), str(sandbox.folder), move.old, move.new]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=TREE, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_a_move_killed_at_any_step_is_settled_to_old_or_new(repo: MakeRepo) -> None:
    sandbox = repo()
    move = with_next(sandbox)
    sandbox.write("keep.txt", "mine\n")
    sandbox.write("untracked.txt")
    begun = sandbox.git("status", "--porcelain")
    steps = int(killed(sandbox, move, 0))
    assert steps > 10
    ends = set()
    for fatal in range(1, steps + 1):
        advance.advance(sandbox.repo, Move("main", sandbox.git("rev-parse", "main"), move.old), "back")
        killed(sandbox, move, fatal)
        at = sandbox.git("rev-parse", "main")
        assert at in (move.old, move.new)
        for settled in advance.settle(sandbox.repo):
            assert settled.saved == ""
            assert settled.done == (at == move.new)
        assert sandbox.git("rev-parse", "main") == at
        assert sandbox.git("status", "--porcelain") == begun
        assert bases.left(sandbox.repo.common, bases.MOVE) == []
        assert not list((sandbox.folder / ".git").glob("*.lock"))
        ends.add(at)
    assert ends == {move.old, move.new}


def test_what_someone_wrote_after_the_crash_is_saved_before_it_is_settled(repo: MakeRepo) -> None:
    sandbox = repo()
    move = with_next(sandbox)
    steps = int(killed(sandbox, move, 0))
    advance.advance(sandbox.repo, Move("main", move.new, move.old), "back")
    for fatal in range(steps, 0, -1):
        killed(sandbox, move, fatal)
        if bases.left(sandbox.repo.common, bases.MOVE):
            break
        advance.advance(sandbox.repo, Move("main", sandbox.git("rev-parse", "main"), move.old), "back")
    sandbox.write("change me.txt", "written after the crash\n")
    (settled,) = advance.settle(sandbox.repo)
    assert settled.saved
    assert sandbox.git("show", f"{settled.saved}:work/change me.txt") == "written after the crash"
    assert sandbox.git("status", "--porcelain") == ""
