"""Whatever is done in a worktree, a snapshot brings it back."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdeck.system import snapshots, worktrees
from agentdeck.system.branches import BranchPlan
from tests.support.pictures import picture
from tests.support.repos import Sandbox, isolate

REF = "refs/agentdeck/trash/any/1"
PATHS = ["a.txt", "b.bin", "dir/a.txt", "dir/sub/c", "dir", "ünï\ncode", "x.log", ".gitignore", ".gitattributes"]
CONTENTS = [
    b"",
    b"a\nb\n",
    b"b\na\n",
    b"a\r\nb\r\n",
    b"a\r\nb\n",
    b"$Id$\n",
    bytes(range(256)),
    b"*.log\n",
    b"* text=auto\n",
    b"*.txt text eol=crlf\n*.bin -text ident\n",
]

Step = Callable[[Sandbox], object]


def clear(sandbox: Sandbox, path: str) -> Path:
    target = sandbox.folder / path
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    elif target.is_symlink() or target.exists():
        target.unlink()
    return target


def write(path: str, content: bytes) -> Step:
    def step(sandbox: Sandbox) -> None:
        if not (sandbox.folder / path).parent.is_dir():
            clear(sandbox, str(Path(path).parent))
        clear(sandbox, path)
        sandbox.write(path, content)

    return step


def link(path: str, aim: str) -> Step:
    return lambda sandbox: clear(sandbox, path).symlink_to(aim)


def mode(path: str, bits: int) -> Step:
    return lambda sandbox: (sandbox.folder / path).chmod(bits)


def folder(path: str) -> Step:
    return lambda sandbox: (sandbox.folder / path / "hollow").mkdir(parents=True)


def delete(path: str) -> Step:
    return lambda sandbox: clear(sandbox, path)


def git(*words: str) -> Step:
    return lambda sandbox: subprocess.run(["git", *words], cwd=sandbox.folder, capture_output=True, check=False)


paths = st.sampled_from(PATHS)
steps = st.one_of(
    st.builds(write, paths, st.sampled_from(CONTENTS)),
    st.builds(link, paths, st.sampled_from(["a.txt", "dir", "no/where"])),
    st.builds(mode, paths, st.sampled_from([0o755, 0o600, 0o644])),
    st.builds(folder, paths),
    st.builds(delete, paths),
    st.builds(lambda path: git("add", "--force", "--", path), paths),
    st.builds(lambda path: git("add", "--intent-to-add", "--", path), paths),
    st.builds(lambda path: git("rm", "--quiet", "-r", "--cached", "--", path), paths),
    st.builds(lambda path: git("update-index", "--assume-unchanged", "--", path), paths),
    st.builds(lambda path: git("update-index", "--skip-worktree", "--", path), paths),
    st.builds(lambda old, new: git("mv", "--", old, new), paths, paths),
    st.sampled_from(
        [
            git("add", "--all"),
            git("commit", "--quiet", "--message", "step"),
            git("reset", "--quiet"),
            git("stash", "--quiet"),
            git("merge", "--quiet", "side"),
            git("config", "core.autocrlf", "true"),
            git("checkout", "--quiet", "--detach"),
            Sandbox.settle,
        ]
    ),
)


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
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(done=st.lists(steps, min_size=1, max_size=12))
def test_any_work_comes_back_byte_for_byte(done: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder_, pytest.MonkeyPatch.context() as patch:
        top = Path(folder_)
        isolate(top / "home", patch)
        main, work = prepare(top)
        for step in done:
            with suppress(OSError):
                step(work)
        before = picture(work.folder)
        saved = snapshots.take(main.repo, work.folder, REF, message="x", ignored=True)
        assert picture(work.folder) == before
        worktrees.remove(main.repo, work.folder, saved)
        main.git("gc", "--quiet", "--prune=now")
        snapshots.restore(main.repo, REF, work.folder)
        assert picture(work.folder) == before
