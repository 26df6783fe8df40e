from __future__ import annotations

import os
import signal
import subprocess
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agentdeck.cli.parser import parse, split_command
from agentdeck.cli.run import outcome_of_many, queued_tasks, request_of
from agentdeck.core.agents.agent import Agent, Fault, Mode, State, Status
from agentdeck.engine.views import AgentView, TaskEnd
from agentdeck.errors import ExitCode, NotFoundError, UntrustedError, UsageError
from tests.support.boxes import skip_without_box
from tests.support.cli import PROGRAM, agentdeck, objects
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.verdicts import assert_ok, assert_refused


def parsed(*argv: str) -> Namespace:
    words, command = split_command(["run", *argv])
    args = parse(words)
    args.command = command
    return args


def running(bench: Bench, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, "run", *args],
        cwd=bench.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


# What is asked for


def test_the_task_comes_from_the_line_a_file_or_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert request_of(parsed("Fix", "it")).task == "Fix it"
    path = tmp_path / "täsk.md"
    path.write_text("\ufeffFix it,\nnaïvely.\n", "utf-8")
    assert request_of(parsed("--task-file", str(path))).task == "Fix it,\nnaïvely."
    with path.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert request_of(parsed("-")).task == "Fix it,\nnaïvely."


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("task -- sh", "either a task or a command"),
        ("-a codex -- sh", "either -a or a command"),
        ("--task-file x task", ", not both"),
        ("--task-file /dev/null", "no task in /dev/null"),
    ],
)
def test_a_line_that_contradicts_itself(line: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        request_of(parsed(*line.split()))


@pytest.mark.parametrize(
    ("line", "mode"),
    [
        ("task", Mode.HEADLESS),
        ("-d task", None),
        ("--interactive task", Mode.INTERACTIVE),
        ("-d --headless task", Mode.HEADLESS),
        ("-- sh", None),
    ],
)
def test_without_a_terminal_a_run_that_waits_is_headless(line: str, mode: Mode | None) -> None:
    assert request_of(parsed(*line.split())).mode is mode


def test_what_the_line_says_holds_where_a_task_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tasks.toml"
    path.write_text(
        '[[task]]\nname = "Write It"\ntask = "x"\nagent = "codex"\nenv = { A = "file" }\n'
        '[[task]]\nname = "b"\ntask = "y"\nafter = ["write it"]\ntimeout = 5\n'
        '[[task]]\nname = "c"\ncommand = ["sh"]\n'
    )
    first, second, third = queued_tasks(
        parsed("-f", str(path), "-a", "aider", "--timeout", "1h", "--env", "A=line", "--env", "B=line")
    )
    assert (first.request.profile, first.request.timeout) == ("codex", 3600)
    assert first.request.env == {"A": "file", "B": "line"}
    assert (second.request.profile, second.request.timeout, second.after) == ("aider", 5, ("write-it",))
    assert (first.name, first.request.name) == ("write-it", "Write It")
    assert (third.request.profile, third.request.argv) == (None, ("sh",))


def ended(state: State, fault: Fault = Fault.NONE) -> TaskEnd:
    return TaskEnd(AgentView(Agent("a", "", "", Mode.HEADLESS, 0.0), Status(state, 0.0, fault=fault), alive=False))


skipped = TaskEnd()
refused, unknown = TaskEnd(error=UntrustedError("x")), TaskEnd(error=NotFoundError("x"))


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ([ended(State.DONE), ended(State.LANDED)], ExitCode.OK),
        ([ended(State.DONE), skipped], ExitCode.FAILED),
        ([ended(State.DONE), ended(State.FAILED, Fault.TIMED_OUT)], ExitCode.TIMED_OUT),
        ([ended(State.FAILED, Fault.LIMITED), ended(State.FAILED, Fault.TIMED_OUT)], ExitCode.FAILED),
        ([ended(State.FAILED, Fault.LIMITED), skipped, skipped], ExitCode.TRY_LATER),
        ([ended(State.DONE), refused, refused, skipped], ExitCode.UNTRUSTED),
        ([ended(State.FAILED, Fault.LIMITED), refused], ExitCode.FAILED),
        ([unknown, skipped], ExitCode.NOT_FOUND),
    ],
)
def test_the_code_of_many(ends: list[TaskEnd], code: ExitCode) -> None:
    assert outcome_of_many(ends) is code


# What happens


