"""Whatever is done in an agent's worktree, and whatever is then done to the agent: an undo brings all of it back."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdeck.engine.deck import Deck
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.views import StartRequest
from agentdeck.errors import DeckError
from agentdeck.system.git.merges import Method
from tests.support.decks import Bench, bench_in
from tests.support.edits import Edit, edits
from tests.support.pictures import Picture, picture
from tests.support.repos import Sandbox
from tests.support.share import examples

CONFIG = "[trash]\nignored = true\n[worktree]\nsubmodules = false\n"


def submodule(sandbox: Sandbox) -> None:
    source = sandbox.folder.parents[2] / "library"
    line = ["git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "--", str(source), "library"]
    subprocess.run(line, cwd=sandbox.folder, capture_output=True, check=False)


def landing(**options: object) -> Callable[[Deck, str], object]:
    return lambda deck, name: deck.land(LandRequest((name,), **options))  # type: ignore[arg-type]


verbs = st.sampled_from(
    [
        lambda deck, name: deck.remove(name),
        lambda deck, name: deck.remove(name, keep_branch=True),
        landing(),
        landing(commit="", method=Method.SQUASH),
        landing(commit="Work"),
        landing(commit="Work", method=Method.REBASE),
        landing(commit="Work", method=Method.SQUASH, remove=True),
        landing(method=Method.FF_ONLY, remove=True),
        landing(commit="Work", remove=True),
        lambda deck, name: deck.history.prune(deck.history.stale()),
    ]
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with (
        pytest.MonkeyPatch.context() as patch,
        bench_in(tmp_path_factory.mktemp("undo"), patch, config=CONFIG) as bench,
    ):
        for name, program in {"clean": "tr a-z A-Z", "smudge": "tr A-Z a-z"}.items():
            bench.git("config", f"filter.caps.{name}", program)
        library = bench.root.parent / "library"
        library.mkdir()
        bench.git("init", "-q", cwd=library)
        bench.write("lib.txt", "lib\n", cwd=library)
        bench.commit("Library", cwd=library)
        for path in ("a.txt", "b.bin", "dir/a.txt"):
            bench.write(path, "a\nb\n")
        bench.commit("Files")
        bench.git("checkout", "-q", "-b", "side")
        bench.write("a.txt", "a\nside\n")
        bench.commit("Side")
        bench.git("checkout", "-q", "main")
        yield bench


def main_picture(bench: Bench) -> Picture:
    whole = picture(bench.root)
    # An edit may have told git to write other line ends from now on, also where it puts the base's files back.
    files = {
        name: (mode, content.replace(b"\r\n", b"\n"))
        for name, (mode, content) in whole.files.items()
        if not name.startswith(".worktrees")
    }
    return Picture(whole.status, whole.index, files, whole.head)


numbers = itertools.count()


@pytest.mark.slow
@pytest.mark.timeout(2000)
def test_any_destructive_act_can_be_undone(shared: Bench) -> None:
    made: list[bool] = []

    @settings(
        max_examples=examples(15),
        suppress_health_check=list(HealthCheck),
    )
    @given(done=st.lists(edits | st.just(submodule), max_size=10), act=verbs)
    def can_be_undone(done: list[Edit], act: Callable[[Deck, str], object]) -> None:
        made.append(_act_and_undo(shared, done, act))

    can_be_undone()
    assert sum(made) >= 0.1 * len(made), f"{sum(made)} of {len(made)} acts were not refused"


def _act_and_undo(shared: Bench, done: list[Edit], act: Callable[[Deck, str], object]) -> bool:
    """Whether there was something to undo: that the act was not refused."""
    deck, name = shared.deck(), f"w{next(numbers)}"
    view = deck.start(StartRequest(name=name, argv=("true",), base="main"))
    deck.wait(name)
    path = view.worktree
    assert isinstance(path, Path)
    for edit in done:
        with suppress(OSError):
            edit(Sandbox(path))
    before, main, steps = picture(path), main_picture(shared), len(deck.history.steps())
    tip = shared.git("rev-parse", "HEAD")
    try:
        with suppress(DeckError):
            act(deck, name)
        was_done = len(deck.history.steps()) > steps
        if was_done:
            deck.undo()
        assert picture(path) == before
        assert main_picture(shared) == main
        return was_done
    finally:
        with suppress(DeckError):
            deck.remove(name, stop=True)
        subprocess.run(["git", "config", "--unset-all", "core.autocrlf"], cwd=shared.root, check=False)
        shared.git("reset", "-q", "--hard", tip)
