"""Git's less usual kinds in a box: they work, or are refused before anything is made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.errors import RefusedError
from tests.support.boxes import skip_without_box
from tests.support.decks import Bench
from tests.support.retry import eventually


@pytest.fixture(autouse=True)
def can_make_boxes() -> None:
    skip_without_box(alone=True)


def ran(bench: Bench, script: str) -> AgentView:
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-ec", script), box="full"))
    eventually(lambda: not deck.agent("one").alive, 60)
    assert deck.agent("one").status.state is State.DONE, [line.text for line in deck.log_lines("one")]
    return deck.agent("one")


def test_a_sparse_worktree(bench: Bench) -> None:
    bench.write("big/file", "big")
    bench.commit()
    bench.git("sparse-checkout", "set", "src")
    ran(
        bench,
        "test -e src/app.py; echo 2 >> src/app.py; git commit -qam two",
    )
    bench.deck().land(LandRequest(("one",)))
    assert bench.git("show", "main:big/file") == "big"
    assert bench.git("show", "main:src/app.py").endswith("2")


def test_large_files(bench: Bench) -> None:
    if shutil.which("git-lfs") is None:
        pytest.skip("git-lfs is not installed")
    bench.git("lfs", "install", "--local")
    bench.git("lfs", "track", "*.bin")
    bench.write("old.bin", "old")
    bench.commit()
    forged = "a" * 64
    script = f'd="$(git rev-parse --git-common-dir)/lfs/objects/aa/aa"; mkdir -p "$d"; echo bad > "$d/{forged}"; '
    view = ran(bench, script + "grep -qx old old.bin; echo new > new.bin; git add new.bin; git commit -qm new")
    assert "git-lfs" in bench.git("show", f"{view.branch}:new.bin")
    bench.deck().land(LandRequest(("one",)))
    assert (bench.root / "new.bin").read_text() == "new\n"
    assert not list((bench.root / ".git/lfs/objects").rglob(forged))


def test_refs_in_tables_are_refused(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from agentdeck.engine.box import boxes

    monkeypatch.setattr(boxes, "keeps_refs_in_tables", lambda repo: True)  # this git may be too old to make one
    with pytest.raises(RefusedError, match="reftable"):
        bench.deck().start(StartRequest(name="one", argv=("true",), box="full"))
    assert bench.deck().agents() == []
    assert bench.worktrees() == [str(bench.root)]
