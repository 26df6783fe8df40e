from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import struct
import termios
import time

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.errors import ExitCode
from tests.support.cli import PROGRAM, agentdeck, objects, put_agent, read_until
from tests.support.decks import Bench
from tests.support.retry import eventually


def started(bench: Bench, name: str, line: str = "sleep 60") -> None:
    done = agentdeck("run", "-d", "-n", name, "--", "sh", "-c", line, cwd=bench.root)
    assert done.returncode == 0, done.stderr
    eventually(lambda: bench.deck().agent(name).state is State.WORKING)


def test_text_a_file_and_keys_reach_the_agent(bench: Bench) -> None:
    started(bench, "bot", 'while read -r line; do echo "got <$line>"; done')

    def log() -> str:
        return agentdeck("logs", "bot", cwd=bench.root).stdout

    assert agentdeck("send", "bot", "it's", "“me”", cwd=bench.root).returncode == 0
    eventually(lambda: "got <it's “me”>" in log())
    agentdeck("send", "bot", "-", cwd=bench.root, stdin="from standard input\n")
    eventually(lambda: "got <from standard input>" in log())
    bench.write("answer.md", "from a file\n")
    (sent,) = objects(agentdeck("send", "bot", "--file", "answer.md", "--json", cwd=bench.root).stdout)
    assert (sent["type"], sent["agent"], sent["text"], sent["enter"]) == ("sent", "bot", "from a file", True)
    eventually(lambda: "got <from a file>" in log())
    agentdeck("send", "bot", "--no-enter", "half", cwd=bench.root)
    agentdeck("send", "bot", "--keys", "x Enter", cwd=bench.root)
    eventually(lambda: "got <halfx>" in log())
    agentdeck("send", "bot", "--keys", "C-d", cwd=bench.root)
    eventually(lambda: bench.deck().agent("bot").state is State.DONE)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("send one", ExitCode.USAGE),
        ("send one --file x text", ExitCode.USAGE),
        ("send one --file /nowhere", ExitCode.NOT_FOUND),
        ("send one text", ExitCode.REFUSED),
        ("send one --keys Entr", ExitCode.USAGE),
        ("send one --keys C-Entr", ExitCode.USAGE),
        ("failover one --back", ExitCode.REFUSED),
        ("show one --screen --failovers", ExitCode.USAGE),
        ("stop", ExitCode.USAGE),
        ("stop --all one", ExitCode.USAGE),
        ("attach one", ExitCode.NOT_FOUND),
        ("rm on", ExitCode.NOT_FOUND),
        ("logs --raw -f one", ExitCode.USAGE),
    ],
)
def test_what_makes_no_sense_is_refused(bench: Bench, line: str, code: ExitCode) -> None:
    put_agent(bench.root, "one")
    done = agentdeck(*line.split(), cwd=bench.root)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("agentdeck: ")
    assert bench.deck().agent("one").state is State.DONE


def test_keys_that_tmux_knows_go_through(bench: Bench) -> None:
    put_agent(bench.root, "one")
    keys = "Enter escape C-c C-M-x M-Up S-F5 y ^C KP0 PPage - C-- é"
    done = agentdeck("send", "one", "--keys", keys, cwd=bench.root)
    assert done.returncode == ExitCode.REFUSED  # it does not run: the keys were all understood


@pytest.mark.slow
def test_stop_resume_and_rm(bench: Bench) -> None:
    for name in ("one", "two"):
        started(bench, name, "echo run >> runs; exec sleep 60")
    assert agentdeck("rm", "one", cwd=bench.root).returncode == ExitCode.REFUSED
    done = agentdeck("stop", "one", "nobody", "two", "--json", cwd=bench.root)
    (found,) = objects(done.stdout)
    assert done.returncode == ExitCode.NOT_FOUND
    assert {each["name"]: each["state"] for each in found["agents"]} == {"one": "stopped", "two": "stopped"}
    assert [each["exit_code"] for each in found["errors"]] == [ExitCode.NOT_FOUND]
    assert agentdeck("resume", "one", cwd=bench.root).stdout == "one\n"
    runs = bench.root / ".worktrees/one/runs"
    eventually(lambda: runs.read_text() == "run\nrun\n")
    assert agentdeck("resume", "one", cwd=bench.root).returncode == ExitCode.REFUSED
    done = agentdeck("rm", "--stop", "--keep-branch", "one", "two", "--json", cwd=bench.root)
    assert objects(done.stdout)[0]["agents"] == ["one", "two"]
    assert bench.deck().agents() == []
    assert bench.branches() == ["agentdeck/one", "agentdeck/two", "main"]


