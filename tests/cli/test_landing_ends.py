"""Landings from the command line to their end: conflicts resolved, remotes pulled and pushed, interrupts typed."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from tests.support.cli import PROGRAM, agentdeck
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.programs import path_without
from tests.support.worlds import leftovers, world_of

MERGER = """
title = "Merger"
command = "sh"
install = "It is there."

[headless]
prompt = ["sh", "-c", "{script}", "merger", "{{prompt}}"]
"""
SCRIPT = (
    "case $1 in *'git merge'*) git merge -q --no-edit -X ours main;; "
    "*'git rebase'*) git rebase -q -X theirs main;; *) echo two > src/app.py; git commit -qam two;; esac"
)


def typed(bench: Bench, *words: str, replies: dict[str, str], timeout: float = 60) -> tuple[int, str]:
    """Run the program in a terminal of its own; when a mark of `replies` shows, type what belongs to it, once."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(bench.root)
        os.execv(sys.executable, [*PROGRAM, *words])
    told, seen, left, deadline = "", "", dict(replies), time.monotonic() + timeout
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                told += os.read(terminal, 65536).decode("utf-8", "replace")
            except OSError:
                break
        seen = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", told)
        for mark in [mark for mark in left if mark in seen]:
            os.write(terminal, left.pop(mark).encode())
    with suppress(OSError):
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen


@pytest.mark.slow
@pytest.mark.parametrize("method", ["--merge", "--squash"])
def test_resolve_opens_a_window_in_which_a_person_merges(bench: Bench, method: str) -> None:
    finished(bench, "one", {"src/app.py": "one\n"})
    finished(bench, "two", {"src/app.py": "two\n"})
    agentdeck("merge", "one", cwd=bench.root)
    line = "echo both > src/app.py && git add src/app.py && exit\n"
    code, told = typed(bench, "merge", "two", method, "--resolve", replies={"To give up": line})
    assert code == ExitCode.OK, told
    assert "landed two" in told
    assert (bench.root / "src/app.py").read_text() == "both\n"
    assert leftovers(bench) == []


@pytest.mark.slow
@pytest.mark.parametrize("method", ["--merge", "--rebase"])
def test_hand_back_lets_the_agent_resolve_it_and_lands_it(bench: Bench, method: str) -> None:
    bench.write(".config/agentdeck/profiles/merger.toml", MERGER.format(script=SCRIPT), cwd=bench.home)
    finished(bench, "one", {"src/app.py": "one\n"})
    deck = bench.deck()
    deck.start(StartRequest(name="two", task="write two", profile="merger"))
    assert deck.wait("two").state is State.DONE
    done = agentdeck("merge", "one", "two", method, "--hand-back", "--gate", "true", cwd=bench.root)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "was asked to resolve its conflict with main" in done.stderr
    assert (bench.root / "src/app.py").read_text() == "two\n"
    assert leftovers(bench) == []


def test_hand_back_of_a_dry_run_asks_nobody(bench: Bench) -> None:
    finished(bench, "one", {"src/app.py": "one\n"})
    finished(bench, "two", {"src/app.py": "two\n"})
    before = world_of(bench)
    done = agentdeck("merge", "one", "two", "--hand-back", "--dry-run", cwd=bench.root)
    assert done.returncode == ExitCode.REFUSED
    assert "would land one" in done.stdout
    assert world_of(bench) == before


@pytest.fixture
def remote(bench: Bench) -> Path:
    folder = bench.root.parent / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True)
    bench.git("remote", "add", "origin", str(folder))
    bench.git("push", "-q", "--set-upstream", "origin", "main")
    return folder


def advanced(bench: Bench, remote: Path) -> None:
    """The remote's main gets a commit that ours has not."""
    other = bench.root.parent / "other"
    subprocess.run(["git", "clone", "-q", str(remote), str(other)], check=True)
    bench.write("theirs.txt", "theirs\n", cwd=other)
    bench.commit("Theirs", cwd=other)
    bench.git("push", "-q", cwd=other)


def test_pull_and_push_around_a_landing(bench: Bench, remote: Path) -> None:
    advanced(bench, remote)
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    done = agentdeck("merge", "fix", "--pull", "--push", cwd=bench.root)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "main was pushed to origin/main." in done.stderr
    assert bench.git("rev-parse", "main", cwd=remote) == bench.git("rev-parse", "main")
    assert not (bench.root / ".git/FETCH_HEAD").exists()