@pytest.mark.parametrize(
    ("line", "code", "state"),
    [("true", ExitCode.OK, "done"), ("exit 3", ExitCode.FAILED, "failed"), ("sleep 60", ExitCode.TIMED_OUT, "failed")],
)
def test_run_exits_as_the_agent_ends(bench: Bench, line: str, code: ExitCode, state: str) -> None:
    done = agentdeck("run", "-n", "bot", "--timeout", "2", "--", "sh", "-c", line, cwd=bench.root)
    assert done.returncode == code
    assert done.stdout == "bot\n"
    assert f"{state} bot after" in done.stderr
    assert agentdeck("run", "-q", "-n", "quiet", "--", "true", cwd=bench.root).stderr == ""


def test_run_streams_json_and_ends_with_the_agent(bench: Bench) -> None:
    done = agentdeck("run", "--json", "-n", "bot", "--env", "A=b", "--", "sh", "-c", "exit 7", cwd=bench.root)
    *events, last = objects(done.stdout)
    assert {each["type"] for each in events} == {"event"}
    kinds = [each["kind"] for each in events]
    assert kinds[0] == "agent.created"
    assert kinds.count("agent.created") == 1
    assert [each["data"]["to"] for each in events if each["kind"] == "state.changed"][-1] == "failed"
    assert (last["type"], last["state"], last["exit_code"], last["outcome"]) == ("agent", "failed", 7, 1)
    assert done.returncode == last["outcome"]


def test_detached_it_comes_back_at_once_with_the_name(bench: Bench) -> None:
    done = agentdeck("run", "-d", "-n", "bot", "--", "sleep", "60", cwd=bench.root)
    assert (done.returncode, done.stdout) == (0, "bot\n")
    assert bench.deck().agent("bot").alive


def test_a_program_that_nobody_can_find_is_refused_before_anything_is_made(bench: Bench) -> None:
    done = agentdeck("run", "-d", "--", "no-such-program", cwd=bench.root)
    assert_refused(done, ExitCode.MISSING_TOOL, says=["no-such-program", "sh -c"])
    assert bench.worktrees() == [str(bench.root)]
    tool = bench.write("bin/no-such-program", "#!/bin/sh\n", cwd=bench.home)
    tool.chmod(0o755)
    assert_ok(agentdeck("run", "--env", f"PATH={tool.parent}:{os.environ['PATH']}", "--", tool.name, cwd=bench.root))


def test_an_agent_is_found_in_the_path_that_agents_get_as_from_cron(bench: Bench) -> None:
    tool = bench.write("bin/my-cli", '#!/bin/sh\necho "I was told: $1"\n', cwd=bench.home)
    tool.chmod(0o755)
    profile = 'title = "Mine"\ncommand = "my-cli"\ninstall = "x"\n[headless]\nprompt = ["my-cli", "{prompt}"]\n'
    bench.write(".config/agentdeck/profiles/mine.toml", profile, cwd=bench.home)
    assert_refused(agentdeck("run", "-a", "mine", "Do it", cwd=bench.root), ExitCode.MISSING_TOOL, says=["my-cli"])
    bench.write("keys.env", f"PATH={tool.parent}:/usr/bin:/bin\n", cwd=bench.home)
    bench.write("agentdeck.toml", f"[agent]\nenv_file = '{bench.home}/keys.env'\n")
    assert agentdeck("run", "-n", "one", "-a", "mine", "Do it", cwd=bench.root).returncode == ExitCode.UNCHANGED
    assert "I was told: Do it" in agentdeck("logs", "one", cwd=bench.root).stdout


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_agent(bench: Bench, number: signal.Signals) -> None:
    process = running(bench, "-n", "bot", "--", "sh", "-c", "trap '' INT; touch up; while :; do sleep 0.1; done")
    assert process.stdout is not None
    assert process.stdout.readline() == "bot\n"
    eventually((bench.root / ".worktrees/bot/up").exists)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "stopping bot" in stderr
    view = bench.deck().agent("bot")
    assert (view.state, view.alive) == (State.STOPPED, False)


@pytest.mark.slow
def test_a_terminal_that_closes_leaves_the_agent_at_work(bench: Bench) -> None:
    process = running(bench, "-n", "bot", "--", "sh", "-c", "touch up; sleep 60")
    assert process.stdout is not None
    assert process.stdout.readline() == "bot\n"
    eventually((bench.root / ".worktrees/bot/up").exists)
    os.killpg(process.pid, signal.SIGHUP)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGHUP
    view = bench.deck().agent("bot")
    assert (view.state, view.alive) == (State.WORKING, True)


