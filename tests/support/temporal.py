"""Temporal's real development server on loopback."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.retry import eventually
from tests.support.sshd import free_port

SERVER = shutil.which(str(Path(sys.executable).parent / "temporal")) or shutil.which("temporal")


def can_run() -> bool:
    return SERVER is not None and importlib.util.find_spec("temporalio") is not None


@dataclass
class Server:
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"temporal://127.0.0.1:{self.port}/default"

    def start(self) -> None:
        assert SERVER is not None
        words = [SERVER, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self.port)]
        words += ["--db-filename", str(self.folder / "temporal.db"), "--log-level", "error"]
        words += ["--http-port", str(free_port()), "--metrics-port", str(free_port())]
        words += ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]
        with (self.folder / "temporal.log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        eventually(self._answers, timeout=60, pause=0.1)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    folder.mkdir(exist_ok=True)
    made = Server(folder, free_port())
    made.start()
    try:
        yield made
    finally:
        made.kill()
