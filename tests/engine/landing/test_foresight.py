"""A dry run says what the landing then does, and what it refuses is left as it was."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from agentdeck.core.agents.agent import State
from agentdeck.engine.records.landings import Entry, LandRequest, Stage
from agentdeck.engine.views import StartRequest
from agentdeck.system.git.merges import Method
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.pictures import picture
from tests.support.repos import Sandbox, isolate
from tests.support.retry import eventually
from tests.support.share import examples
from tests.support.workers import LINES, Workers, changed

numbers = itertools.count()
Change = Callable[[Sandbox], object]


def merge_with_a_conflict(tree: Sandbox) -> None:
    tree.git("switch", "-q", "-c", f"other-{next(numbers)}")
    tree.write("both", "1\n")
    tree.commit()
    tree.git("checkout", "-q", "-")
    tree.write("both", "2\n")
    tree.commit()
    tree.fails("merge", "-q", "@{-1}")


COMMITTED: dict[str, Change] = {
    "nothing": lambda tree: None,
    "a file": lambda tree: (tree.write("mine.txt"), tree.commit()),
    "the base's line": lambda tree: (tree.write("src/app.py", changed(3, "mine")), tree.commit()),
    "what the base did": lambda tree: (tree.write("src/app.py", changed(3, "base")), tree.commit()),
    "a repository": lambda tree: (tree.git("clone", "-q", ".", "linked"), tree.commit()),
    "a file, on no branch": lambda tree: (tree.git("switch", "-q", "--detach"), tree.write("m"), tree.commit()),
}
UNCOMMITTED: dict[str, Change] = {
    "nothing": lambda tree: None,
    "a new file": lambda tree: tree.write("new.txt"),
    "the base's line": lambda tree: tree.write("src/app.py", changed(3, "not committed")),
    "what the base did": lambda tree: tree.write("src/app.py", changed(3, "base")),
    "a staged line": lambda tree: (tree.write("src/app.py", changed(20, "staged")), tree.git("add", "src/app.py")),
    "a removed file": lambda tree: (tree.folder / "src/other ünï.py").unlink(),
    "an ignored file": lambda tree: tree.write("build.log"),
    "a repository": lambda tree: tree.git("clone", "-q", ".", "inside"),
    "a repository without a commit": lambda tree: tree.git("init", "-q", "begun"),
    "a staged repository": lambda tree: (tree.git("clone", "-q", ".", "inside"), tree.git("add", "inside")),
    "a merge with a conflict": merge_with_a_conflict,
    "a rebase that was begun": lambda tree: tree.fails("rebase", "-q", "--exec", "false", "HEAD~1"),
}
BASE: dict[str, Change] = {
    "as it was": lambda main: None,
    "another file": lambda main: (main.write("base.txt"), main.commit()),
    "the line": lambda main: (main.write("src/app.py", changed(3, "base")), main.commit()),
    "changes in the way": lambda main: [main.write(path, "in the way\n") for path in ("new.txt", "mine.txt")],
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    top = tmp_path_factory.mktemp("foresight")
    with pytest.MonkeyPatch.context() as patch:
        isolate(top / "home", patch)
        patch.setenv("XDG_STATE_HOME", str(top / "state"))
        main = Sandbox(top / "prøject one")
        main.folder.mkdir()
        main.git("init", "--quiet")
        main.write("src/app.py", LINES)
        main.write("src/other ünï.py", "other\n")
        main.write(".gitignore", "*.log\n.worktrees/\n")
        main.commit()
        main.git("commit", "-q", "--allow-empty", "-m", "second")
        yield Workers(main)


def seen(entry: Entry) -> Entry:
    """The entry without what only a landing that was carried out has."""
    stage = Stage.LANDED if entry.stage is Stage.WOULD_LAND else entry.stage
    return replace(entry, stage=stage, new="", tip="", step=0, parts=(), gate="")


@pytest.mark.timeout(600)
@settings(max_examples=examples(12), suppress_health_check=list(HealthCheck))
@given(
    committed=st.sampled_from([*COMMITTED]),
    uncommitted=st.sampled_from([*UNCOMMITTED]),
    base=st.sampled_from([*BASE]),
    method=st.sampled_from(list(Method)),
    commit=st.sampled_from([True, True, True, False]),
)
@example("nothing", "a new file", "as it was", Method.MERGE, True)
@example("a file", "the base's line", "the line", Method.MERGE, True)
@example("a file", "a new file", "changes in the way", Method.SQUASH, True)
@example("nothing", "a repository", "as it was", Method.MERGE, True)
@example("nothing", "what the base did", "the line", Method.MERGE, True)
@example("a file", "a merge with a conflict", "as it was", Method.MERGE, True)
def test_a_dry_run_is_right(
    shared: Workers, committed: str, uncommitted: str, base: str, method: Method, commit: bool
) -> None:
    main, name = shared.main, f"agent-{next(numbers)}"
    main.git("checkout", "-q", "-b", f"base-{name}", "main")
    tree = shared.add(name, f"base-{name}")
    try:
        COMMITTED[committed](tree)
        UNCOMMITTED[uncommitted](tree)
        BASE[base](main)
        request = LandRequest((name,), method=method, commit="" if commit else None)
        before, refs = picture(tree.folder), main.git("show-ref")
        objects = main.git("count-objects", "-v")
        told = shared.deck.land(replace(request, dry_run=True)).entry(name)
        assert (picture(tree.folder), main.git("show-ref")) == (before, refs)
        assert main.git("count-objects", "-v") == objects
        done = shared.deck.land(request).entry(name)
        assert seen(told) == seen(done)
        if done.exit_code:
            assert (picture(tree.folder), main.git("show-ref")) == (before, refs), "a refusal changes nothing"
        event(f"{done.stage}: {' '.join(done.reason.split()[:4])}")
    finally:
        main.git("reset", "-q", "--hard")
        main.git("clean", "-qfd", "-e", ".worktrees")
        main.git("checkout", "-q", "main")
        shared.deck.store.delete_agent(name)


def running(bench: Bench, script: str) -> Path:
    """An agent that works on after `script`."""
    line = f"{script} && touch ready && exec sleep 1000"
    view = bench.deck().start(StartRequest(name="fix", argv=("sh", "-c", line)))
    assert view.worktree is not None
    eventually((view.worktree / "ready").exists)
    return view.worktree


@pytest.mark.parametrize("batch", [False, True])
def test_what_conflicts_is_neither_stopped_nor_committed(bench: Bench, batch: bool) -> None:
    finished(bench, "other", {"other.txt": "1\n"})
    tree = running(bench, "echo mine > README.md")
    bench.write("README.md", "theirs\n")
    bench.commit("Theirs")
    before, deck = picture(tree), bench.deck()
    landing = deck.land(LandRequest(("fix", "other"), commit="", stop=True, batch=batch))
    entry = landing.entry("fix")
    assert "it conflicts with main in README.md" in entry.reason
    assert "“agentdeck merge --stop --commit --resolve fix”" in entry.hint
    assert (deck.agent("fix").alive, picture(tree)) == (True, before)
    assert landing.entry("other").stage is Stage.LANDED
    bench.git("reset", "-q", "--hard", "HEAD~2")
    told = deck.land(LandRequest(("fix",), commit="", stop=True, dry_run=True)).entry("fix")
    assert (told.stage, deck.agent("fix").alive, picture(tree)) == (Stage.WOULD_LAND, True, before)
    assert deck.land(LandRequest(("fix",), commit="", stop=True)).entry("fix").stage is Stage.LANDED
    assert (deck.agent("fix").alive, deck.agent("fix").state) == (False, State.LANDED)
    assert (bench.root / "README.md").read_text() == "mine\n"


def test_what_begins_to_conflict_as_it_is_stopped_is_not_committed(bench: Bench) -> None:
    script = "trap 'echo mine > README.md; exit' INT TERM; touch ready; while :; do sleep 0.05; done"
    view = bench.deck().start(StartRequest(name="fix", argv=("sh", "-c", f"echo 1 > a; {script}")))
    assert view.worktree is not None
    eventually((view.worktree / "ready").exists)
    bench.write("README.md", "theirs\n")
    bench.commit("Theirs")
    head = bench.git("rev-parse", view.branch)
    entry = bench.deck().land(LandRequest(("fix",), commit="", stop=True)).entry("fix")
    assert "it conflicts with main in README.md" in entry.reason
    assert bench.git("rev-parse", view.branch) == head
    assert not bench.deck().agent("fix").alive
