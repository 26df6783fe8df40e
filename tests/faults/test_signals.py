"""Every verb is interrupted at any moment, and used without streams, terminal or locale: no traceback, nothing lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

import pytest

from agentdeck.core.agents.agent import Phase
from agentdeck.errors import ExitCode
from tests.support.cli import PROGRAM, agentdeck
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.verdicts import assert_no_bug, assert_ok

READING = (("ls",), ("show", "fix"), ("logs", "fix"), ("diff", "fix"), ("doctor",), ("config",), ("ports",), ("prune",))
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupted(bench: Bench, sign: signal.Signals, delay: float, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a verb and send it `sign` after `delay` seconds."""
    call = subprocess.Popen(
        [*PROGRAM, *words],
        cwd=bench.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = call.communicate(timeout=delay)
    except subprocess.TimeoutExpired:
        call.send_signal(sign)
        out, err = call.communicate(timeout=60)
    if "Traceback" in err and "/agentdeck/" not in err:
        err = ""  # Python itself was still starting
    return subprocess.CompletedProcess(words, call.returncode, out, err)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("sign", SIGNALS)
def test_verbs_that_change_something(bench: Bench, sign: signal.Signals) -> None:
    moments = random.Random(int(sign))
    finished(bench, "fix", {"new.txt": "new\n"})
    work = bench.git("rev-parse", "agentdeck/fix")
    for number in range(4):
        for words in (
            ("run", "--detach", "--name", f"more-{number}", "--", "true"),
            ("rm", "fix"),
            ("undo",),
            ("merge", "fix"),
            ("resume", "fix"),
        ):
            done = interrupted(bench, sign, moments.uniform(0.05, 1.0), *words)
            assert_no_bug(done)
            # Python ends by SIGINT itself where the interrupt came in the midst of an `exec`.
            ended = {-sign, -signal.SIGINT, 128 + sign, ExitCode.INTERRUPTED}
            assert done.returncode in {0, 1, 3, 4} | ended, (words, done)
            assert_ok(agentdeck("ls", cwd=bench.root))
            assert all(view.agent.phase is Phase.HELD for view in bench.deck().agents())
            assert bench.git("status", "--porcelain") == ""
    bench.git("cat-file", "-e", work)
    names = [view.name for view in bench.deck().agents()]
    if "fix" not in names:
        steps = [step for step in bench.deck().history.steps() if step.text == "removed fix" and not step.undone]
        assert steps, "it was removed, and nothing tells how to bring it back"
        assert_ok(agentdeck("undo", "--step", str(steps[-1].number), cwd=bench.root))
    assert bench.git("show", "agentdeck/fix:new.txt") == "new"
    held = {str(view.worktree) for view in bench.deck().agents()}
    assert {path for path in bench.worktrees() if path != str(bench.root)} == held


@pytest.mark.parametrize("sign", SIGNALS)
def test_verbs_that_look(bench: Bench, sign: signal.Signals) -> None:
    finished(bench, "fix", {"new.txt": "new\n"})
    for at, words in enumerate((*READING, ("logs", "-f", "fix"))):
        done = interrupted(bench, sign, 0.05 + 0.06 * at, *words)
        assert_no_bug(done)
        # A verb that SIGHUP ended leaves its temporary folder, and prune wants a yes for that.
        refused = {ExitCode.REFUSED} if words == ("prune",) else set[int]()
        assert done.returncode in {0, 1, -sign, -signal.SIGINT, ExitCode.INTERRUPTED} | refused, (words, done)


def test_nobody_reads_the_output(bench: Bench) -> None:
    view = finished(bench, "fix", {"new.txt": "new\n"})
    assert view.worktree is not None
    bench.write("large.txt", "a line of a large file\n" * 50_000, cwd=view.worktree)
    for words in (*READING, ("--json", "ls"), ("--json", "show", "fix"), ("--help",)):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "wb") as nobody:
            done = subprocess.run(
                [*PROGRAM, *words], cwd=bench.root, stdout=nobody, stderr=subprocess.PIPE, text=True, check=False
            )
        assert "Traceback" not in done.stderr, words
        assert "Exception ignored" not in done.stderr, words
        assert done.returncode in (ExitCode.BROKEN_PIPE, 0), (words, done)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(bench: Bench, closed: str) -> None:
    finished(bench, "fix", {"new.txt": "new\n"})
    for words in (("ls",), ("show", "fix"), ("run", "--detach", "--", "true"), ("--json", "ls"), ("nonsense",)):
        script = f'exec "$@" {closed}'
        done = subprocess.run(
            ["sh", "-c", script, "sh", *PROGRAM, *words], cwd=bench.root, capture_output=True, text=True, check=False
        )
        assert_no_bug(done)
        assert done.returncode in {0, 2, ExitCode.BROKEN_PIPE}, (words, done)
    assert_ok(agentdeck("ls", cwd=bench.root))


@pytest.mark.parametrize(
    "env",
    [
        {"TERM": ""},
        {"TERM": "nonsense"},
        {"LANG": "C", "LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"COLUMNS": "1"},
        {"COLUMNS": "0"},
        {"COLUMNS": "many"},
        {"COLUMNS": "100000"},
    ],
    ids=str,
)
def test_odd_terminals_and_locales(bench: Bench, env: dict[str, str]) -> None:
    if "LC_ALL" in env and not sys.prefix.isascii():
        pytest.skip("Python itself does not start there: it reads the .pth files below such a path as ASCII")
    finished(bench, "fix", {"ünïcode 🎉.txt": "new ü\n"})
    for words in (*READING, ("--help",), ("run", "--help")):
        done = agentdeck(*words, cwd=bench.root, env=env)
        assert_no_bug(done)
        assert done.returncode in {0, 1}, (words, done)
    assert_ok(agentdeck("run", "--detach", "--name", "ünïcode", "--", "echo", "ü🎉", cwd=bench.root, env=env))