def test_stop_all(bench: Bench) -> None:
    started(bench, "one")
    put_agent(bench.root, "ended")
    assert agentdeck("stop", "--all", cwd=bench.root).returncode == 0
    states = {view.name: view.state for view in bench.deck().agents()}
    assert states == {"one": State.STOPPED, "ended": State.DONE}


def test_resume_that_waits_exits_as_the_agent_ends(bench: Bench) -> None:
    line = "test -e once && exit 5; touch once"
    assert agentdeck("run", "-n", "bot", "--", "sh", "-c", line, cwd=bench.root).returncode == 0
    done = agentdeck("resume", "--wait", "bot", cwd=bench.root)
    assert (done.returncode, done.stdout) == (ExitCode.FAILED, "bot\n")
    assert "exited with 5" in done.stderr


def test_logs_can_be_followed_filtered_and_raw(bench: Bench) -> None:
    started(bench, "bot", "printf '\\033[31mred\\033[0m\\n'; read line; echo \"late $line\"")
    eventually(lambda: "red" in agentdeck("logs", "bot", cwd=bench.root).stdout)
    agentdeck("send", "bot", "news", cwd=bench.root)
    followed = objects(agentdeck("logs", "-f", "--json", "bot", cwd=bench.root).stdout)
    assert {(each["type"], each["agent"]) for each in followed} == {("line", "bot")}
    assert [each["text"] for each in followed][:1] == ["red"]
    assert "late news" in [each["text"] for each in followed]
    filtered = agentdeck("logs", "--grep", "^late", "bot", cwd=bench.root).stdout.splitlines()
    assert [re.sub(r"^\S+ ", "", line) for line in filtered] == ["late news"]
    assert agentdeck("logs", "--since", "1970-01-02", "bot", cwd=bench.root).stdout.count("late news") == 1
    assert agentdeck("logs", "--since", "2999-01-01", "bot", cwd=bench.root).stdout == ""
    assert "\x1b[31mred" in agentdeck("logs", "--raw", "bot", cwd=bench.root).stdout


def test_diff(bench: Bench) -> None:
    agentdeck("run", "-n", "bot", "--", "sh", "-c", "echo new > new.txt", cwd=bench.root)
    done = agentdeck("diff", "bot", cwd=bench.root)
    assert "+++ b/new.txt\n" in done.stdout
    assert "\x1b" not in done.stdout
    assert "new.txt | 1 +" in agentdeck("diff", "--stat", "bot", cwd=bench.root).stdout
    (found,) = objects(agentdeck("diff", "--json", "bot", cwd=bench.root).stdout)
    assert (found["type"], found["agent"], found["base"]) == ("diff", "bot", "main")
    assert "+new" in found["text"]


def test_ports_and_the_screen(bench: Bench) -> None:
    started(bench, "bot", "echo hello from $PORT; sleep 60")
    port = bench.deck().agent("bot").ports[0]
    assert f"{port} " in agentdeck("ports", cwd=bench.root).stdout
    (found,) = objects(agentdeck("ports", "--json", cwd=bench.root).stdout)
    assert [(each["agent"], each["ports"][0]) for each in found["ports"]] == [("bot", port)]
    eventually(lambda: f"hello from {port}" in agentdeck("show", "--screen", "bot", cwd=bench.root).stdout)
    (screen,) = objects(agentdeck("show", "--screen", "--json", "bot", cwd=bench.root).stdout)
    assert f"hello from {port}" in screen["text"]
    (agent,) = objects(agentdeck("show", "--json", "bot", cwd=bench.root).stdout)
    assert agent["usage"]["processes"] >= 2
    (argv,) = objects(agentdeck("attach", "--json", "bot", cwd=bench.root).stdout)
    assert "tmux" in argv["argv"]
    done = agentdeck("attach", "bot", cwd=bench.root)
    assert done.returncode == ExitCode.USAGE
    assert "no terminal" in done.stderr
    (grid,) = objects(agentdeck("grid", "--json", cwd=bench.root).stdout)
    assert grid["agents"] == ["bot"]
    assert "no terminal" in agentdeck("grid", cwd=bench.root).stderr


