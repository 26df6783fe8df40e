"""The verbs merge, undo, prune, pull and pr, as a script calls them."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from agentdeck.errors import ExitCode
from tests.support.cli import PROGRAM, agentdeck, objects
from tests.support.decks import Bench
from tests.support.finished import finished


def at_terminal(bench: Bench, *words: str, answer: str) -> tuple[int, str]:
    """Run the program in a terminal of its own and type `answer` at its question."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(bench.root)
        os.execv(sys.executable, [*PROGRAM, *words])
    told, deadline = b"", time.monotonic() + 20
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                told += os.read(terminal, 4096)
            except OSError:
                break
        if answer and b"[y/N]" in told:
            os.write(terminal, answer.encode() + b"\n")
            answer = ""
    with suppress(OSError):
        os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), told.decode("utf-8", "replace")


def test_merge_tells_what_landed_and_what_was_set_aside(bench: Bench) -> None:
    finished(bench, "one", {"src/app.py": "1\n"})
    finished(bench, "two", {"src/app.py": "2\n"})
    done = agentdeck("merge", "one", "two", "--gate", "true", cwd=bench.root)
    assert done.returncode == ExitCode.REFUSED
    assert done.stdout.startswith("⚑ landed one: 1 commit, 1 file, on main as ")
    assert "two was not landed: it conflicts with main in src/app.py:1" in done.stderr
    assert "→ “agentdeck merge --resolve two”" in done.stderr
    assert "running its gate: true" in done.stderr


def test_a_failed_gate_is_exit_code_1_and_its_log_is_named(bench: Bench) -> None:
    finished(bench, "one", {"one.txt": "1\n"})
    done = agentdeck("merge", "one", "--gate", "echo broken; false", "-q", cwd=bench.root)
    assert done.returncode == ExitCode.FAILED
    assert "its gate failed: echo broken; false (exit 1)" in done.stderr
    log = done.stderr.partition("less '")[2].partition("'")[0]
    assert "broken" in Path(log).read_text()


def test_the_configured_gate_holds_unless_it_is_waived(bench: Bench) -> None:
    bench.write("agentdeck.toml", (bench.root / "agentdeck.toml").read_text() + '\n[landing]\ngate = ["false"]\n')
    finished(bench, "one", {"one.txt": "1\n"})
    assert agentdeck("merge", "one", cwd=bench.root).returncode == ExitCode.FAILED
    assert agentdeck("merge", "--no-gate", "one", cwd=bench.root).returncode == ExitCode.OK


def test_json(bench: Bench) -> None:
    finished(bench, "one", {"one.txt": "1\n"})
    (landing,) = objects(agentdeck("merge", "one", "--json", "--squash", cwd=bench.root).stdout)
    assert (landing["type"], landing["method"]) == ("landing", "squash")
    (entry,) = landing["entries"]
    assert (entry["stage"], entry["new"]) == ("landed", bench.git("rev-parse", "main"))
    (steps,) = objects(agentdeck("undo", "--list", "--json", cwd=bench.root).stdout)
    assert [step["text"] for step in steps["steps"]] == ["landed one on main"]
    (step,) = objects(agentdeck("undo", "--json", cwd=bench.root).stdout)
    assert step["undoes"] == 1


def test_at_a_terminal_it_asks_whether_to_commit(bench: Bench) -> None:
    finished(bench, "one", {"one.txt": "1\n"}, commit=False)
    code, told = at_terminal(bench, "merge", "one", answer="n")
    assert code == ExitCode.REFUSED
    assert "?? one.txt" in told
    code, told = at_terminal(bench, "merge", "one", answer="y")
    assert code == ExitCode.OK, told
    assert (bench.root / "one.txt").exists()
    assert "[y/N]" not in agentdeck("merge", "one", cwd=bench.root).stderr


def test_undo_takes_the_latest_back_and_lists(bench: Bench) -> None:
    finished(bench, "one", {"one.txt": "1\n"})
    nothing = agentdeck("undo", cwd=bench.root)
    assert nothing.returncode == ExitCode.NOT_FOUND
    agentdeck("rm", "one", cwd=bench.root)
    done = agentdeck("undo", cwd=bench.root)
    assert done.stdout == "Step 2: undid step 1: removed one\n"
    listed = agentdeck("undo", "--list", cwd=bench.root).stdout
    assert "undone by 2" in listed
    assert agentdeck("undo", "--step", "9", cwd=bench.root).returncode == ExitCode.NOT_FOUND
    assert (bench.root / ".worktrees/one/one.txt").exists()


