"""How to get a program's standard input and output on a host, as an argv."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from agentdeck.core.frozen import dataclass
from agentdeck.system.terminal.tmux import SOCKET_VARIABLE

SSH_VARIABLE = "AGENTDECK_SSH"
"""The words of the ssh to call, for one that is elsewhere or needs options; default `ssh`."""
_OPTIONS = ("ConnectTimeout=8", "ServerAliveInterval=5", "ServerAliveCountMax=3")
_FORWARDING = (*_OPTIONS, "BatchMode=yes", "ExitOnForwardFailure=yes", "ControlPath=none")
_FIND = 'PATH="$PATH:$HOME/.local/bin"; export PATH; exec "$@"'
"""Where uv and pipx put programs, which a shell without a terminal does not look in."""
_KEPT_OUT = ("AGENTDECK_", "GIT_DIR", "GIT_WORK_TREE", "TMUX")
"""What the caller has and another machine would not."""


class Reach(Protocol):
    @property
    def shown(self) -> str:
        """Where it leads, for a person."""

    def argv(self, command: Sequence[str], *, tty: bool = False) -> list[str]:
        """What to run here so that `command` runs there."""


def forwards(ports: Sequence[int]) -> list[str]:
    """Words for ssh: these ports of this machine are those of the host."""
    return [word for port in ports for word in ("-L", f"127.0.0.1:{port}:127.0.0.1:{port}")]


@dataclass(frozen=True, slots=True)
class SshReach:
    """The `ssh` of the person, with all that their configuration says of the destination."""

    destination: str

    @property
    def shown(self) -> str:
        return f"ssh {self.destination}"

    def argv(self, command: Sequence[str], *, tty: bool = False) -> list[str]:
        options = [*_OPTIONS, "ClearAllForwardings=yes", *([] if tty else ["BatchMode=yes"])]
        return self._argv(options, ["-t" if tty else "-T"], command)

    def tunnel(self, command: Sequence[str], *, there: int, here: int) -> list[str]:
        """As `argv`; while it runs, the port `there` of the host is the port `here` of this machine."""
        return self._argv(_FORWARDING, ["-T", "-R", f"127.0.0.1:{there}:127.0.0.1:{here}"], command)

    def forward(self, command: Sequence[str], ports: Sequence[int]) -> list[str]:
        """As `argv`; while it runs, these ports of this machine are those of the host."""
        return self._argv(_FORWARDING, ["-T", *forwards(ports)], command)

    def _argv(self, options: Sequence[str], words: Sequence[str], command: Sequence[str]) -> list[str]:
        given = [word for option in options for word in ("-o", option)]
        there = shlex.join(["sh", "-c", _FIND, "sh", *command])
        return [*ssh_words(), *given, *words, "--", self.destination, there]


@dataclass(frozen=True, slots=True)
class FolderReach:
    """A host that is a folder of this machine, with a home and a tmux server of its own: to try things out."""

    folder: str
    prefix: tuple[str, ...] = ()
    """What it runs under, such as `unshare`."""

    @property
    def shown(self) -> str:
        return f"folder {self.folder}"

    def argv(self, command: Sequence[str], *, tty: bool = False) -> list[str]:
        home = Path(self.folder)
        own = {
            "HOME": home,
            "XDG_STATE_HOME": home / ".local/state",
            "XDG_CONFIG_HOME": home / ".config",
            "TMPDIR": home / "tmp",
            SOCKET_VARIABLE: f"agentdeck-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}",
        }
        gone = [word for name in os.environ if name.startswith(_KEPT_OUT) for word in ("-u", name)]
        return [*self.prefix, "env", *gone, *(f"{name}={value}" for name, value in own.items()), *command]

    def tunnel(self, command: Sequence[str], *, there: int, here: int) -> list[str]:
        """As that of ssh: a port of this machine is one there already."""
        return self.argv(command)


@dataclass(frozen=True, slots=True)
class ExecReach:
    """A program that runs another one elsewhere: `podman exec -i box`, `kubectl exec -i pod --`, `srun …`."""

    words: tuple[str, ...]
    title: str = ""
    login: str = ""
    """Where ssh goes first; empty: it runs here."""

    @property
    def shown(self) -> str:
        return self.title or f"exec {shlex.join(self.words)}"

    def argv(self, command: Sequence[str], *, tty: bool = False) -> list[str]:
        words = with_terminal(self.words) if tty else list(self.words)
        there = [*words, "sh", "-c", _FIND, "sh", *command]
        return SshReach(self.login).argv(there, tty=tty) if self.login else there


def with_terminal(words: Sequence[str]) -> list[str]:
    """The same words for a command that has a terminal: `srun --pty`, and `-it` for the `-i` of all that call their
    verb `exec`."""
    if Path(words[0]).name == "srun":
        return [words[0], "--pty", *words[1:]]
    found = list(words)
    if "exec" in words and "-i" in words:
        found[found.index("-i")] = "-it"
    return found


def ssh_words() -> list[str]:
    return shlex.split(os.environ.get(SSH_VARIABLE, "")) or ["ssh"]


def own_program() -> list[str]:
    """This program, for a host that is a folder of this machine."""
    return [sys.executable, "-m", "agentdeck"]
