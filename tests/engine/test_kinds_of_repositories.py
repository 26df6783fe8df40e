"""An agent's whole life in each kind of repository that git knows: start, gate, landings, removal, undo."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agentdeck.core.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.engine.landings import Entry, LandRequest, Stage
from agentdeck.engine.views import AgentView, StartRequest
from tests.support.decks import Bench

Make = Callable[[Bench, Path], Path]
LAYOUTS: dict[str, Make] = {}


def layout(make: Make) -> Make:
    LAYOUTS[make.__name__] = make
    return make


def sh(script: str, cwd: Path, *words: str) -> str:
    done = subprocess.run(["sh", "-ec", script, "sh", *words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout.strip()


@layout
def git_folder_elsewhere(bench: Bench, tmp: Path) -> Path:
    sh('git clone -q --separate-git-dir "$1/elsewhere git" "$2" "$1/clone"', tmp, str(tmp), str(bench.root))
    return tmp / "clone"


@layout
def core_worktree(bench: Bench, tmp: Path) -> Path:
    sh(
        'git clone -q "$1" top; mv top/.git store; git --git-dir store config core.worktree ../top',
        tmp,
        str(bench.root),
    )
    (tmp / "top" / ".git").write_text("gitdir: ../store\n")
    return tmp / "top"


@layout
def bare_and_explicit(bench: Bench, tmp: Path) -> Path:
    sh('git clone -q --bare "$1" proj/.bare; echo "gitdir: ./.bare" > proj/.git', tmp, str(bench.root))
    bench.git("config", "--global", "safe.bareRepository", "explicit")
    return tmp / "proj"


@layout
def worktree_of_bare_and_explicit(bench: Bench, tmp: Path) -> Path:
    sh('git clone -q --bare "$1" proj.git; git -C proj.git worktree add -q ../side -b side', tmp, str(bench.root))
    bench.git("config", "--global", "safe.bareRepository", "explicit")
    return tmp / "side"


@layout
def configuration_of_each_worktree(bench: Bench, tmp: Path) -> Path:
    bench.git("config", "extensions.worktreeConfig", "true")
    bench.git("config", "--worktree", "user.nickname", "main")
    bench.git("sparse-checkout", "set", "--no-cone", "/*")
    return bench.root


@layout
def sha256(bench: Bench, tmp: Path) -> Path:
    sh('git init -q -b main --object-format=sha256 . && cp -r "$1/src" . && git add . && git commit -qm one',
       _folder(tmp), str(bench.root))  # fmt: skip
    return tmp / "made"


@layout
def file_system_monitor(bench: Bench, tmp: Path) -> Path:
    hook = tmp / "monitor"
    # Version 2 of the protocol; “/” says that anything may have changed.
    hook.write_text("#!/bin/sh\nprintf 'token\\0/\\0'\n")
    hook.chmod(0o755)
    bench.git("config", "core.fsmonitor", str(hook))
    bench.git("config", "core.untrackedCache", "true")
    return bench.root


@layout
def line_ends_of_windows(bench: Bench, tmp: Path) -> Path:
    bench.git("config", "core.autocrlf", "true")
    bench.git("rm", "-q", "--cached", "-r", ".")
    bench.git("reset", "-q", "--hard")
    assert (bench.root / "README.md").read_bytes().endswith(b"\r\n")
    return bench.root


@layout
def partial_clone(bench: Bench, tmp: Path) -> Path:
    bench.git("config", "uploadpack.allowFilter", "true")
    sh('git clone -q --filter=blob:none "file://$1" clone', tmp, str(bench.root))
    return tmp / "clone"


@layout
def shallow_clone(bench: Bench, tmp: Path) -> Path:
    bench.git("commit", "-q", "--allow-empty", "-m", "more")
    sh('git clone -q --depth=1 "file://$1" clone', tmp, str(bench.root))
    return tmp / "clone"


def _folder(tmp: Path) -> Path:
    folder = tmp / "made"
    folder.mkdir()
    return folder


def run(deck: Deck, name: str, script: str, base: str = "main") -> AgentView:
    deck.start(StartRequest(name=name, argv=("sh", "-c", script), base=base))
    view = deck.wait(name)
    assert view.state is State.DONE, view.reason
    return view


def land(deck: Deck, name: str, **options: object) -> Entry:
    entry = deck.land(LandRequest((name,), **options)).entry(name)  # type: ignore[arg-type]
    assert entry.stage is Stage.LANDED, entry
    return entry


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_life(bench: Bench, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "kinds"
    folder.mkdir()
    root = LAYOUTS[kind](bench, folder)
    if root != bench.root:
        shutil.copy(bench.root / "dev.sqlite3", root)
    deck = Deck.find(root)
    run(deck, "one", "echo 1 > one.txt; git add -A; git commit -qm one")
    assert "+1" in deck.diff("one")
    land(deck, "one", gate=("test -f one.txt && git status --porcelain",))
    view = run(deck, "two", "test -f one.txt; echo 2 > two.txt; echo 22 >> README.md; echo a > 'ä b'")
    assert set(deck.radar().agents) >= {"two"}
    land(deck, "two", commit="Two", gate=("test -f two.txt",), remove=True)
    git = ["git", "-C", str(root)]
    listed = subprocess.run([*git, "ls-tree", "-z", "--name-only", "main"], capture_output=True, text=True, check=True)
    assert {"one.txt", "two.txt", "ä b"} <= set(listed.stdout.split("\0"))
    assert view.worktree is not None
    assert not view.worktree.exists()
    deck.undo()
    assert (view.worktree / "two.txt").read_text().strip() == "2"
    run(deck, "three", "echo 3 > three.txt; echo x >> README.md")
    third = deck.agent("three").worktree
    assert third is not None
    before = {path.name: path.read_bytes() for path in third.iterdir() if path.is_file() and path.name != ".git"}
    deck.remove("three")
    deck.undo()
    after = {path.name: path.read_bytes() for path in third.iterdir() if path.is_file() and path.name != ".git"}
    assert after == before
