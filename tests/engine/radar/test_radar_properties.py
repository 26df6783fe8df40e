"""Whatever two agents do in their worktrees, the radar says of it what git's own merge says afterwards."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from agentdeck.core.merging.radar import Pair, Verdict
from tests.support.edits import Edit, edits, git
from tests.support.repos import Sandbox, isolate
from tests.support.share import examples
from tests.support.workers import Workers

numbers = itertools.count()
FILES = ["a.txt", "dir/a.txt"]


def line(path: str, at: int, text: str) -> Edit:
    """Change one line, as two people do in one file."""

    def step(sandbox: Sandbox) -> None:
        lines = (sandbox.folder / path).read_bytes().splitlines()
        lines[at : at + 1] = [text.encode()]
        sandbox.write(path, b"\n".join(lines) + b"\n")

    return step


files, texts = st.sampled_from(FILES), st.sampled_from(["x", "y", "a longer line"])
moves = st.sampled_from([git("mv", "dir", "moved"), git("mv", "a.txt", "dir/b.txt"), git("rm", "-q", "dir/a.txt")])
lines = st.builds(line, files, st.integers(0, 7), texts)
# Random edits alone would rarely meet.
works = st.lists(st.booleans().flatmap(lambda meets: lines | moves if meets else edits), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    top = tmp_path_factory.mktemp("radar")
    with pytest.MonkeyPatch.context() as patch:
        isolate(top / "home", patch)
        main = Sandbox(top / "prøject one")
        main.folder.mkdir()
        main.git("init", "--quiet")
        for path in ("a.txt", "b.bin", "dir/a.txt"):
            main.write(path, "".join(f"{line}\n" for line in "abcdefgh"))
        main.commit()
        main.git("checkout", "--quiet", "-b", "side")
        main.write("a.txt", "a\nside\n")
        main.commit()
        main.git("checkout", "--quiet", "main")
        yield Workers(main)


def committed(worktree: Sandbox) -> str:
    """The commit that git itself makes of all that the worktree holds."""
    worktree.git("add", "--all")
    subprocess.run(
        ["git", "commit", "-q", "--no-edit", "-m", "all"], cwd=worktree.folder, capture_output=True, check=False
    )
    return worktree.git("rev-parse", "HEAD")


def merged(main: Sandbox, ours: str, theirs: str) -> set[str] | None:
    """The paths that git merge stops at; None where it does not."""
    path = main.folder.parent / f"merge {next(numbers)}"
    main.git("worktree", "add", "-q", "--detach", path, ours)
    try:
        done = subprocess.run(["git", "merge", "-q", "--no-edit", theirs], cwd=path, capture_output=True, check=False)
        if done.returncode == 0:
            return None
        lines = main.git("ls-files", "--unmerged", "-z", cwd=path).split("\0")
        return {line.partition("\t")[2].partition("~")[0] for line in lines if line}
    finally:
        main.git("worktree", "remove", "--force", path)


def check(pair: Pair, truth: set[str] | None) -> None:
    if truth is None:
        assert pair.verdict is not Verdict.CONFLICTS, pair
    else:
        assert pair.verdict is Verdict.CONFLICTS
        assert {conflict.path.partition("~")[0] for conflict in pair.conflicts} == truth
    event(str(pair.verdict))


@pytest.mark.slow
@pytest.mark.timeout(400)
@settings(max_examples=examples(20), suppress_health_check=list(HealthCheck))
@given(first=works, second=works)
def test_it_agrees_with_git_merge(shared: Workers, first: list[Edit], second: list[Edit]) -> None:
    number = next(numbers)
    names = (f"one-{number}", f"two-{number}")
    trees = [shared.add(name) for name in names]
    main = shared.main
    try:
        for tree, done in zip(trees, (first, second), strict=True):
            for edit in done:
                with suppress(OSError):
                    edit(tree)
        report = shared.scan()
        assert set(report.problems) <= set(names)
        if report.problems:
            event("problem")
            assert all("is not resolved" in text for text in report.problems.values()), report.problems
            return
        one, two = (committed(tree) for tree in trees)
        (pair,) = report.pairs
        check(pair, merged(main, one, two))
        for against_base, tip in zip(report.base, (one, two), strict=True):
            check(against_base, merged(main, tip, "main"))
    finally:
        for name, tree in zip(names, trees, strict=True):
            shared.deck.store.delete_agent(name)
            main.git("worktree", "remove", "--force", "--force", tree.folder)
            main.git("branch", "-q", "-D", f"agentdeck/{name}")
        subprocess.run(["git", "config", "--unset-all", "core.autocrlf"], cwd=main.folder, check=False)