@pytest.mark.slow
def test_one_id_is_one_run_and_only_its_caller_stops_it(bench: Bench) -> None:
    line = ("--id", "nightly", "--", "sh", "-c", "touch up; sleep 60")
    with ThreadPoolExecutor(4) as pool:
        calls = list(pool.map(lambda _: agentdeck("run", "-d", *line, cwd=bench.root), range(4)))
    assert {(call.returncode, call.stdout) for call in calls} == {(0, "sh\n")}
    assert len(bench.deck().agents()) == 1
    second = running(bench, *line)
    assert second.stdout is not None
    assert second.stdout.readline() == "sh\n"
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=30)
    assert second.returncode == ExitCode.INTERRUPTED
    assert bench.deck().agent("sh").alive


@pytest.mark.slow
def test_a_file_of_tasks(bench: Bench) -> None:
    bench.write(
        "tasks.toml",
        '[[task]]\nname = "two"\ncommand = ["sh", "-c", "date +%s.%N > ../../two"]\nafter = ["one"]\n'
        '[[task]]\nname = "one"\ncommand = ["sh", "-c", "sleep 0.3; date +%s.%N > ../../one"]\n'
        '[[task]]\nname = "bad"\ncommand = ["sh", "-c", "exit 3"]\n'
        '[[task]]\nname = "never"\ncommand = ["sh", "-c", "touch ../../never"]\nafter = ["bad"]\n',
    )
    done = agentdeck("run", "-f", "tasks.toml", "--jobs", "2", "--json", cwd=bench.root)
    assert done.returncode == ExitCode.FAILED
    last = {each["name"]: each["state"] for each in objects(done.stdout) if each["type"] == "agent"}
    assert last == {"two": "done", "one": "done", "bad": "failed"}
    assert float((bench.root / "one").read_text()) < float((bench.root / "two").read_text())
    assert not (bench.root / "never").exists()
    assert "skipped" in done.stderr


def test_a_file_of_tasks_that_is_wrong_starts_nothing(bench: Bench) -> None:
    bench.write("tasks.toml", '[[task]]\nname = "one"\ncommand = ["true"]\n[[task]]\nname = "one"\ntask = "x"\n')
    done = agentdeck("run", "-f", "tasks.toml", cwd=bench.root)
    assert done.returncode == ExitCode.CONFIG
    assert "tasks.toml:5: “one” is the name of two tasks" in done.stderr
    assert bench.deck().agents() == []


@pytest.mark.parametrize("line", ["-f x task", "-f x -n y", "-f x -- sh", "-j 2 task", "-f x --id 3"])
def test_options_that_do_not_go_with_a_file_of_tasks(bench: Bench, line: str) -> None:
    assert agentdeck("run", *line.split(), cwd=bench.root).returncode == ExitCode.USAGE


