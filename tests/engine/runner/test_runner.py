from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.agents.agent import Agent, Fault, Mode, State
from agentdeck.core.agents.orders import Detectors, Orders, Outcome
from agentdeck.core.transcripts.formats import Place
from agentdeck.system.machine import scope
from agentdeck.system.state.logs import read_log, read_raw
from agentdeck.system.state.recording import aside
from agentdeck.system.state.store import Store
from agentdeck.system.terminal.tmux import Tmux
from tests.support.processes import gone
from tests.support.retry import eventually
from tests.support.sockets import end_server

TREE = Path(__file__).parents[3]
BAD = (sys.executable, "-m", "tests.support.bad_children")


class Pane:
    """One runner, with or without a terminal."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "agentdeck").open()
        self.work = folder / "wörk tree"
        self.work.mkdir()
        self.store.save(Agent(name="fix", task="", profile="command", mode=Mode.HEADLESS, created=1.0))
        self.orders = Orders(
            agent="fix",
            run=secrets.token_hex(6),
            deck="deck",
            argv=("true",),
            cwd=str(self.work),
            folder=str(self.store.agent_folder("fix")),
            log=str(folder / "run.log"),
            runs_log=str(self.store.runs_log),
            grace_interrupt=0.3,
            grace_terminate=0.3,
        )
        self.started: list[subprocess.Popen[bytes]] = []

    def argv(self, *argv: str, **more: Any) -> list[str]:
        self.orders = replace(self.orders, argv=argv, **more)
        path = Path(self.orders.folder) / "orders.json"
        path.write_text(json.dumps(self.orders.to_json()))
        return [sys.executable, "-I", "-m", "agentdeck.engine.runner", str(path)]

    def environment(self) -> dict[str, str]:
        away = ("TMUX", "TMUX_PANE")
        return {name: value for name, value in os.environ.items() if name not in away} | {"PYTHONPATH": str(TREE)}

    def start(self, *argv: str, stdin: Any = subprocess.DEVNULL, **more: Any) -> subprocess.Popen[bytes]:
        """Start the runner with no terminal at all, as from cron."""
        out = open(self.work.parent / "screen", "wb")  # noqa: SIM115, PTH123
        runner = subprocess.Popen(self.argv(*argv, **more), stdin=stdin, stdout=out, stderr=out, env=self.environment())
        out.close()
        self.started.append(runner)
        return runner

    def run(self, *argv: str, **more: Any) -> int:
        return self.start(*argv, **more).wait(60)

    @property
    def screen(self) -> bytes:
        return (self.work.parent / "screen").read_bytes()

    @property
    def log(self) -> list[str]:
        return [line.text for line in read_log(Path(self.orders.log))]

    def state(self) -> State:
        return self.store.status("fix").state


@pytest.fixture
def pane(tmp_path: Path) -> Iterator[Pane]:
    made = Pane(tmp_path)
    yield made
    for runner in made.started:
        if runner.poll() is None:
            runner.kill()
            runner.wait()


def pid_in(path: Path) -> int:
    return int(eventually(lambda: path.exists() and path.read_text().strip()))


@pytest.mark.parametrize(
    ("line", "code", "state", "fault", "word"),
    [
        ("true", 0, State.DONE, Fault.NONE, "OK"),
        ("exit 3", 3, State.FAILED, Fault.CRASHED, "FAIL"),
        ("kill -9 $$", 1, State.FAILED, Fault.CRASHED, "FAIL"),
    ],
)
def test_how_a_run_ended_is_everywhere_the_same(
    pane: Pane, line: str, code: int, state: State, fault: Fault, word: str
) -> None:
    assert pane.run("sh", "-c", line) == code
    status = pane.store.status("fix")
    assert (status.state, status.fault) == (state, fault)
    first, last = pane.store.runs_log.read_text().splitlines()
    assert f" START agent=fix run={pane.orders.run} " in first
    assert f" {word} agent=fix run={pane.orders.run} rc={code} " in last
    assert not pane.store.runner_lives("fix")


def test_only_one_runner_an_agent(pane: Pane) -> None:
    pane.start("sleep", "100")
    eventually(lambda: pane.state() is State.WORKING)
    second = subprocess.run(pane.argv("touch", "second"), capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode == 4
    assert "Another agentdeck process" in second.stderr
    assert not (pane.work / "second").exists()


def test_words_of_the_cli_count_more_than_its_exit_code(pane: Pane) -> None:
    outcome = Outcome(limited=("(?P<reason>rate limited you)",), success=("all done",))
    assert pane.run("echo", "The API has rate limited you", outcome=outcome) == 75
    assert (pane.store.status("fix").fault, pane.store.status("fix").reason) == (Fault.LIMITED, "rate limited you")
    assert pane.run("echo", "hm", outcome=outcome) == 1
    assert pane.run("echo", "all done", outcome=outcome) == 0


def test_a_program_that_is_not_there_is_a_sentence(pane: Pane) -> None:
    assert pane.run("no-such-program-anywhere") == 127
    status = pane.store.status("fix")
    assert status.reason == "no-such-program-anywhere can't be started: No such file or directory"
    assert b"can't be started" in pane.screen


def test_environment_folder_and_arguments_arrive(pane: Pane) -> None:
    env = {"KEY": "a 'b' ü\n"}
    script = "import os, json; print(json.dumps([os.environ['KEY'], os.getcwd(), os.environ.get('GONE')]))"
    assert pane.run(sys.executable, "-c", script, env=env, env_unset=("GONE",)) == 0
    assert json.loads(pane.log[0]) == ["a 'b' ü\n", str(pane.work), None]


@pytest.mark.skipif(sys.platform != "linux", reason="only there the kernel chooses by it")
def test_where_memory_runs_out_the_agent_goes_before_its_runner(pane: Pane) -> None:
    own = int(Path("/proc/self/oom_score_adj").read_text())
    assert pane.run("cp", "/proc/self/oom_score_adj", "score") == 0
    assert int((pane.work / "score").read_text()) == max(own, 500)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is not measured")
def test_a_child_that_takes_too_much_memory_is_ended_and_told(pane: Pane) -> None:
    eater = f"'{sys.executable}' -c 'import time; kept = bytes(range(256)) * 1_000_000; time.sleep(60)'"
    assert pane.run("sh", "-c", f"{eater}; echo went on after $?", memory=128 * 1024 * 1024) == 0
    said = "\n".join(pane.log)
    assert "of 128 MiB of memory" in said
    assert "went on after 137" in said
    assert "killed its process" in said and "for memory: it used" in said


def test_a_timeout_ends_even_a_child_that_ignores_everything(pane: Pane) -> None:
    begin = time.monotonic()
    assert pane.run(*BAD, "stubborn", timeout=1.0) == 124
    assert time.monotonic() - begin < 10
    assert pane.store.status("fix").fault is Fault.TIMED_OUT
    assert "stubborn" in pane.log
    assert f" TIMEOUT agent=fix run={pane.orders.run} rc=124 " in pane.store.runs_log.read_text()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_runner_that_is_told_to_stop_stops_its_agent(pane: Pane, sign: signal.Signals) -> None:
    runner = pane.start("sh", "-c", "trap 'echo bye; exit 0' INT; echo $$ > pid; while :; do sleep 0.05; done")
    child = pid_in(pane.work / "pid")
    runner.send_signal(sign)
    assert runner.wait(20) == 130
    assert pane.state() is State.STOPPED
    assert gone(child)
    assert "bye" in pane.log
    why = ": its terminal was closed" if sign == signal.SIGHUP else ""
    assert pane.log[-1] == f"# agentdeck: stopped{why}"


def test_a_runner_told_to_stop_before_it_is_ready_stops(pane: Pane) -> None:
    for _ in range(5):
        runner = pane.start("sleep", "100")
        eventually(lambda: pane.store.runner_lives("fix"), pause=0.001)
        runner.send_signal(signal.SIGTERM)
        assert runner.wait(20) == 130
        assert pane.state() is State.STOPPED


def at_work_in_a_cgroup(pane: Pane) -> tuple[subprocess.Popen[bytes], Path]:
    """The guardian of a program that ends once there is a file `end`, and where its cgroup is recorded."""
    guardian = pane.start("sh", "-c", "until test -e end; do sleep 0.05; done")
    eventually(lambda: pane.state() is State.WORKING)
    recorded = pane.store.agent_folder("fix") / "scope"
    if not recorded.exists():
        pytest.skip("no cgroups v2 can be had here")
    return guardian, recorded


def test_the_cgroup_of_a_run_goes_even_if_its_guardian_is_killed_at_the_very_end(pane: Pane) -> None:
    guardian, recorded = at_work_in_a_cgroup(pane)
    runner = pane.store.runner_pid("fix") or 0
    guardian.send_signal(signal.SIGSTOP)
    (pane.work / "end").touch()
    eventually(lambda: gone(runner))
    guardian.kill()
    guardian.wait()
    assert pane.state() is State.DONE
    assert not Path(recorded.read_text()).exists()


def test_the_cgroup_of_a_killed_run_goes_with_the_next_one_even_without_its_record(pane: Pane) -> None:
    guardian, recorded = at_work_in_a_cgroup(pane)
    folder = Path(recorded.read_text())
    held = scope.CgroupScope(folder)
    os.kill(guardian.pid, signal.SIGSTOP)
    os.kill(pane.store.runner_pid("fix") or 0, signal.SIGKILL)
    scope.sweep()
    assert folder.exists(), "its guardian lives"
    os.kill(guardian.pid, signal.SIGKILL)
    guardian.wait()
    (pane.work / "end").touch()
    eventually(lambda: not held.pids())
    assert folder.exists()
    recorded.unlink()
    assert pane.run("true", run=secrets.token_hex(6)) == 0
    assert not folder.exists()


@pytest.mark.parametrize("victim", ["runner", "guardian"])
def test_a_killed_runner_takes_its_agents_whole_tree_with_it(pane: Pane, victim: str) -> None:
    bad = f"'{sys.executable}' -m tests.support.bad_children"
    line = (
        f"trap '' HUP TERM INT; echo $$ > shell; {bad} daemon daemon & {bad} stubborn & echo $! > stubborn; wait; wait"
    )
    runner = pane.start("sh", "-c", line)
    children = [pid_in(pane.work / name) for name in ("shell", "daemon", "stubborn")]
    eventually(lambda: b"stubborn" in pane.screen)
    os.kill(pane.store.runner_pid("fix") or 0 if victim == "runner" else runner.pid, signal.SIGKILL)
    runner.wait()
    for child in children:
        eventually(lambda child=child: gone(child), 20)  # type: ignore[misc]
    eventually(lambda: pane.state() is State.FAILED)
    assert pane.store.status("fix").fault is Fault.LOST
    eventually(lambda: f" FAIL agent=fix run={pane.orders.run} rc=137 " in pane.store.runs_log.read_text())


def test_what_an_agent_leaves_running_ends_with_it(pane: Pane) -> None:
    pid_file = pane.work / "pid"
    bad = f"'{sys.executable}' -m tests.support.bad_children"
    line = f"{bad} daemon pid & while [ ! -e pid ]; do sleep 0.05; done"
    assert pane.run("sh", "-c", line) == 0
    assert gone(int(pid_file.read_text()))


def test_setup_hooks_run_in_order_before_the_agent_and_one_that_fails_ends_the_run(pane: Pane) -> None:
    assert pane.run("sh", "-c", "echo agent >> trace", setup=("echo one >> trace", "echo two >> trace")) == 0
    assert (pane.work / "trace").read_text() == "one\ntwo\nagent\n"
    assert pane.run("touch", "never", setup=("echo oh no; exit 4", "touch never")) == 4
    status = pane.store.status("fix")
    assert (status.fault, status.reason) == (Fault.SETUP, "set-up “echo oh no; exit 4” failed (exit 4)")
    assert not (pane.work / "never").exists()
    assert "oh no" in pane.log


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flood", "binary"])
def test_output_without_end_or_meaning_is_passed_on_whole_and_stays_bounded_on_disk(pane: Pane, kind: str) -> None:
    size = 100 if kind == "flood" else 20
    maximum = 4 << 20
    assert pane.run(*BAD, kind, str(size), recording_max=maximum, recording_keep=1) == 0
    # The terminal makes \r\n of each \n; nothing else is changed.
    assert len(pane.screen.replace(b"\r\n", b"\n")) >= size << 20
    cast = Path(pane.orders.folder) / "session.cast"
    for path in (cast, aside(cast, 1), Path(pane.orders.log), aside(Path(pane.orders.log), 1)):
        assert 0 < path.stat().st_size < maximum + (1 << 20)
    assert not aside(cast, 2).exists()
    for path in (cast, aside(cast, 1)):
        head, *events = path.read_text().rstrip("\n").split("\n")
        assert json.loads(head)["version"] == 2
        assert all(len(json.loads(event)) == 3 for event in events)
    assert all(len(line) <= 8192 and "\x1b" not in line for line in pane.log)


def test_the_recording_holds_the_bytes_and_the_log_the_words(pane: Pane) -> None:
    line = r"printf '\033[31mred\033[0m\n\033]0;title\007plain\n10%%\r50%%\r100%%\n'; printf 'no end'"
    assert pane.run("sh", "-c", line) == 0
    assert pane.log[:4] == ["red", "plain", "100%", "no end"]
    cast = Path(pane.orders.folder) / "session.cast"
    assert b"\x1b[31mred\x1b[0m\r\n\x1b]0;title\x07plain" in b"".join(read_raw(cast))


def test_a_disk_that_refuses_does_not_end_the_agent(pane: Pane) -> None:
    (Path(pane.orders.folder) / "session.cast").mkdir(parents=True)
    ((Path(pane.orders.folder) / "session.cast") / "in the way").touch()
    assert pane.run("sh", "-c", "echo going on; touch done", recording_keep=0) == 0
    assert (pane.work / "done").exists()
    assert b"going on" in pane.screen


def test_an_idle_agent_costs_no_processor_time(pane: Pane) -> None:
    pane.start("sleep", "100", detectors=Detectors(waiting=("never",)))
    eventually(lambda: pane.state() is State.WORKING)
    eventually(lambda: pane.store.runner_pid("fix"))
    pid = pane.store.runner_pid("fix")

    def ticks() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    time.sleep(0.7)  # let it come to rest
    before = ticks()
    time.sleep(2)
    assert ticks() - before <= 1


def test_the_runner_loads_nothing_heavy() -> None:
    script = (
        "import sys, agentdeck.engine.runner.runner\n"
        "heavy = {'pydantic', 'textual', 'git', 'psutil', 'libtmux', 'subprocess', 'watchfiles', 'asyncio',"
        " 'hashlib', 'secrets', 'random', 'shutil', 'tempfile', 'unicodedata', 'urllib.request', 'socket'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def terminal(pane: Pane, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Tmux]]:
    """Start the runner in a window of a real tmux."""
    monkeypatch.setenv("XDG_STATE_HOME", str(pane.work.parent / "state"))
    server = Tmux(f"agentdeck-test-runner-{os.getpid()}-{time.monotonic_ns()}")

    def start(*argv: str, env: Mapping[str, str] | None = None, **more: Any) -> Tmux:
        words = pane.argv(*argv, **more)
        environment = pane.environment() | {"TERM": "xterm-256color"} | dict(env or {})
        server.open_window("deck", "fix", words, cwd=pane.work, env=environment)
        return server

    yield start
    for window in server.windows():
        if not gone(window.pid):
            os.kill(window.pid, signal.SIGTERM)
    end_server(server.socket)


def test_window_size_follows(pane: Pane, terminal: Callable[..., Tmux]) -> None:
    tmux = terminal("sh", "-c", "stty size; trap 'stty size' WINCH; while :; do sleep 0.1; done")
    eventually(lambda: "36 120" in tmux.screen("deck", "fix"))
    tmux.command("resize-window", "-t", "=deck:=fix", "-x", "93", "-y", "31")
    eventually(lambda: "31 93" in tmux.screen("deck", "fix"))
    cast = Path(pane.orders.folder) / "session.cast"
    eventually(lambda: '"r","93x31"' in cast.read_text().replace(", ", ","))


def test_job_control_works_as_without_us(pane: Pane, terminal: Callable[..., Tmux]) -> None:
    tmux = terminal("bash", "--norc", "-i", env={"PS1": "prompt> "})
    eventually(lambda: "prompt>" in tmux.screen("deck", "fix"))
    tmux.press("deck", "fix", [*"sh -c 'echo be''gan; exec cat'", "Enter"])
    eventually(lambda: "began" in tmux.screen("deck", "fix"))
    tmux.press("deck", "fix", ["o", "n", "e", "Enter"])
    eventually(lambda: tmux.screen("deck", "fix").count("one") == 2)
    tmux.press("deck", "fix", ["C-z"])
    eventually(lambda: "Stopped" in tmux.screen("deck", "fix"))
    tmux.press("deck", "fix", ["f", "g", "Enter"])
    eventually(lambda: tmux.screen("deck", "fix").rstrip().endswith("exec cat'"))
    tmux.press("deck", "fix", ["t", "w", "o", "Enter"])
    eventually(lambda: tmux.screen("deck", "fix").count("two") == 2)
    tmux.press("deck", "fix", ["C-c"])
    eventually(lambda: "^C" in tmux.screen("deck", "fix"))
    tmux.press("deck", "fix", ["e", "c", "h", "o", "Space", "back", "Enter"])
    eventually(lambda: "\nback" in tmux.screen("deck", "fix"))
    assert pane.state() is State.WORKING


def test_a_task_is_typed_as_one_paste_where_the_program_takes_pastes(pane: Pane, terminal: Callable[..., Tmux]) -> None:
    script = (
        "import sys, tty, os; tty.setraw(0); os.write(1, b'\\x1b[?2004hready'); got = b''\n"
        "while not got.endswith(b'\\r'): got += os.read(0, 1000)\n"
        "open('got', 'wb').write(got)"
    )
    terminal(sys.executable, "-c", script, typed="line one\nline two ü")
    got = pane.work / "got"
    eventually(lambda: got.exists() and got.read_bytes())
    assert got.read_bytes() == "\x1b[200~line one\nline two ü\x1b[201~\r".encode()


def test_a_task_is_typed_when_the_screen_shows_that_the_program_takes_it(
    pane: Pane, terminal: Callable[..., Tmux]
) -> None:
    """What comes to it before that is thrown away, although its output has rested."""
    script = (
        "import sys, termios, time, tty; tty.setraw(0); print('what was said before', flush=True); time.sleep(2)\n"
        "termios.tcflush(0, termios.TCIFLUSH); print('\\r\\n> ', end='', flush=True); got = ''\n"
        "while not got.endswith('\\r'): got += sys.stdin.read(1)\n"
        "open('got', 'w').write(got)"
    )
    terminal(sys.executable, "-c", script, typed="go on", detectors=Detectors(done=(r"^> *$",)), mode=Mode.INTERACTIVE)
    got = pane.work / "got"
    eventually(lambda: got.exists() and got.read_bytes())
    assert got.read_bytes() == b"go on\r"


def test_the_screen_tells_when_the_agent_waits_and_when_it_goes_on(pane: Pane, terminal: Callable[..., Tmux]) -> None:
    detectors = Detectors(waiting=(r"(?P<reason>Proceed\?) \[y/n\]",), done=(r"^> *$",))
    line = "printf 'Proceed? [y/n] '; read a; clear; echo working on $a; sleep 1; printf '\\n> '; read b"
    tmux = terminal("sh", "-c", line, detectors=detectors, mode=Mode.INTERACTIVE)
    eventually(lambda: pane.state() is State.WAITING)
    assert pane.store.status("fix").reason == "Proceed?"
    tmux.press("deck", "fix", ["y", "Enter"])
    eventually(lambda: pane.state() is State.WORKING)
    assert pane.store.status("fix").reason == ""
    eventually(lambda: pane.state() is State.DONE)
    assert pane.store.runner_lives("fix")
    tmux.press("deck", "fix", ["Enter"])
    eventually(lambda: not pane.store.runner_lives("fix"))
    assert pane.state() is State.DONE


def test_reports_of_the_clis_own_hooks_change_the_state_at_once(pane: Pane, terminal: Callable[..., Tmux]) -> None:
    from agentdeck.system.config.profiles import SHIPPED

    terminal("sleep", "100", reports="claude", mode=Mode.INTERACTIVE)
    eventually(lambda: pane.state() is State.WORKING)

    def report(**payload: Any) -> None:
        argv = ["/bin/sh", str(SHIPPED / "report.sh"), pane.orders.folder, "claude"]
        subprocess.run(argv, input=json.dumps(payload), text=True, check=True, timeout=5)

    report(hook_event_name="PermissionRequest", session_id="s1", tool_name="Bash", tool_input={"command": "make\nall"})
    eventually(lambda: pane.state() is State.WAITING, 2)
    status = pane.store.status("fix")
    assert (status.reason, status.session) == ("asks to use Bash: make all", "s1")
    notice = {"notification_type": "permission_prompt", "message": "Claude needs your permission"}
    report(hook_event_name="Notification", session_id="s1", **notice)
    eventually(lambda: not list(Path(pane.orders.folder, "inbox").glob("*.json")), 2)
    assert pane.store.status("fix").questions == status.questions, "a later notice of the same says less"
    report(hook_event_name="PostToolUse", session_id="s1")
    eventually(lambda: pane.state() is State.WORKING, 2)
    report(hook_event_name="Stop", session_id="s1")
    eventually(lambda: pane.state() is State.DONE, 2)
    report(hook_event_name="StopFailure", session_id="s1", error="rate_limit")
    eventually(lambda: pane.state() is State.LIMITED, 2)
    assert not list(Path(pane.orders.folder, "inbox").glob("*.json"))


REPAINTS = r"""
import sys, time
out = sys.stdout
for number in range(80):
    print("before", number)
