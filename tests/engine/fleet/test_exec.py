"""Hosts behind a command that runs others: a container of this machine."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agentdeck.core.agents.agent import State
from agentdeck.errors import UsageError
from agentdeck.system.fleet.hostlist import HostList, check_words
from agentdeck.system.fleet.reach import ExecReach
from tests.support.cli import agentdeck
from tests.support.hosts import Fleet
from tests.support.retry import eventually
from tests.support.sshd import PROGRAM


def can_contain() -> bool:
    words = ["unshare", "--uts", "--pid", "--mount", "--fork", "true"]
    return (
        shutil.which("nsenter") is not None and subprocess.run(words, capture_output=True, check=False).returncode == 0
    )


@pytest.fixture
def container(fleet: Fleet, tmp_path: Path) -> Iterator[str]:
    """The words that run another command in it. It has processes, mounts, a name and a home of its own."""
    HostList().remove("dev1")
    words = ["unshare", "--uts", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]
    process = subprocess.Popen([*words, "sh", "-c", "hostname box; exec sleep 1000"], stdin=subprocess.DEVNULL)
    try:
        eventually(lambda: psutil.Process(process.pid).children())
        inner = psutil.Process(process.pid).children()[0].pid
        eventually(lambda: psutil.Process(inner).name() == "sleep")
        home = tmp_path / "box"
        (home / "tmp").mkdir(parents=True)
        fleet.folder = tmp_path
        fleet.names = ["box"]
        own = [f"HOME={home}", f"XDG_STATE_HOME={home}/.local/state", f"XDG_CONFIG_HOME={home}/.config"]
        own += [f"TMPDIR={home}/tmp", f"AGENTDECK_TMUX_SOCKET={fleet.socket('box')}"]
        yield shlex.join(["nsenter", "-t", str(inner), "-u", "-p", "-m", "--", "env", *own])
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(not can_contain(), reason="needs unshare and nsenter, and the rights for them")
def test_an_agent_runs_in_a_container_that_is_a_host(fleet: Fleet, container: str) -> None:
    root = fleet.bench.root
    added = agentdeck("hosts", "add", "box", "--exec", f"exec:{container}", "--program", PROGRAM, cwd=root)
    assert added.returncode == 0, added.stderr
    for key, value in (("name", "Test"), ("email", "test@example.org")):
        fleet.bench.git("config", f"user.{key}", value)
    line = "hostname > where; echo $$ >> where; git add where; git commit -qm Where"
    view = fleet.start("bot", line, on="box")
    deck = fleet.deck()
    assert view.host == "box" and deck.wait("bot").state is State.DONE
    merged = agentdeck("merge", "bot", "--remove", cwd=root)
    assert merged.returncode == 0, merged.stderr
    name, pid = fleet.bench.git("show", "main:where").split()
    assert name == "box" and int(pid) < 1000  # the container's own numbers
    gone = agentdeck("hosts", "rm", "box", cwd=root)
    assert gone.returncode == 0, gone.stderr


@pytest.mark.parametrize(
    ("words", "tty"),
    [
        ("podman exec -i box", "podman exec -it box"),
        ("docker exec -i -u me box", "docker exec -it -u me box"),
        ("kubectl -n ns exec -i pod --", "kubectl -n ns exec -it pod --"),
        ("devcontainer exec --workspace-folder .", "devcontainer exec --workspace-folder ."),
        ("/usr/bin/srun --jobid=7", "/usr/bin/srun --pty --jobid=7"),
    ],
)
def test_a_terminal_is_asked_for_where_it_is_needed(words: str, tty: str) -> None:
    reach = ExecReach(check_words(f"exec:{words}"))
    assert shlex.join(reach.argv(["x"])).startswith(f"{words} sh -c ")
    assert shlex.join(reach.argv(["x"], tty=True)).startswith(f"{tty} sh -c ")
    assert reach.argv(["a b", "c"])[-2:] == ["a b", "c"]
    through = ExecReach(check_words(words), login="login1").argv(["a b"], tty=True)
    assert through[0] == "ssh" and through[-2] == "login1" and through[-1].endswith("sh 'a b'")


@pytest.mark.parametrize("text", ["", "exec:", "-x y", "exec:-x", "podman 'exec"])
def test_what_is_no_command_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no command"):
        check_words(text)
