"""Real ssh servers on loopback, of the user who runs the tests; each is a host with a home of its own."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support.hosts import Fleet

SSHD = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
PROGRAM = str(Path(sys.executable).parent / "agentdeck")


@dataclass
class Servers:
    folder: Path
    config: Path
    """For `ssh -F`."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        assert SSHD is not None
        config = self.folder / f"{name}.sshd"
        self.processes[name] = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)
        _wait_for(int(config.read_text().split(maxsplit=2)[1]))

    def stop(self, name: str) -> None:
        """End it with all its connections, as a cable that is pulled does; what runs there goes on."""
        server = psutil.Process(self.processes[name].pid)
        for session in server.children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # it has ended by itself
                if session.name() == "sshd":
                    session.kill()
        self.processes[name].kill()
        self.processes[name].wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def servers(folder: Path, fleet: Fleet, *names: str, variables: Mapping[str, str] | None = None) -> Iterator[Servers]:
    """A server for each name, with the environment of the folder host of that name, and these variables."""
    assert SSHD is not None
    folder.mkdir()
    key, host_key = folder / "key", folder / "host_key"
    for each in (key, host_key):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(each)], check=True)
    shutil.copy(folder / "key.pub", folder / "authorized")
    made = Servers(folder, folder / "ssh_config")
    entries = []
    for name in names:
        port = free_port()
        home = fleet.folder / name
        (home / "tmp").mkdir(parents=True)
        (home / ".gitconfig").write_text("[user]\n\tname = Test\n\temail = test@example.org\n")
        own = [f"HOME={home}", f"XDG_STATE_HOME={home}/.local/state", f"XDG_CONFIG_HOME={home}/.config"]
        own += [f"TMPDIR={home}/tmp", f"AGENTDECK_TMUX_SOCKET={fleet.socket(name)}"]
        own += [f"{key}={value}" for key, value in (variables or {}).items()]
        wrapper = folder / f"{name}.sh"
        wrapper.write_text(f'#!/bin/sh\nexec env {shlex.join(own)} sh -c "$SSH_ORIGINAL_COMMAND"\n')
        wrapper.chmod(0o755)
        config = folder / f"{name}.sshd"
        config.write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nAuthorizedKeysFile {folder}/authorized\n"
            f"PidFile {folder}/{name}.pid\nStrictModes no\nUsePAM no\nMaxSessions 2\nPasswordAuthentication no\n"
            f"PermitRootLogin yes\nForceCommand {wrapper}\n"
        )
        made.start(name)
        fleet.names.append(name)
        entries.append(
            f"Host {name}\n HostName 127.0.0.1\n Port {port}\n User {getpass.getuser()}\n IdentityFile {key}\n"
            " IdentitiesOnly yes\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n"
        )
    made.config.write_text("\n".join(entries))
    try:
        yield made
    finally:
        for process in made.processes.values():
            process.kill()
            process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"no sshd at {port}")


def can_run() -> bool:
    """Whether sshd is here, and can run as this user."""
    return SSHD is not None and (os.geteuid() != 0 or Path("/run/sshd").is_dir())
