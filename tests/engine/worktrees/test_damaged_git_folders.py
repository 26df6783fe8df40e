"""A worktree whose own git folder is damaged is told, can be removed, restored and resumed, and loses nothing."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from agentdeck.errors import GitError
from agentdeck.system.git import worktrees
from agentdeck.system.git.branches import BranchPlan
from agentdeck.system.git.identity import ForeignError
from agentdeck.system.git.repository import Repository
from tests.support.cli import agentdeck
from tests.support.decks import Bench

DAMAGE = {
    "HEAD is junk": ("HEAD", b"junk\n"),
    "HEAD is empty": ("HEAD", b""),
    "HEAD is gone": ("HEAD", None),
    "HEAD is a null commit": ("HEAD", b"0" * 40 + b"\n"),
    "the index is junk": ("index", b"junk"),
    "the index is cut off": ("index", b"DIRC\0\0\0\2"),
    "the index is cut off in an entry": ("index", b"DIRC\0\0\0\2\0\0\0\5" + b"\7" * 32),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_it_is_removed_and_restored(bench: Bench, what: str) -> None:
    deck = bench.deck()
    script = "git commit -q --allow-empty -m work; echo loose > loose.txt; echo more > 'a file'; git add 'a file'"
    deck.start(StartRequest(name="one", argv=("sh", "-c", script)))
    view = deck.wait("one")
    assert view.status.state is State.DONE
    assert view.agent.worktree is not None
    name, content = DAMAGE[what]
    file = Path(view.agent.worktree.git_dir, name)
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    if name == "HEAD":
        with pytest.raises(ForeignError, match="its HEAD is damaged"):
            deck.review.text("one")
    deck.remove("one")
    assert deck.agents() == []
    deck.undo()
    worktree = Path(view.agent.worktree.path)
    assert (worktree / "loose.txt").read_text() == "loose\n"
    assert (worktree / "a file").read_text() == "more\n"
    assert bench.git("log", "-1", "--format=%s", "agentdeck/one") == "work"
    assert bench.git("status", "--porcelain", cwd=worktree)
    bench.git("fsck", "--strict")


def test_a_start_whose_git_was_killed_while_it_made_the_worktree_is_rolled_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = worktrees._register

    def killed(repo: Repository, path: Path, plan: BranchPlan, *, reason: str, force: bool) -> None:
        made(repo, path, plan, reason, force=force)
        (repo.common / "worktrees" / path.name / "HEAD").write_text("0" * 40 + "\n")
        raise GitError("killed")

    monkeypatch.setattr(worktrees, "_register", lambda *given, force: killed(*given[:3], reason=given[3], force=force))
    with pytest.raises(GitError):
        bench.deck().start(StartRequest(name="one", argv=("true",)))
    assert bench.deck().agents() == []
    assert bench.worktrees() == [str(bench.root)]
    assert bench.branches() == ["main"]
    bench.git("fsck", "--strict")


@pytest.mark.parametrize(
    "name", ["HEAD", "index", "gitdir", "commondir", "logs", "MERGE_HEAD", "config.worktree", ".gitignore"]
)
def test_a_fifo_in_it_keeps_nobody_waiting(bench: Bench, name: str) -> None:
    deck = bench.deck()
    place = "$PWD" if name == ".gitignore" else "$(git rev-parse --git-dir)"
    made = f'g={place}/{name}; rm -rf "$g"; mkfifo "$g"; echo loose > loose.txt'
    deck.start(StartRequest(name="one", argv=("sh", "-c", made)))
    view = deck.wait("one")
    assert view.status.state in (State.DONE, State.FAILED)
    with contextlib.suppress(ForeignError):
        deck.review.text("one")
    bench.deck().remove("one")
    if name not in ("gitdir", "commondir"):  # then its folder is no worktree any more, and stays
        deck.undo()
    assert view.agent.worktree is not None
    assert Path(view.agent.worktree.path, "loose.txt").read_text() == "loose\n"
    bench.git("fsck", "--strict")


@pytest.mark.parametrize(
    "name", ["status.json", "agent.json", "events.jsonl", "session.cast", "activity.json", "orders.json"]
)
def test_a_fifo_in_the_deck_s_state_keeps_nobody_waiting(bench: Bench, name: str) -> None:
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("true",)))
    deck.wait("one")
    folder = deck.store.agent_folder("one")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    for verb in (["ls"], ["logs", "one"], ["show", "one"], ["doctor"], ["rm", "one"]):
        done = agentdeck(*verb, cwd=bench.root, timeout=30)
        assert done.returncode in range(8), done.stderr


def test_a_resume_mends_its_head(bench: Bench) -> None:
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-c", "git log -1 --format=%s")))
    view = deck.wait("one")
    assert view.agent.worktree is not None
    Path(view.agent.worktree.git_dir, "HEAD").write_text("junk")
    deck.resume("one")
    assert deck.wait("one").status.state is State.DONE
    assert deck.agent("one").where == "agentdeck/one"