for done in range(0, 101, 5):
    out.write(f"\x1b[2K\rprogress {done}%\n\x1b[1A")
    out.flush()
    time.sleep(0.03)
out.write("\n")
for number in range(120):
    print("after", number)
time.sleep(1.5)
print("the last line")
"""


def test_the_log_of_a_program_that_repaints_is_what_a_terminal_keeps(pane: Pane, terminal: Callable[..., Tmux]) -> None:
    terminal(sys.executable, "-c", REPAINTS)
    eventually(lambda: pane.state() is State.DONE, 15)
    wanted = [*(f"before {number}" for number in range(80)), "progress 100%"]
    wanted += [*(f"after {number}" for number in range(120)), "the last line"]
    assert [line for line in pane.log if line and not line.startswith("# agentdeck")] == wanted


def test_what_is_typed_to_a_shell_is_in_its_log_as_it_was_seen(pane: Pane, terminal: Callable[..., Tmux]) -> None:
    tmux = terminal("bash", "--norc", "-i", env={"PS1": "$ "})
    eventually(lambda: "$" in tmux.screen("deck", "fix"))
    for keys in (["e", "c", "h", "o", "Space", "w", "r", "BSpace", "o", "k", "Enter"], ["e", "x", "i", "t", "Enter"]):
        tmux.press("deck", "fix", keys)
    eventually(lambda: pane.state() is State.DONE)
    assert [line for line in pane.log if line][:3] == ["$ echo wok", "wok", "$ exit"]


def test_a_full_screen_program_leaves_its_last_screen_in_the_log(pane: Pane, terminal: Callable[..., Tmux]) -> None:
    paint = r"printf '\033[?1049h\033[H\033[2Jone'; sleep 0.8; printf '\033[H\033[2Jtwo'; sleep 1; printf '\033[?1049l'"
    terminal("sh", "-c", paint)
    eventually(lambda: pane.state() is State.DONE, 15)
    assert [line for line in pane.log if line][:1] == ["two"]


CLAUDE = Place("claude", ("~/.claude",), "projects/*/{session}.jsonl", prints="claude")


def test_a_cli_that_wrote_no_transcript_leaves_its_last_words_in_the_log(pane: Pane) -> None:
    line = "printf '\\033[31mnot logged in\\033[0m\\n'; exit 1"
    assert pane.run("sh", "-c", line, transcript=CLAUDE, mode=Mode.INTERACTIVE) == 1
    assert pane.log[0] == "not logged in"


def test_what_a_headless_cli_prints_is_read_where_it_has_no_transcript(pane: Pane) -> None:
    message = {
        "id": "m1",
        "model": "m",
        "content": [{"type": "text", "text": "It is done."}],
        "usage": {"input_tokens": 7},
    }
    printed = [json.dumps({"type": "assistant", "message": message}), "a warning", json.dumps({"type": "result"})]
    (pane.work / "printed").write_text("\n".join(printed) + "\n")
    assert pane.run("cat", "printed", transcript=CLAUDE, mode=Mode.HEADLESS) == 0
    assert sorted(line for line in pane.log if not line.startswith("#")) == ["a warning", "agent: It is done."]
    activity = pane.store.activity("fix")
    assert activity is not None
    assert (activity.requests, activity.usage.input) == (1, 7)
