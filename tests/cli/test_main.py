from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from agentdeck import __version__
from agentdeck.cli import main as cli
from agentdeck.cli import reading
from agentdeck.errors import ExitCode
from tests.support.cli import PROGRAM, agentdeck, objects, put_agent, read_until
from tests.support.decks import Bench


def test_the_help(tmp_path: Path) -> None:
    done = agentdeck("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: agentdeck")


def test_no_verb_and_no_terminal_is_a_sentence(bench: Bench) -> None:
    done = agentdeck(cwd=bench.root)
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.startswith("agentdeck: The dashboard needs a terminal.\n→ “agentdeck ls”")
    assert "no JSON" in agentdeck("--json", cwd=bench.root).stderr


def test_no_verb_outside_of_a_repository_says_so(tmp_path: Path) -> None:
    import pty

    terminal, end = pty.openpty()
    child = subprocess.Popen(PROGRAM, cwd=tmp_path, stdin=end, stdout=end, stderr=end)
    os.close(end)
    read_until(terminal, "is not in a git repository")
    assert child.wait(20) == ExitCode.NOT_FOUND
    os.close(terminal)


@pytest.mark.parametrize("line", ["--version", "version"])
def test_the_version(tmp_path: Path, line: str) -> None:
    assert agentdeck(line, cwd=tmp_path).stdout == f"agentdeck {__version__}\n"
    (found,) = objects(agentdeck(line, "--json", cwd=tmp_path).stdout)
    assert found["version"] == __version__


@pytest.mark.parametrize(
    ("line", "code", "stderr"),
    [
        ("sl", ExitCode.USAGE, "agentdeck: There is no verb “sl”.\n→ Did you mean “agentdeck ls”?\n"),
        ("xyzzy", ExitCode.USAGE, "agentdeck: There is no verb “xyzzy”.\n→ “agentdeck --help” lists the verbs.\n"),
        ("-C /nowhere ls", ExitCode.NOT_FOUND, "agentdeck: The folder /nowhere can't be opened.\n  No such file"),
        ("ls", ExitCode.NOT_FOUND, "agentdeck: {cwd} is not in a git repository.\n→ "),
    ],
)
def test_an_error_is_a_sentence_and_a_code(tmp_path: Path, line: str, code: ExitCode, stderr: str) -> None:
    done = agentdeck(*line.split(), cwd=tmp_path)
    assert done.returncode == code
    assert done.stderr.startswith(stderr.format(cwd=tmp_path))
    assert done.stdout == ""


def test_an_error_is_an_object_too_where_json_was_asked_for(tmp_path: Path) -> None:
    done = agentdeck("ls", "--json", cwd=tmp_path)
    (found,) = objects(done.stdout)
    assert found["type"] == "error"
    assert found["error"]["exit_code"] == done.returncode == ExitCode.NOT_FOUND
    assert found["error"]["title"] in done.stderr
    (found,) = objects(agentdeck("--json", "sl", cwd=tmp_path).stdout)
    assert found["error"]["exit_code"] == ExitCode.USAGE


def test_json_in_the_command_of_run_is_not_ours(tmp_path: Path) -> None:
    assert agentdeck("run", "--", "tool", "--json", cwd=tmp_path).stdout == ""


def test_another_folder(bench: Bench, tmp_path: Path) -> None:
    put_agent(bench.root, "one")
    assert "one" in agentdeck("-C", str(bench.root), "ls", cwd=tmp_path).stdout
    assert "one" in agentdeck("ls", "-C", str(bench.root / "src"), cwd=tmp_path).stdout


def test_a_reader_that_went_away_ends_it_quietly(bench: Bench) -> None:
    for number in range(3):
        put_agent(bench.root, f"agent-{number}", reason="x" * 100_000)
    process = subprocess.Popen(
        [*PROGRAM, "ls", "--json"], cwd=bench.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(20) == ExitCode.BROKEN_PIPE


def test_a_bug_is_one_sentence_and_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def broken(*_: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(reading, "ls", broken)
    assert cli.main(["ls"]) == ExitCode.INTERNAL
    (report,) = (tmp_path / "agentdeck").iterdir()
    stderr = capsys.readouterr().err
    assert stderr.startswith("agentdeck: A bug in AgentDeck: ZeroDivisionError.\n  of all things\n")
    assert str(report) in stderr
    assert "Traceback" in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o600
    assert "Traceback" not in stderr


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reading, "ls", interrupted)
    assert cli.main(["ls"]) == ExitCode.INTERRUPTED


@pytest.mark.parametrize("locale", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LANG": "C"}])
@pytest.mark.skipif(not sys.prefix.isascii(), reason="in such a folder Python can't find editable installs by itself")
def test_a_terminal_that_knows_ascii_only(bench: Bench, locale: dict[str, str]) -> None:
    put_agent(bench.root, "one", reason="日本")
    done = agentdeck("ls", cwd=bench.root, env=locale)
    assert done.returncode == 0
    assert "one" in done.stdout


def test_a_minimal_environment_as_crons(bench: Bench) -> None:
    put_agent(bench.root, "one")
    environment = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        [*PROGRAM, "ls"],
        cwd=bench.root,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    assert "one" in done.stdout


def test_help_into_a_closed_pipe(tmp_path: Path) -> None:
    line = f"{shlex.quote(sys.executable)} -m agentdeck --help | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines()[0].startswith("usage: agentdeck")


@pytest.mark.parametrize("line", ["ls", "ls --json", "version", "show one", "config", "completion bash"])
def test_output_that_can_not_be_written_is_a_sentence(bench: Bench, line: str) -> None:
    put_agent(bench.root, "one")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, *line.split()], cwd=bench.root, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
        assert done.returncode == ExitCode.FAILED
        assert done.stderr == "agentdeck: The output can't be written.\n  No space left on device\n"
        code = subprocess.call([*PROGRAM, line, "more"], cwd=bench.root, stdout=full, stderr=full)
        assert code == ExitCode.USAGE
