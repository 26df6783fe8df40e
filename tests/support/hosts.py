"""Hosts that are folders of this machine, each with a home, a state and a tmux server of its own."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.system.fleet.channel import Channel
from agentdeck.system.fleet.hostlist import HostList, HostSpec
from agentdeck.system.fleet.links import LINKS
from agentdeck.system.fleet.reach import FolderReach
from agentdeck.system.terminal.tmux import SOCKET_VARIABLE, Tmux
from tests.support.decks import CONFIG, Bench
from tests.support.retry import eventually
from tests.support.sockets import end_server

NAMESPACES = ("unshare", "--user", "--map-current-user", "-pf", "--kill-child", "--mount-proc")


def has_namespaces() -> bool:
    """Whether this machine lets a user have processes of their own."""
    return subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False).returncode == 0


@dataclass
class Fleet:
    bench: Bench
    folder: Path
    names: list[str] = field(default_factory=list)

    def add(self, name: str, *labels: str) -> HostSpec:
        (self.folder / name / "tmp").mkdir(parents=True)
        own = self.folder / name / ".config/agentdeck/config.toml"
        own.parent.mkdir(parents=True)
        own.write_text("[runner]\ngrace_interrupt = 0.3\ngrace_terminate = 0.3\n")
        self.names.append(name)
        return HostList().add(HostSpec(name, folder=str(self.folder / name), labels=labels))

    def deck(self) -> Deck:
        return self.bench.deck()

    def start(self, name: str, line: str, on: str = "dev1", **words: object) -> AgentView:
        request = StartRequest(name=name, argv=("sh", "-c", line), on=on, **words)  # type: ignore[arg-type]
        return self.deck().start(request)

    def looked(self, name: str) -> AgentView:
        """The agent after a look at its host."""
        deck = self.deck()
        deck.fleet.refresh()
        return deck.agent(name)

    def boot(self, name: str) -> subprocess.Popen[bytes]:
        """Let the host have processes of its own, until its first one is killed: then all of them are gone at once."""
        child = subprocess.Popen([*NAMESPACES, "sleep", "infinity"], stdin=subprocess.DEVNULL)
        first = eventually(lambda: psutil.Process(child.pid).children())[0]
        eventually(lambda: first.name() == "sleep")
        enter = ("nsenter", "-t", str(first.pid), "-U", "--preserve-credentials", "-p", "-m", "--")
        LINKS.close()
        LINKS._failed.clear()
        HostList().put(replace(HostList().get(name), prefix=enter))
        return child

    def there(self, name: str) -> Deck:
        """The deck on that host."""
        (clone,) = (self.folder / name / ".local/state/agentdeck/decks").glob("*@*[!k]")
        return Deck.find(clone)

    def socket(self, name: str) -> str:
        words = FolderReach(str(self.folder / name)).argv([])
        return next(word.partition("=")[2] for word in words if word.startswith(f"{SOCKET_VARIABLE}="))

    def runners(self, name: str) -> list[int]:
        return [window.pid for window in Tmux(self.socket(name)).windows()]

    def channel(self, name: str) -> Channel:
        return LINKS.get(HostList().get(name))

    def cut(self) -> None:
        """End every connection of this process, as a network does."""
        for spec in HostList().all():
            with suppress(Exception):
                LINKS.get(spec)._child.kill()
        LINKS.close()

    def break_off(self, name: str) -> Path:
        """Let the host be unreachable; return what brings it back when it is renamed to its place."""
        LINKS.close()
        away = self.folder / f"{name}.away"
        spec = HostList().get(name)
        HostList().put(HostSpec(name, folder=str(away), program="/nowhere/agentdeck", labels=spec.labels))
        return away

    def reconnect(self, name: str) -> None:
        labels = HostList().get(name).labels
        HostList().put(HostSpec(name, folder=str(self.folder / name), labels=labels))
        LINKS._failed.clear()

    def power_cut(self, name: str) -> None:
        """End all that runs on the host at once."""
        for pid in self.runners(name):
            with suppress(psutil.Error):
                runner = psutil.Process(pid)
                for each in [*runner.children(recursive=True), runner]:
                    with suppress(psutil.Error):
                        each.kill()
        end_server(self.socket(name))
        LINKS.close()

    def end(self) -> None:
        LINKS.close()
        LINKS._failed.clear()
        for name in self.names:
            with suppress(Exception):
                for pid in self.runners(name):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            end_server(self.socket(name))


@pytest.fixture
def fleet(bench: Bench, tmp_path: Path) -> Iterator[Fleet]:
    """A deck and one host, `dev1`."""
    bench.write("agentdeck.toml", CONFIG.partition("[database]")[0])
    bench.commit("No database")
    made = Fleet(bench, tmp_path / "hosts")
    made.add("dev1")
    try:
        yield made
    finally:
        made.end()