def test_from_cron(bench: Bench) -> None:
    """No terminal, a short PATH, no TERM, no HOME: what cron gives, plus where the test's tmux server is."""
    kept = ("PATH", "AGENTDECK_TMUX_SOCKET", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL")
    environment = {key: os.environ[key] for key in kept} | {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
    bench.write("agentdeck.toml", '[agent]\nenv_file = "keys.env"\n')
    bench.write("keys.env", 'export API_KEY="from the file"\n')
    done = subprocess.run(
        [*PROGRAM, "run", "-n", "bot", "--", "sh", "-c", 'echo "key=$API_KEY"; test -n "$TERM"'],
        cwd=bench.root,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    assert "key=from the file" in agentdeck("logs", "bot", cwd=bench.root).stdout
    lines = bench.deck().store.runs_log.read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["START", "OK"]


def test_the_permission_for_all_is_given_to_those_who_say_it_twice(bench: Bench) -> None:
    words = ("run", "--agent", "demo", "-n", "it", "--headless", "--permission", "all", "--no-box")
    assert_refused(agentdeck(*words, "Go", cwd=bench.root), says=["anything that you can"])
    assert bench.worktrees() == [str(bench.root)]
    bench.own('[agent]\npermission = "all"\n')
    assert agentdeck("run", "--agent", "demo", "Go", cwd=bench.root).returncode == ExitCode.REFUSED
    assert_ok(agentdeck(*words, "Go", cwd=bench.root))
    assert_ok(agentdeck(*words, "--permission", "all", "-n", "two", "Go", cwd=bench.root))
    assert bench.deck().agent("two").agent.permission == "all"


def test_in_a_full_box_where_it_can_do_less_it_is_said_once(bench: Bench) -> None:
    skip_without_box(alone=True)
    words = ("run", "--agent", "demo", "-n", "it", "--headless", "--permission", "all")
    assert_refused(agentdeck(*words, "--box", "files", "Go", cwd=bench.root), says=["leaves it your whole network"])
    bench.write("list.toml", '[[task]]\nname = "a"\ntask = "Go"\npermission = "all"\n')
    assert_refused(agentdeck(*words, "--permission", "all", "Go", cwd=bench.root), says=["no full box"])
    listed = agentdeck("run", "-a", "demo", "--permission", "all", "-f", "list.toml", cwd=bench.root)
    assert listed.returncode
    assert "no full box" in listed.stderr
    assert_ok(agentdeck(*words, "--box", "full", "Go", cwd=bench.root))
    own = ("run", "--permission", "all", "--no-box", "-a", "demo", "-f", "list.toml")
    assert_ok(agentdeck(*own, cwd=bench.root))
    assert bench.deck().agent("a").agent.permission == "all"


def test_a_level_that_the_cli_does_not_have_is_named(bench: Bench) -> None:
    done = agentdeck("run", "--agent", "shell", "--permission", "edit", "ls", cwd=bench.root)
    assert (done.returncode, "has no permission level “edit”" in done.stderr) == (ExitCode.USAGE, True)
    done = agentdeck("run", "--permission", "edit", "--", "true", cwd=bench.root)
    assert (done.returncode, "it has no permission levels" in done.stderr) == (ExitCode.USAGE, True)


def test_a_model_that_cannot_be_told_is_refused_in_a_sentence(bench: Bench) -> None:
    refused = {
        ("--model", "opus", "--", "true"): "it can't be told a model",
        ("--model", "opus", "--race", "demo,shell", "Go"): "--model doesn't work with --race",
        ("--agent", "demo", "--model", "opus", "Go"): "Demo (scripted, no model) can't be told which model to use",
        ("--agent", "bot", "--model", "-x y", "Go"): "is not a model's name",
        ("--agent", "bot", "--tier", "deep", "--model", "opus", "Go"): "The tier “deep” names the model",
    }
    text = (
        'title = "Bot"\ncommand = "sh"\ninstall = "none"\n'
        'headless.prompt = ["sh", "-c", "echo m=$BOT_MODEL", "{prompt}"]\n'
        'model = { env = { BOT_MODEL = "{model}" }, default = "beta" }\ngateway = { api = "messages" }\n'
    )
    bench.write(".config/agentdeck/profiles/bot.toml", text, cwd=bench.home)
    bench.own('[tiers]\ndeep = ["anthropic:claude-opus-4-5"]\n')
    for words, says in refused.items():
        done = agentdeck("run", *(f"{each}" for each in words), cwd=bench.root)
        assert (done.returncode, says in done.stderr) == (ExitCode.USAGE, True), done.stderr
    assert bench.deck().agents() == []
    for name, asked in (("told", ("--model", "vendor/alpha")), ("own", ())):
        agentdeck("run", "-a", "bot", "-n", name, "--headless", *asked, "Go", cwd=bench.root)
        agentdeck("resume", "--wait", name, cwd=bench.root)
        model = asked[1] if asked else "beta"
        assert f"m={model}" in agentdeck("logs", name, cwd=bench.root).stdout
        assert f"model {model}" in agentdeck("show", name, cwd=bench.root).stdout


@pytest.mark.slow
def test_tasks_start_side_by_side_and_an_interrupt_takes_them_back(bench: Bench) -> None:
    branches = bench.branches()
    hook = bench.write(".git/hooks/post-checkout", f"#!/bin/sh\ntouch '{bench.home}/begun-'$$\nexec sleep 60\n")
    hook.chmod(0o755)
    bench.write("tasks.toml", "".join(f'[[task]]\nname = "t{n}"\ncommand = ["true"]\n' for n in range(3)))
    process = running(bench, "-f", "tasks.toml", "--jobs", "3")
    eventually(lambda: len(list(bench.home.glob("begun-*"))) >= min(os.cpu_count() or 1, 3), timeout=30)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert bench.deck().agents() == []
    assert (bench.worktrees(), bench.branches()) == ([str(bench.root)], branches)