def test_prune_lists_first_and_wants_a_yes(bench: Bench) -> None:
    assert "Nothing is stale" in agentdeck("prune", cwd=bench.root).stderr
    finished(bench, "one", {"one.txt": "1\n"})
    agentdeck("merge", "one", cwd=bench.root)
    listed = agentdeck("prune", "--dry-run", cwd=bench.root)
    assert listed.returncode == 0
    assert "agent  one   it landed" in listed.stdout
    assert agentdeck("prune", cwd=bench.root).returncode == ExitCode.REFUSED
    code, _ = at_terminal(bench, "prune", answer="n")
    assert code == ExitCode.REFUSED
    assert bench.deck().agents()
    (told,) = objects(agentdeck("prune", "--yes", "--json", cwd=bench.root).stdout)
    assert [stale["what"] for stale in told["stale"]] == ["one"]
    assert bench.deck().agents() == []
    assert agentdeck("undo", "--step", str(told["step"]), cwd=bench.root).returncode == 0
    assert bench.deck().agent("one")


def test_what_makes_no_sense_is_said(bench: Bench) -> None:
    finished(bench, "one", {"one.txt": "1\n"})
    for words, code in {
        ("merge",): ExitCode.USAGE,
        ("merge", "one", "--squash", "--rebase"): ExitCode.USAGE,
        ("merge", "one", "--resolve"): ExitCode.USAGE,
        ("merge", "nobody"): ExitCode.NOT_FOUND,
        ("pull",): ExitCode.NOT_FOUND,
        ("pr", "one"): ExitCode.NOT_FOUND,
        ("undo", "--step", "0"): ExitCode.USAGE,
    }.items():
        done = agentdeck(*words, cwd=bench.root)
        assert (done.returncode, done.stdout) == (code, ""), words
        assert "Traceback" not in done.stderr


def test_an_interrupted_landing_leaves_nothing_behind(bench: Bench) -> None:
    from tests.support.retry import eventually

    finished(bench, "one", {"one.txt": "1\n"})
    before = bench.git("rev-parse", "main")
    line = [*PROGRAM, "merge", "one", "--gate", "sleep 60"]
    process = subprocess.Popen(line, cwd=bench.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: "gate-one" in bench.windows())
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert bench.git("rev-parse", "main") == before
    assert len(bench.worktrees()) == 2
    assert bench.deck().landings.all()[-1].entry("one").stage == "interrupted"
    assert agentdeck("merge", "one", cwd=bench.root).returncode == ExitCode.OK


def test_all_leaves_out_who_has_nothing_to_land(bench: Bench) -> None:
    finished(bench, "idle", {})
    done = agentdeck("merge", "--all", cwd=bench.root)
    assert (done.returncode, done.stdout) == (ExitCode.OK, "")
    assert "No agent that is done has work to land." in done.stderr
    finished(bench, "one", {"one.txt": "1\n"})
    done = agentdeck("merge", "--all", cwd=bench.root)
    assert done.returncode == ExitCode.OK, done.stderr
    assert done.stdout.startswith("⚑ landed one: ")
    assert "idle" not in done.stderr


def test_all_and_names_contradict_each_other(bench: Bench) -> None:
    for line in ("merge", "merge --all one"):
        done = agentdeck(*line.split(), cwd=bench.root)
        assert done.returncode == ExitCode.USAGE
        assert "or use --all" in done.stderr


def test_how_it_ended_is_told_once(bench: Bench) -> None:
    for name in ("one", "two", "three"):
        finished(bench, name, {"src/app.py": f"{name}\n"})
    done = agentdeck("merge", "one", cwd=bench.root)
    assert (done.stdout + done.stderr).count("landed") == 1
    done = agentdeck("merge", "two", cwd=bench.root)
    assert (done.stdout + done.stderr).count("not landed") == 1
    done = agentdeck("merge", "two", "three", cwd=bench.root)
    assert "two: not landed" in done.stderr, "of several each is told when it is its turn"
    done = agentdeck("merge", "two", "--json", cwd=bench.root)
    assert "two: not landed" in done.stderr


def test_a_branch_to_land_on_that_is_not_there(bench: Bench) -> None:
    finished(bench, "one", {"one.txt": "1\n"})
    done = agentdeck("merge", "one", "--into", "nowhere", cwd=bench.root)
    assert done.returncode == ExitCode.NOT_FOUND
    assert "There is no branch “nowhere” to land on." in done.stderr
