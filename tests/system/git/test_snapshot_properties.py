"""Whatever is done in a worktree, a snapshot brings it back."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdeck.system.git import snapshots, worktrees
from agentdeck.system.git.branches import BranchPlan
from tests.support.edits import Edit, edits
from tests.support.leaving import remove
from tests.support.pictures import picture
from tests.support.repos import Sandbox, isolate
from tests.support.share import examples

REF = "refs/agentdeck/trash/any/1"


def prepare(top: Path) -> tuple[Sandbox, Sandbox]:
    main, work = Sandbox(top / "main"), Sandbox(top / "work")
    main.folder.mkdir()
    main.git("init", "--quiet")
    for path in ("a.txt", "b.bin", "dir/a.txt"):
        main.write(path, "a\nb\n")
    start = main.commit()
    main.git("checkout", "--quiet", "-b", "side")
    main.write("a.txt", "a\nside\n")
    main.commit()
    plan = BranchPlan("work", "main", start, create=True)
    worktrees.add(main.repo, work.folder, plan, reason="agentdeck agent any")
    return main, work


@pytest.mark.slow
@settings(max_examples=examples(15), suppress_health_check=list(HealthCheck))
@given(done=st.lists(edits, min_size=1, max_size=12))
def test_any_work_comes_back_byte_for_byte(done: list[Edit]) -> None:
    with tempfile.TemporaryDirectory() as folder_, pytest.MonkeyPatch.context() as patch:
        top = Path(folder_)
        isolate(top / "home", patch)
        main, work = prepare(top)
        for edit in done:
            with suppress(OSError):
                edit(work)
        before = picture(work.folder)
        saved = snapshots.take(main.repo, work.folder, REF, message="x", ignored=True)
        assert picture(work.folder) == before
        remove(main.repo, work.folder, saved)
        main.git("gc", "--quiet", "--prune=now")
        snapshots.restore(main.repo, REF, work.folder)
        assert picture(work.folder) == before


@pytest.mark.slow
@settings(max_examples=examples(10), suppress_health_check=list(HealthCheck))
@given(outside=st.lists(edits, max_size=6), inside=st.lists(edits, min_size=1, max_size=6))
def test_any_work_in_a_worktree_inside_comes_back_too(outside: list[Edit], inside: list[Edit]) -> None:
    with tempfile.TemporaryDirectory() as folder_, pytest.MonkeyPatch.context() as patch:
        top = Path(folder_)
        isolate(top / "home", patch)
        main, work = prepare(top)
        inner = Sandbox(work.folder / "a folder/inner")
        main.git("worktree", "add", "--quiet", "-b", "inner", inner.folder)
        for sandbox, done in ((work, outside), (inner, inside)):
            for edit in done:
                with suppress(OSError):
                    edit(sandbox)
        if not (inner.folder / ".git").is_file():
            return  # an edit took it away
        places = (work.folder, inner.folder)
        before = [picture(place) for place in places]
        saved = snapshots.take(main.repo, work.folder, REF, message="x", ignored=True)
        told = remove(main.repo, work.folder, saved)
        main.git("gc", "--quiet", "--prune=now")
        snapshots.restore(main.repo, REF, work.folder)
        for each in told:
            snapshots.restore(main.repo, each.ref, work.folder / each.path)
        assert [picture(place) for place in places] == before
