"""A hunk or a file is taken out of a worktree, nothing else with it, and an undo makes it again byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.core.merging.patch import FilePatch, PatchLine
from agentdeck.engine.records.steps import Steps
from agentdeck.engine.views.review import Scope
from agentdeck.errors import RefusedError
from agentdeck.system.git import patches
from tests.support.decks import Bench
from tests.support.finished import finished

LINES = [f"line {number}\n" for number in range(40)]


def worker(bench: Bench) -> Path:
    bench.write("long.txt", "".join(LINES))
    bench.commit("Long")
    worktree = finished(bench, "fix", {}).worktree
    assert worktree is not None
    return worktree


def changed(at: dict[int, str]) -> str:
    return "".join(at.get(number, line) for number, line in enumerate(LINES))


def file_of(bench: Bench, path: str, scope: Scope = Scope.ALL) -> FilePatch:
    diff = bench.deck().review.diff(bench.deck().agent("fix"), scope)
    return next(file for file in diff.files if file.path == path)


def hunks(file: FilePatch) -> list[tuple[PatchLine, ...]]:
    starts = [at for at, line in enumerate(file.lines) if line.kind == "@"]
    return [file.lines[begin:end] for begin, end in zip(starts, [*starts[1:], None], strict=True)]


def revert(bench: Bench, file: FilePatch, hunk: tuple[PatchLine, ...] = (), scope: Scope = Scope.ALL) -> None:
    bench.deck().review.revert(bench.deck().agent("fix"), scope, file, hunk)


def test_one_hunk_goes_and_comes_back(bench: Bench) -> None:
    worktree = worker(bench)
    both = changed({3: "three\r\n", 30: "thirty"})
    (worktree / "long.txt").write_bytes(both.encode())
    first, _ = hunks(file_of(bench, "long.txt"))
    revert(bench, file_of(bench, "long.txt"), first)
    assert (worktree / "long.txt").read_bytes() == changed({30: "thirty"}).encode()
    deck = bench.deck()
    assert deck.history.step().text == "reverted a change to long.txt of fix"
    deck.undo()
    assert (worktree / "long.txt").read_bytes() == both.encode()
    deck.undo(2)
    assert (worktree / "long.txt").read_bytes() == changed({30: "thirty"}).encode()
    revert(bench, file_of(bench, "long.txt"), hunks(file_of(bench, "long.txt"))[0])
    assert (worktree / "long.txt").read_text() == "".join(LINES)


@pytest.mark.parametrize("scope", [Scope.ALL, Scope.COMMITTED])
@pytest.mark.parametrize("kind", ["new", "gone", "moved", "binary", "mode"])
def test_a_whole_file_goes_and_comes_back(bench: Bench, kind: str, scope: Scope) -> None:
    worktree = worker(bench)
    path = {"new": "fresh.txt", "gone": "long.txt", "moved": "far.txt", "binary": "data", "mode": "long.txt"}[kind]
    if kind == "gone":
        (worktree / path).unlink()
    elif kind == "moved":
        (worktree / "long.txt").rename(worktree / path)
    elif kind == "mode":
        (worktree / path).chmod(0o755)
    else:
        (worktree / path).write_bytes(bytes(range(256)) if kind == "binary" else b"fresh")
    if scope is Scope.COMMITTED:
        bench.commit("All of it", cwd=worktree)
    before = state(worktree)
    revert(bench, file_of(bench, path, scope), scope=scope)
    assert state(worktree) == {"long.txt": (0o644, "".join(LINES).encode())}
    bench.deck().undo()
    assert state(worktree) == before


def state(worktree: Path) -> dict[str, tuple[int, bytes]]:
    names = ("long.txt", "fresh.txt", "far.txt", "data")
    found = [path for name in names if (path := worktree / name).exists()]
    return {path.name: (path.stat().st_mode & 0o755, path.read_bytes()) for path in found}


def test_what_changed_since_it_was_shown_is_not_touched(bench: Bench) -> None:
    worktree = worker(bench)
    (worktree / "long.txt").write_text(changed({3: "three\n"}))
    file = file_of(bench, "long.txt")
    now = changed({3: "three\n", 4: "four\n"})
    (worktree / "long.txt").write_text(now)
    with pytest.raises(RefusedError, match=r"long.txt has changed since you looked"):
        revert(bench, file, hunks(file)[0])
    assert (worktree / "long.txt").read_text() == now
    assert bench.deck().history.steps() == []


def test_a_committed_change_that_later_ones_lean_on_stays(bench: Bench) -> None:
    worktree = worker(bench)
    (worktree / "long.txt").write_text(changed({3: "three\n"}))
    bench.commit("Three", cwd=worktree)
    (worktree / "long.txt").write_text(changed({3: "drei\n"}))
    file = file_of(bench, "long.txt", Scope.COMMITTED)
    with pytest.raises(RefusedError, match="can't be taken out"):
        revert(bench, file, hunks(file)[0], Scope.COMMITTED)
    assert (worktree / "long.txt").read_text() == changed({3: "drei\n"})
    assert bench.deck().history.steps() == []


def test_an_undo_is_refused_where_the_place_is_another_one_and_the_change_is_kept(bench: Bench) -> None:
    worktree = worker(bench)
    (worktree / "long.txt").write_text(changed({3: "three\n"}))
    revert(bench, file_of(bench, "long.txt"))
    (worktree / "long.txt").write_text("other\n")
    with pytest.raises(RefusedError, match=r"long.txt of fix has changed since") as refused:
        bench.deck().undo()
    assert (worktree / "long.txt").read_text() == "other\n"
    assert "+three" in Path(refused.value.hint.removeprefix("The change is kept in ").removesuffix(".")).read_text()


@pytest.mark.parametrize("at", ["saved", "recorded", "written"])
def test_a_crash_loses_nothing_and_the_undo_is_true(bench: Bench, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    worktree = worker(bench)
    both = changed({3: "three\n", 30: "thirty\n"})
    (worktree / "long.txt").write_text(both)
    file = file_of(bench, "long.txt")
    real = patches.apply

    class Crash(BaseException):
        pass

    def dies(*args: object, check: bool = False, **options: object) -> str:
        if check:
            return real(*args, check=True, **options)  # type: ignore[arg-type]
        if at == "written":
            real(*args, **options)  # type: ignore[arg-type]
        raise Crash

    def stops(*args: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        if at == "saved":
            patch.setattr(Steps, "record", stops)
        patch.setattr(patches, "apply", dies)
        with pytest.raises(Crash):
            revert(bench, file, hunks(file)[0])
    now = (worktree / "long.txt").read_text()
    assert now == (changed({30: "thirty\n"}) if at == "written" else both)
    if at == "saved":
        assert bench.deck().history.steps() == []
    else:
        bench.deck().undo()
        assert (worktree / "long.txt").read_text() == both
