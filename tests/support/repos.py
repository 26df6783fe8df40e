"""Throw-away git repositories that neither read nor change the settings of whoever runs the tests."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentdeck.system.git.repository import Repository

IDENTITY = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
}


@dataclass(frozen=True)
class Sandbox:
    """A repository, or a worktree of one, to try things in."""

    folder: Path

    @property
    def repo(self) -> Repository:
        return Repository.find(self.folder)

    def git(self, *words: str | Path, cwd: Path | None = None, stdin: str | None = None) -> str:
        done = subprocess.run(
            ["git", *words], cwd=cwd or self.folder, capture_output=True, text=True, input=stdin, check=False
        )
        if done.returncode:
            raise AssertionError(f"git {' '.join(map(str, words))}: {done.stderr or done.stdout}")
        return done.stdout.rstrip("\n")

    def fails(self, *words: str) -> None:
        """Run a git command that is meant to stop with an error, such as a merge with a conflict."""
        assert subprocess.run(["git", *words], cwd=self.folder, capture_output=True, check=False).returncode

    def write(self, path: str, content: str | bytes = "text\n", mode: int | None = None) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        if mode is not None:
            target.chmod(mode)
        return target

    def commit(self, message: str = "change") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def settle(self) -> None:
        """Make every file an hour old and let the index know, so that git trusts its time stamps as it does in life.

        It reads again whatever changed in the second that the index was written in, which in a test is everything.
        """
        long_ago = time.time() - 3600
        for folder, _, names in os.walk(self.folder):
            for path in (Path(folder, name) for name in names if ".git" not in Path(folder, name).parts):
                os.utime(path, (long_ago, long_ago), follow_symlinks=False)
        subprocess.run(["git", "update-index", "-q", "--refresh"], cwd=self.folder, capture_output=True, check=False)

    def at(self, folder: Path) -> Sandbox:
        return Sandbox(folder)


MakeRepo = Callable[..., Sandbox]


def isolate(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Point git at `home` for its settings, and give it a name to commit by."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "gitconfig").write_text("[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        patch.delenv(name)
    places = {"HOME": home, "XDG_CONFIG_HOME": home / ".config", "GIT_CONFIG_GLOBAL": home / "gitconfig"}
    for name, value in {**IDENTITY, **places, "GIT_CONFIG_NOSYSTEM": "1"}.items():
        patch.setenv(name, str(value))


@pytest.fixture
def isolated_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder that git sees."""
    home = tmp_path / "home"
    isolate(home, monkeypatch)
    return home


@pytest.fixture
def repo(tmp_path: Path, isolated_git: Path) -> MakeRepo:
    """Make a repository with one commit (`commit=False`: none) in a folder whose name is not easy."""

    def make(name: str = "prøject one", *, commit: bool = True, bare: bool = False) -> Sandbox:
        folder = tmp_path / name
        subprocess.run(["git", "init", "--quiet", *(["--bare"] if bare else []), folder], check=True)
        sandbox = Sandbox(folder)
        if commit:
            sandbox.write("README.md", "hello\n")
            sandbox.commit("first")
        return sandbox

    return make