def test_a_grid_shows_who_runs_and_leaving_it_ends_nothing(bench: Bench) -> None:
    assert agentdeck("grid", cwd=bench.root).returncode == ExitCode.REFUSED
    for name in ("one", "two"):
        started(bench, name, f"echo this is {name}; sleep 60")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(bench.root)
        os.execvp(PROGRAM[0], [*PROGRAM, "grid"])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    shown = read_until(terminal, "this is two")
    assert "this is one" in shown
    os.write(terminal, b"\x1b[24~")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert [view.alive for view in bench.deck().agents()] == [True, True]


def test_attach_shows_the_agents_terminal_and_detaching_comes_back(bench: Bench) -> None:
    started(bench, "bot", 'echo hello; read -r line; echo "got <$line>"; sleep 60')
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(bench.root)
        os.execvp(PROGRAM[0], [*PROGRAM, "attach", "bot"])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    read_until(terminal, "hello")
    os.write(terminal, b"typed\r")
    read_until(terminal, "got <typed>")
    for key in (b"\x02", b"d"):
        # tmux takes keys that come within a millisecond of each other for a paste.
        time.sleep(0.05)
        os.write(terminal, key)
    read_until(terminal, "detached")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
    assert bench.deck().agent("bot").alive


@pytest.mark.parametrize(("answer", "code", "left"), [("n", ExitCode.REFUSED, ["bot"]), ("y", ExitCode.OK, [])])
def test_on_a_terminal_rm_asks_first(bench: Bench, answer: str, code: ExitCode, left: list[str]) -> None:
    agentdeck("run", "-n", "bot", "--", "true", cwd=bench.root)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(bench.root)
        os.execvp(PROGRAM[0], [*PROGRAM, "rm", "bot"])
    read_until(terminal, "[y/N]")
    os.write(terminal, f"{answer}\n".encode())
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code
    os.close(terminal)
    assert [view.name for view in bench.deck().agents()] == left


def test_config_tells_where_each_value_comes_from(bench: Bench) -> None:
    bench.write("agentdeck.toml", "[ports]\nper_agent = 2\n")
    lines = agentdeck("config", cwd=bench.root).stdout.splitlines()
    pairs = dict(re.split(r" +# ", line, maxsplit=1) for line in lines)
    assert pairs["ports.per_agent = 2"] == "agentdeck.toml:2"
    assert pairs['agent.profile = "claude"'] == "default"
    (found,) = objects(agentdeck("config", "--json", cwd=bench.root).stdout)
    assert found["config"]["ports"]["per_agent"] == 2
    assert found["origins"]["ports.per_agent"] == "agentdeck.toml:2"
    bench.write("agentdeck.toml", "[ports]\nper_agnt = 2\n")
    done = agentdeck("config", cwd=bench.root)
    assert done.returncode == ExitCode.CONFIG
    assert done.stderr == "agentdeck: agentdeck.toml:2: unknown key “ports.per_agnt”.\n→ did you mean “per_agent”?\n"


def test_doctor_looks_at_the_machine_also_outside_of_a_repository(bench: Bench) -> None:
    done = agentdeck("doctor", cwd=bench.home)
    assert done.returncode == 0, done.stdout
    assert re.search(r"✓ +git ", done.stdout)
    assert re.search(r"– +repository ", done.stdout)
    (found,) = objects(agentdeck("doctor", "--json", cwd=bench.root).stdout)
    assert {"git", "tmux", "config"} <= {each["name"] for each in found["checks"]}
    bench.write("agentdeck.toml", "[x\n")
    done = agentdeck("doctor", cwd=bench.root)
    assert done.returncode == ExitCode.FAILED
    assert re.search(r"✗ +config +agentdeck.toml:1 is not valid TOML", done.stdout)


def test_an_agent_does_not_attach_to_its_own_terminal(bench: Bench) -> None:
    program = " ".join(map(shlex.quote, PROGRAM))
    started(bench, "bot", f"{program} attach bot; echo code $?; exec sleep 60")
    eventually(lambda: "code 4" in agentdeck("logs", "bot", cwd=bench.root).stdout)
    assert "This is already the terminal of bot." in agentdeck("logs", "bot", cwd=bench.root).stdout
