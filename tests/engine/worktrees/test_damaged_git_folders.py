"""A worktree whose own git folder is damaged is told, can be removed, restored and resumed, and loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from agentdeck.system.git.identity import ForeignError
from tests.support.decks import Bench

DAMAGE = {
    "HEAD is junk": ("HEAD", b"junk\n"),
    "HEAD is empty": ("HEAD", b""),
    "HEAD is gone": ("HEAD", None),
    "the index is junk": ("index", b"junk"),
    "the index is cut off": ("index", b"DIRC\0\0\0\2"),
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


def test_a_resume_mends_its_head(bench: Bench) -> None:
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-c", "git log -1 --format=%s")))
    view = deck.wait("one")
    assert view.agent.worktree is not None
    Path(view.agent.worktree.git_dir, "HEAD").write_text("junk")
    deck.resume("one")
    assert deck.wait("one").status.state is State.DONE
    assert deck.agent("one").where == "agentdeck/one"
