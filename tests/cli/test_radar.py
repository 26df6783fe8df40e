"""The verb radar, as people and scripts call it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess

import pytest

from agentdeck.core.text.text import columns
from agentdeck.errors import ExitCode
from tests.cli.test_json import section
from tests.support.cli import PROGRAM, agentdeck, objects, read_until
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.workers import Workers, changed, workers

__all__ = ["workers"]


@pytest.fixture
def three(workers: Workers) -> Workers:
    for name, line in {"one": 3, "two": 3, "three": 20}.items():
        workers.add(name).write("src/app.py", changed(line, name))
    return workers


def test_the_matrix_and_what_is_behind_it(three: Workers) -> None:
    done = agentdeck("radar", cwd=three.main.folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "         base 1 2",
        "1 one       ·",
        "2 two       · ✗",
        "3 three     · ~ ~",
        "· clean  ~ touches the same files  ✗ conflicts",
        "",
        "✗ one conflicts with two",
        "    src/app.py:3",
        "~ one touches the same files as three: src/app.py",
        "~ two touches the same files as three: src/app.py",
        "Order to land in: one, three, two",
    ]


def test_names_are_compared_with_all(three: Workers) -> None:
    done = agentdeck("radar", "thr", "one", cwd=three.main.folder)
    assert done.stdout.splitlines()[:4] == [
        "         base 1 3",
        "1 one       ·   ~",
        "2 two         ✗ ~",
        "3 three     · ~",
    ]
    assert "Order to land in: one, three\n" in done.stdout
    wrong = agentdeck("radar", "nobody", cwd=three.main.folder)
    assert (wrong.returncode, wrong.stdout) == (ExitCode.NOT_FOUND, "")


def test_json(three: Workers) -> None:
    (found,) = objects(agentdeck("radar", "--json", cwd=three.main.folder).stdout)
    text = section("`radar`")
    assert {key for key in found if f"`{key}`" not in text} == {"schema", "type"}
    assert [(pair["a"], pair["b"], pair["verdict"]) for pair in found["pairs"]] == [
        ("one", "two", "conflicts"),
        ("one", "three", "touches"),
        ("two", "three", "touches"),
    ]
    (conflict,) = found["pairs"][0]["conflicts"]
    assert (conflict["where"], conflict["hunks"][0]["ours_start"]) == ("src/app.py:3", 3)
    assert found["order"] == ["one", "three", "two"]


@pytest.mark.parametrize(("count", "width"), [(20, 80), (50, 80), (50, 200), (3, 20), (120, 80)])
def test_the_matrix_fits_and_has_every_pair_once(workers: Workers, count: int, width: int) -> None:
    from agentdeck.cli.output import Output
    from agentdeck.cli.radar import matrix
    from agentdeck.core.merging.radar import Pair, RadarReport, Verdict

    names = [f"agent-with-a-long-name-{number}" for number in range(count)]
    pairs = [
        Pair(a, b, Verdict.CONFLICTS if at % 2 else Verdict.TOUCHES)
        for number, b in enumerate(names)
        for at, a in enumerate(names[:number])
    ]
    base = [Pair(name, "main", Verdict.CLEAN) for name in names]
    report = RadarReport(tuple(names), tuple(base), tuple(pairs), tuple(names))
    *lines, legend = matrix(report, width, Output(colour=False), wanted=names)
    assert max(columns(line) for line in lines) <= max(width, 26)
    text = "\n".join(lines)
    assert text.count("✗") + text.count("~") == len(pairs)
    assert "✗ conflicts" in legend


def test_colours_are_off_where_they_are_not_wanted(three: Workers) -> None:
    def shown(**env: str) -> str:
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(three.main.folder)
            os.execve(PROGRAM[0], [*PROGRAM, "radar"], {**os.environ, "TERM": "xterm", **env})
        text = read_until(terminal, "Order to land in")
        os.close(terminal)
        os.waitpid(pid, 0)
        return text

    assert "\x1b[31m✗" in shown()
    assert "\x1b" not in shown(NO_COLOR="1")


def test_an_agent_that_cannot_be_looked_at_is_told(three: Workers) -> None:
    tree = three.main.at(three.main.folder / ".worktrees" / "two")
    tree.git("checkout", "-q", "--orphan", "nothing")
    done = agentdeck("radar", cwd=three.main.folder)
    assert "2 two       ? ?" in done.stdout
    assert "? not known" in done.stdout
    assert "? two: its branch has no commit yet" in done.stdout


def test_ls_and_show_carry_the_mark(three: Workers) -> None:
    root = three.main.folder
    assert "RADAR" not in agentdeck("ls", cwd=root).stdout
    agentdeck("radar", cwd=root)
    listed = agentdeck("ls", cwd=root).stdout.splitlines()
    assert ["✗ conflicts two" in listed[1], "✗ conflicts one" in listed[2], "~ touches one +1" in listed[3]] == [
        True
    ] * 3
    assert "radar      ✗ conflicts with two\n" in agentdeck("show", "one", cwd=root).stdout
    (shown,) = objects(agentdeck("show", "one", "--json", cwd=root).stdout)
    assert shown["radar"] | {"at": 0} == {"verdict": "conflicts", "with": ["two"], "at": 0, "holds": True}
    three.main.at(root / ".worktrees" / "two").commit()
    assert "✗ conflicts two (" in agentdeck("ls", cwd=root).stdout
    assert "ago; “agentdeck radar” updates it" in agentdeck("show", "one", cwd=root).stdout
    (shown,) = objects(agentdeck("show", "one", "--json", cwd=root).stdout)
    assert shown["radar"]["holds"] is False


def test_without_agents_it_says_so(bench: Bench) -> None:
    done = agentdeck("radar", cwd=bench.root)
    assert (done.returncode, done.stdout) == (0, "")
    assert "No agent has work to land" in done.stderr


def test_watch_tells_each_change_and_ends_on_ctrl_c(three: Workers) -> None:
    root = three.main.folder
    words = [*PROGRAM, "radar", "--watch", "--json"]
    process = subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None

    def verdicts() -> list[str]:
        assert process.stdout is not None
        (found,) = objects(process.stdout.readline())
        return [pair["verdict"] for pair in (*found["base"], *found["pairs"])]

    try:
        clean = ["clean"] * 3
        assert verdicts() == [*clean, "conflicts", "touches", "touches"]
        two = three.main.at(root / ".worktrees" / "two")
        two.git("checkout", "-q", "src/app.py")
        assert verdicts() == [*clean, "clean", "touches", "clean"]
        two.write("new folder/deeper/ünï", "x\n")
        three.main.at(root / ".worktrees" / "three").write("new folder/deeper/ünï", "y\n")
        found = verdicts()
        while found[-1] != "conflicts":
            found = verdicts()
        three.main.write("src/app.py", changed(3, "main"))
        three.main.commit()
        assert verdicts()[0] == "conflicts"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (ExitCode.INTERRUPTED, "", "")
    finally:
        process.kill()
        process.communicate()


def test_merge_all_lands_in_the_order_of_the_radar(bench: Bench) -> None:
    finished(bench, "hub", {"a.txt": "hub\n", "b.txt": "hub\n"})
    finished(bench, "left", {"a.txt": "left\n"})
    finished(bench, "right", {"b.txt": "right\n"})
    (landing,) = objects(agentdeck("merge", "--all", "--json", cwd=bench.root).stdout)[:1]
    assert [(entry["agent"], entry["stage"]) for entry in landing["entries"]] == [
        ("left", "landed"),
        ("right", "landed"),
        ("hub", "set aside"),
    ]
    (left,) = objects(agentdeck("radar", "--json", cwd=bench.root).stdout)
    assert left["agents"] == ["hub"]


def test_sides_prints_what_both_wrote(three: Workers) -> None:
    done = agentdeck("radar", "--sides", "one", cwd=three.main.folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["✗", "src/app.py:3"]
    assert lines.index(["one"]) < lines.index(["two"])
    (found,) = objects(agentdeck("--json", "radar", "--sides", cwd=three.main.folder).stdout)[0]["conflicts"]
    assert (found["ours"], found["theirs"], found["is_agent"]) == ("one", "two", True)
    assert found["places"][0]["where"] == "src/app.py:3"
