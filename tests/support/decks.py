"""Throw-away decks: a repository, a tmux server and a home of their own, reaped when the test ends."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agentdeck.engine.deck import Deck
from agentdeck.engine.world import World
from agentdeck.system.terminal.tmux import SOCKET_VARIABLE, Tmux
from tests.support.sockets import end_server

IDENTITY = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
}

CONFIG = """
[runner]
grace_interrupt = 0.3
grace_terminate = 0.3

[queue]
max_load = 1000

[database]
template = "dev.sqlite3"
"""


@dataclass
class Bench:
    """A repository to try the program on, and the surroundings that keep it from the real home and tmux."""

    root: Path
    home: Path
    socket: str
    environment: dict[str, str] = field(default_factory=dict)

    def git(self, *args: str, cwd: Path | None = None) -> str:
        done = subprocess.run(["git", *args], cwd=cwd or self.root, capture_output=True, text=True, check=True)
        return done.stdout.rstrip("\n")

    def write(self, path: str, text: str, cwd: Path | None = None) -> Path:
        target = (cwd or self.root) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def own(self, text: str = "") -> Path:
        """Write the user's own file, which trusts every repository here."""
        folders = json.dumps([str(self.root.parent)])
        return self.write(".config/agentdeck/config.toml", f"{text}\n[trust]\nroots = {folders}\n", cwd=self.home)

    def commit(self, message: str = "change", cwd: Path | None = None) -> str:
        self.git("add", "-A", cwd=cwd)
        self.git("commit", "-qm", message, cwd=cwd)
        return self.git("rev-parse", "HEAD", cwd=cwd)

    def deck(self) -> Deck:
        return Deck.find(self.root)

    def worktrees(self) -> list[str]:
        lines = self.git("worktree", "list", "--porcelain").splitlines()
        return [line.removeprefix("worktree ") for line in lines if line.startswith("worktree ")]

    def branches(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()

    def trash_refs(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname)", "refs/agentdeck").splitlines()

    def windows(self) -> list[str]:
        return [window.name for window in Tmux(self.socket).windows()]


@contextmanager
def bench_in(
    folder: Path,
    patch: pytest.MonkeyPatch,
    *,
    name: str = "prøject one",
    config: str = CONFIG,
    trusted: bool = True,
) -> Iterator[Bench]:
    """`trusted`: whatever the repository's configuration says is approved, as the user's own file says."""
    home, root = folder / "home", folder / name
    (home / "tmp").mkdir(parents=True)
    root.mkdir()
    socket = f"agentdeck-test-{secrets.token_hex(4)}"
    for key, value in _surroundings(home, socket).items():
        patch.setenv(key, value)
    patch.setattr(tempfile, "tempdir", None)
    bench = Bench(root, home, socket)
    if trusted:
        bench.own()
    bench.git("init", "-q", "-b", "main")
    bench.write("README.md", "# A project\n")
    bench.write("src/app.py", "print('hello')\n")
    bench.write("agentdeck.toml", config)
    with sqlite3.connect(root / "dev.sqlite3") as database:
        database.execute("create table note(text)")
        database.execute("insert into note values('from the template')")
    database.close()
    bench.write(".gitignore", "*.sqlite3\n")
    bench.commit("Start")
    try:
        yield bench
    finally:
        with suppress(Exception):
            _end(bench)
        end_server(bench.socket)


def _surroundings(home: Path, socket: str) -> Mapping[str, str]:
    return IDENTITY | {
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        SOCKET_VARIABLE: socket,
        "SHELL": "/bin/sh",
        "TERM": "xterm-256color",
    }


def _end(bench: Bench) -> None:
    """End every runner by its pid; it ends its agent's processes itself."""
    for window in Tmux(bench.socket).windows():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(window.pid, 9)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with bench_in(tmp_path, monkeypatch) as made:
        yield made


def world_of(deck: Deck) -> World:
    """What the engine works with, which no face sees: for tests that look behind the Deck."""
    return deck._world
