"""How many times each verb calls git. A process takes a few milliseconds, which a person who waits for a verb feels."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli import agentdeck
from tests.support.decks import Bench

Counted = Callable[..., int]


@pytest.fixture
def counted(bench: Bench, tmp_path: Path) -> Counted:
    """Do a verb and return how many gits it ran."""
    log, folder = tmp_path / "calls", tmp_path / "counting"
    folder.mkdir()
    for name in ("git", "tmux"):
        shim = folder / name
        shim.write_text(f'#!/bin/sh\necho {name} "$*" >>\'{log}\'\nexec {shutil.which(name)} "$@"\n')
        shim.chmod(0o755)

    def count(*words: str) -> int:
        log.write_text("")
        done = agentdeck(*words, cwd=bench.root, env={"PATH": f"{folder}:{os.environ['PATH']}"})
        assert done.returncode == 0, done.stderr
        calls = [line for line in log.read_text().splitlines() if line.startswith("git ")]
        print(words, len(calls), *calls, sep="\n  ")  # noqa: T201 - a failure shows it
        return len(calls)

    return count


def start(counted: Counted, name: str) -> int:
    return counted("run", "-d", "-n", name, "--", "sh", "-c", "exec sleep 600")


def test_the_verbs_of_an_agents_life_call_git_a_few_times(bench: Bench, counted: Counted) -> None:
    assert start(counted, "one") <= 12
    assert counted("ls") <= 1
    tree = bench.root / ".worktrees" / "one"
    bench.write("src/app.py", "print('hello, world')\n", tree)
    bench.commit("Greet the world", tree)
    assert counted("stop", "one") <= 1
    assert counted("merge", "one") <= 12
    assert counted("undo") <= 15
    bench.write("src/app.py", "print('uncommitted')\n", tree)
    bench.write("notes.txt", "untracked\n", tree)
    assert counted("rm", "one") <= 25
    assert counted("undo") <= 15
    assert (tree / "notes.txt").read_text() == "untracked\n"
    assert bench.git("status", "--porcelain", cwd=tree) == " M src/app.py\n?? notes.txt"


def test_each_landing_of_a_queue_without_a_gate_takes_few_gits_more(bench: Bench, counted: Counted) -> None:
    for name in ("one", "two", "three", "four"):
        start(counted, name)
        tree = bench.root / ".worktrees" / name
        bench.write(f"{name}.txt", "text\n", tree)
        bench.commit(name, tree)
    counted("stop", "--all")
    alone = counted("merge", "one")
    assert counted("merge", "two", "three", "four") <= alone + 2 * 8


def test_a_second_look_for_conflicts_runs_no_git_for_an_agent_that_did_nothing(bench: Bench, counted: Counted) -> None:
    for name in ("one", "two", "three"):
        start(counted, name)
        bench.write("notes.txt", f"{name}\n", bench.root / ".worktrees" / name)
    time.sleep(0.1)  # a change just now may have a second one behind it
    counted("radar")
    assert counted("radar") <= 3
    bench.write("notes.txt", "three again\n", bench.root / ".worktrees" / "three")
    assert counted("radar") > 3
