"""Random edits of a worktree, as people and agents make them: staged, unstaged, untracked, renamed, deleted, binary,
links, permissions, filters, a merge in progress."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

from tests.support.repos import Sandbox

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
    b"*.txt filter=caps\n",
]

Edit = Callable[[Sandbox], object]


def clear(sandbox: Sandbox, path: str) -> Path:
    target = sandbox.folder / path
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    elif target.is_symlink() or target.exists():
        target.unlink()
    return target


def write(path: str, content: bytes) -> Edit:
    def step(sandbox: Sandbox) -> None:
        if not (sandbox.folder / path).parent.is_dir():
            clear(sandbox, str(Path(path).parent))
        clear(sandbox, path)
        sandbox.write(path, content)

    return step


def link(path: str, aim: str) -> Edit:
    return lambda sandbox: clear(sandbox, path).symlink_to(aim)


def mode(path: str, bits: int) -> Edit:
    return lambda sandbox: (sandbox.folder / path).chmod(bits)


def folder(path: str) -> Edit:
    return lambda sandbox: (sandbox.folder / path / "hollow").mkdir(parents=True)


def delete(path: str) -> Edit:
    return lambda sandbox: clear(sandbox, path)


def git(*words: str) -> Edit:
    return lambda sandbox: subprocess.run(["git", *words], cwd=sandbox.folder, capture_output=True, check=False)


paths = st.sampled_from(PATHS)
edits = st.one_of(
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