def test_a_push_that_is_refused_is_told_and_what_landed_too(bench: Bench, remote: Path) -> None:
    advanced(bench, remote)
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    done = agentdeck("merge", "fix", "--push", cwd=bench.root)
    assert done.returncode == ExitCode.FAILED
    assert "landed fix" in done.stdout
    assert "origin rejected main" in done.stderr
    assert "has landed here anyway" in done.stderr
    assert bench.deck().agent("fix").state is State.LANDED


def test_a_pull_that_fails_lands_nothing(bench: Bench, remote: Path) -> None:
    advanced(bench, remote)
    bench.write("mine.txt", "mine\n")
    bench.commit("Mine")
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    before = world_of(bench)
    done = agentdeck("merge", "fix", "--pull", cwd=bench.root)
    assert done.returncode == ExitCode.REFUSED
    assert "have diverged" in done.stderr
    assert world_of(bench) == before


@pytest.mark.parametrize("program", ["gh", "glab"])
def test_pr_pushes_the_branch_and_calls_the_forges_program(bench: Bench, remote: Path, program: str) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    asked = bench.home / "asked"
    text = f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{asked}'\necho https://example.org/7\n"
    bench.write(program, text, cwd=bench.home / "bin").chmod(0o755)
    path = {"PATH": f"{bench.home / 'bin'}:{path_without(bench.home / 'system', 'gh', 'glab')}"}
    done = agentdeck("pr", "fix", "--draft", "-m", "A title\nand a text", cwd=bench.root, env=path)
    assert (done.returncode, done.stdout) == (ExitCode.OK, "https://example.org/7\n"), done.stderr
    words = asked.read_text().splitlines()
    assert words[:2] == [("pr" if program == "gh" else "mr"), "create"]
    assert words[words.index("--title") + 1] == "A title"
    assert "and a text" in words
    assert bench.git("rev-parse", "agentdeck/fix", cwd=remote) == bench.git("rev-parse", "agentdeck/fix")
    bench.write(program, "#!/bin/sh\necho 'not logged in' >&2; exit 1\n", cwd=bench.home / "bin")
    done = agentdeck("pr", "fix", cwd=bench.root, env=path)
    assert done.returncode == ExitCode.FAILED, "the branch was pushed"
    assert "not logged in" in done.stderr


def interrupted_after(bench: Bench, seconds: float, *words: str) -> int:
    """Run the program in a terminal of its own and type Ctrl-C after so many seconds, so that git gets it too."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(bench.root)
        os.execv(sys.executable, [*PROGRAM, *words])
    begun, pressed = time.monotonic(), False
    while True:
        wait = 1.0 if pressed else max(0.0, begun + seconds - time.monotonic())
        if select.select([terminal], [], [], wait)[0]:
            try:
                os.read(terminal, 65536)
            except OSError:
                break
        if not pressed and time.monotonic() - begun >= seconds:
            with suppress(OSError):
                os.write(terminal, b"\x03")
            pressed = True
        assert time.monotonic() - begun < 60
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_ctrl_c_at_any_moment_leaves_nothing_behind(bench: Bench) -> None:
    view = finished(bench, "fix", {"fix.txt": "fixed\n", "src/app.py": "fixed\n"})
    assert view.worktree is not None
    bench.write("new.txt", "untracked\n", cwd=view.worktree)
    before = world_of(bench)
    codes = set()
    words = ("merge", "fix", "--commit", "--gate", "true", "--remove")
    for tenths in range(1, 18, 2):
        codes.add(interrupted_after(bench, tenths / 10, *words))
        assert bench.git("status", "--porcelain") == "", tenths
        agentdeck("ls", cwd=bench.root)
        assert leftovers(bench) == [], tenths
        now = world_of(bench)
        assert now.main == before.main or ("fix" not in now.agents and (bench.root / "new.txt").exists()), tenths
        deck = bench.deck()
        for step in reversed(deck.history.steps()):
            if not step.undone and not step.undoes:
                deck.undo(step.number)
        assert world_of(bench) == before, tenths
    assert ExitCode.INTERRUPTED in codes, codes
