"""kill -9 in the middle of a removal: it is given up with nothing changed, or finished and can be undone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Phase
from agentdeck.engine.views import StartRequest
from agentdeck.errors import RefusedError
from agentdeck.system.git import going
from tests.support.crash import crash
from tests.support.decks import Bench, bench_in, world_of
from tests.support.pictures import Picture, picture
from tests.support.share import EVERY

SHARES = 7
CONFIG = "[runner]\ngrace_interrupt = 0.3\ngrace_terminate = 0.3\n"


def places(bench: Bench) -> list[Path]:
    fix = bench.root / ".worktrees/fix"
    return [fix, fix / ".claude/worktrees/helper"]


def ended(bench: Bench) -> None:
    """An agent that has ended, with work, ignored files, and the worktree of a sub-agent with work."""
    deck = bench.deck()
    deck.start(StartRequest(name="fix", argv=("true",)))
    deck.wait("fix")
    outer, inner = places(bench)
    bench.write(".gitignore", "*.sqlite3\nnode_modules/\n.claude/\n", cwd=outer)
    bench.commit("Work", cwd=outer)
    bench.write("new ü.txt", "untracked\n", cwd=outer)
    bench.git("worktree", "add", "-q", "--detach", str(inner), cwd=outer)
    bench.write("of a helper.txt", "committed\n", cwd=inner)
    bench.commit("Work of a helper", cwd=inner)
    bench.write("loose.txt", "loose\n", cwd=inner)
    for number in range(20):
        bench.write(f"node_modules/{number}/index.js", "ignored\n", cwd=outer)


def pictures(bench: Bench) -> list[Picture]:
    """How the worktrees are, ignored files aside."""
    found = [picture(place) for place in places(bench)]
    return [
        Picture(each.status, each.index, {n: f for n, f in each.files.items() if not n.startswith("node_")}, each.head)
        for each in found
    ]


def assert_gone(bench: Bench) -> None:
    deck = bench.deck()
    assert deck.agents() == []
    assert bench.worktrees() == [str(bench.root)]
    assert list((bench.root / ".worktrees").iterdir()) == []
    assert not going.has_rests(world_of(deck).repo)


def clear(bench: Bench) -> None:
    bench.deck().remove("fix")
    for branch in bench.branches():
        if branch != "main":
            bench.git("branch", "-D", branch)
    assert_gone(bench)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("share", range(SHARES) if EVERY else [0])
def test_it_is_as_before_or_can_be_undone(share: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench_in(tmp_path, monkeypatch, config=CONFIG) as bench:
        ended(bench)
        steps = len(crash(bench.root, 0, "remove", "fix"))
        assert_gone(bench)
        bench.deck().undo()
        clear(bench)
        given_up = finished = 0
        for at in range(1 + share, steps + 1, SHARES):
            ended(bench)
            before = pictures(bench)
            crash(bench.root, at, "remove", "fix")
            deck = bench.deck()
            if deck.agents() and deck.agent("fix").agent.phase is not Phase.HELD:
                with pytest.raises(RefusedError, match="is being removed"):
                    deck.resume("fix")
            deck.repair()
            if deck.agents():
                assert deck.agent("fix").agent.phase is Phase.HELD
                assert (places(bench)[0] / "node_modules/7/index.js").exists()
                given_up += 1
            else:
                assert_gone(bench)
                bench.deck().undo()
                finished += 1
            assert pictures(bench) == before
            clear(bench)
        assert given_up
        assert finished


@pytest.mark.slow
def test_one_killed_while_files_go_is_finished(bench: Bench) -> None:
    ended(bench)
    before = pictures(bench)
    for _ in range(2):  # the first time makes folders, too
        effects = crash(bench.root, 0, "remove", "fix")
        bench.deck().undo()
    last = max(number for number, effect in enumerate(effects, 1) if effect.startswith("shutil.rmtree"))
    crash(bench.root, last, "remove", "fix")
    (rest,) = [path for path in (bench.root / ".git/agentdeck/going").iterdir() if (path / ".gitignore").exists()]
    (rest / ".gitignore").unlink()
    shutil.rmtree(rest / "src")
    assert going.has_rests(world_of(bench.deck()).repo)
    bench.deck().repair()
    assert_gone(bench)
    bench.deck().undo()
    assert pictures(bench) == before
