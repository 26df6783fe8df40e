"""Where the tokens are: in files, in indexes, in commits."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection
from pathlib import Path

from tests.soak.sandbox import Sandbox

_TOKEN = re.compile(rb"tok-[a-z]+-\d+-\d+-\d+")


class Finder:
    """Finds every token that is still somewhere; what a blob holds is read once."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._blobs: dict[str, frozenset[str]] = {}

    def everywhere(self, *, without: Collection[str] = ()) -> set[str]:
        """In a worktree's files or index, or below a ref or a worktree's HEAD. `without` are refs left out."""
        found = set[str]()
        heads = []
        blobs = set[str]()
        for tree in self._sandbox.worktrees():
            if tree.is_dir():
                found |= in_folder(tree)
                blobs |= self._index(tree)
                heads += self._sandbox.git("rev-parse", "-q", "--verify", "HEAD", cwd=tree, check=False).split()
        left_out = [f"--exclude={ref}" for ref in without]
        listed = self._sandbox.git("rev-list", "--objects", *left_out, "--all", *heads).splitlines()
        blobs.update(line.partition(" ")[0] for line in listed)
        return found | self._of(blobs)

    def of_worktree(self, tree: Path) -> tuple[set[str], set[str], set[str]]:
        """In the files, in the index, and in the commits, of one worktree."""
        listed = self._sandbox.git("rev-list", "--objects", "HEAD", cwd=tree).splitlines()
        commits = self._of({line.partition(" ")[0] for line in listed})
        return in_folder(tree), self._of(self._index(tree)), commits

    def _index(self, tree: Path) -> set[str]:
        return {line.split()[1] for line in self._sandbox.git("ls-files", "-s", cwd=tree).splitlines()}

    def _of(self, names: set[str]) -> set[str]:
        self._read(names - self._blobs.keys())
        return {token for name in names for token in self._blobs.get(name, ())}

    def _read(self, names: set[str]) -> None:
        if not names:
            return
        done = subprocess.run(
            ["git", "cat-file", "--batch"],
            cwd=self._sandbox.root,
            env=self._sandbox.environment,
            input="".join(f"{name}\n" for name in names).encode(),
            capture_output=True,
            check=True,
        )
        data, at = done.stdout, 0
        while at < len(data):
            end = data.index(b"\n", at)
            name, *facts = data[at:end].split()
            at = end + 1
            if len(facts) == 2:
                size = int(facts[1])
                held = _TOKEN.findall(data, at, at + size) if facts[0] == b"blob" else ()
                self._blobs[name.decode()] = frozenset(each.decode() for each in held)
                at += size + 1


def in_folder(folder: Path) -> set[str]:
    """In the files below `folder`, without its `.git` and the worktrees in it."""
    found = set[str]()
    for path in folder.iterdir():
        if path.name in (".git", ".worktrees"):
            continue
        if path.is_dir():
            found |= in_folder(path)
        elif path.is_file():
            found.update(each.decode() for each in _TOKEN.findall(path.read_bytes()))
    return found
