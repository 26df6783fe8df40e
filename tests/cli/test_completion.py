from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import agentdeck, objects, put_agent, read_until
from tests.support.decks import Bench

SETUP = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(agentdeck completion bash)"'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -U compinit; compinit -u -D; eval "$(agentdeck completion zsh)"',
    ),
}
LINES = [
    ("agentdeck show lo", "agentdeck show login"),
    ("agentdeck resu", "agentdeck resume"),
    ("agentdeck run --agent code", "agentdeck run --agent codex"),
    ("agentdeck run --tier reas", "agentdeck run --tier reasoning"),
    ("agentdeck run --branch fea", "agentdeck run --branch feature/one"),
    ("agentdeck logs --foll", "agentdeck logs --follow"),
    ("agentdeck completion fi", "agentdeck completion fish"),
]


def environment(bench: Bench) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TERM": "dumb",
        "PS1": "$ ",
        "INPUTRC": "/dev/null",
    }


def typed(bench: Bench, shell: str, line: str) -> str:
    """Type `line` and Tab at a real shell on a terminal; return what the line became."""
    argv, setup = SETUP[shell]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(bench.root)
        os.execvpe(argv[0], argv, environment(bench))
    try:
        os.write(terminal, f"{setup}; echo READY-$((20 + 3))\r".encode())
        read_until(terminal, "READY-23")
        os.write(terminal, f"{line}\t\x01echo 'BECAME:\x05' $((40 + 5))\r".encode())
        seen = read_until(terminal, " 45")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)
    return seen.rpartition("BECAME:")[2].split(" 45")[0].strip()


@pytest.fixture
def deck(bench: Bench) -> Bench:
    put_agent(bench.root, "login")
    put_agent(bench.root, "docs")
    bench.git("branch", "feature/one")
    return bench


@pytest.mark.slow
@pytest.mark.parametrize("shell", SETUP)
@pytest.mark.parametrize(("line", "became"), LINES)
def test_tab_completes(deck: Bench, shell: str, line: str, became: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert typed(deck, shell, line) == became


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(("line", "became"), LINES)
def test_fish_completes(deck: Bench, line: str, became: str) -> None:
    script = f"agentdeck completion fish | source; complete -C '{line}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        cwd=deck.root,
        env=environment(deck),
        capture_output=True,
        text=True,
        check=False,
    )
    offered = [each.split("\t")[0] for each in done.stdout.splitlines()]
    assert became.rpartition(" ")[2] in offered, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_as_json(tmp_path: Path, shell: str) -> None:
    (found,) = objects(agentdeck("completion", shell, "--json", cwd=tmp_path).stdout)
    assert found["shell"] == shell
    assert "agentdeck" in found["script"]


def test_outside_of_a_repository_nothing_is_offered_and_nothing_said(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    line = "agentdeck show "
    asked = {
        "_ARGCOMPLETE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
    }
    done = agentdeck(cwd=tmp_path, env=asked)
    assert done.stdout + done.stderr == ""
    assert "login" not in answer.read_text()
