"""A repository, a home, a state folder and a tmux server of their own, and the programs that are run there."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.decks import IDENTITY
from tests.support.processes import gone
from tests.support.sockets import end_server

CONFIG = """
[runner]
grace_interrupt = 0.2
grace_terminate = 0.2
[queue]
max_load = 1000
[ports]
per_agent = 2
[database]
template = "dev.sqlite3"
"""


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str
    sign: signal.Signals | None = None
    """What ended it early, where something did."""

    @property
    def killed(self) -> bool:
        return self.sign is signal.SIGKILL or self.code == -signal.SIGKILL


@dataclass
class Sandbox:
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="agentdeck-soak-")))
    socket: str = field(default_factory=lambda: f"agentdeck-soak-{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        self.root = self.folder / "the repo"
        self.home = self.folder / "home"
        self.temporary = self.folder / "tmp"
        self.ledger = self.folder / "ledger"
        self.pids = self.folder / "pids"
        self.trace = self.folder / "trace.log"
        self._usual: dict[str, float] = {}
        self._tracing = threading.Lock()
        for path in (self.root, self.home, self.temporary):
            path.mkdir()
        self.ledger.touch()
        self.pids.touch()
        self.environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "PYTHONPATH")},
            **IDENTITY,
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "TMPDIR": str(self.temporary),
            "AGENTDECK_TMUX_SOCKET": self.socket,
            "SHELL": "/bin/sh",
            "TERM": "xterm-256color",
        }
        self._make_repository()

    def _make_repository(self) -> None:
        self.git("init", "-q", "-b", "main")
        (self.root / "agentdeck.toml").write_text(CONFIG)
        (self.root / ".gitignore").write_text("*.sqlite3\n.env.local\n")
        for name in ("shared", "person", "own-ant", "own-bee", "own-cat", "own-dog", "own-elk", "own-fox"):
            (self.root / name).write_text("first line\n")
        import sqlite3

        sqlite3.connect(self.root / "dev.sqlite3").close()
        self.git("add", "-A")
        self.git("commit", "-qm", "Start")
        self.agentdeck("trust", "--yes")

    # Programs

    def git(self, *args: str, cwd: Path | None = None, check: bool = True) -> str:
        done = subprocess.run(
            ["git", *args], cwd=cwd or self.root, env=self.environment, capture_output=True, check=False
        )
        if check and done.returncode:
            raise RuntimeError(f"git {' '.join(args)}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode("utf-8", "replace")

    def agentdeck(
        self, *args: str, kill_after: float | None = None, sign: signal.Signals = signal.SIGKILL, timeout: float = 180
    ) -> Done:
        """Run a verb; with `kill_after`, a share of the time that it usually takes, send it `sign` then."""
        begin, verb = time.monotonic(), args[0]
        argv = [sys.executable, "-m", "agentdeck", *args]
        with subprocess.Popen(
            argv,
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as child:
            wait = timeout if kill_after is None else kill_after * self._usual.get(verb, 0.5)
            sent = None
            try:
                out, err = child.communicate(timeout=wait)
            except subprocess.TimeoutExpired:
                sent, (out, err) = sign, self._end(child, sign, timeout)
        took = time.monotonic() - begin
        if sent is None:
            self._usual[verb] = 0.7 * self._usual.get(verb, took) + 0.3 * took
        done = Done(child.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), sent)
        told = f"{sent.name}, " if sent else ""
        self.note(f"agentdeck {' '.join(args)} -> {told}{done.code} after {took:.2f} s\n{done.err}")
        if sent and kill_after is None:
            raise RuntimeError(f"agentdeck {' '.join(args)} did not end within {timeout:g} s")
        return done

    def _end(self, child: subprocess.Popen[bytes], sign: signal.Signals, timeout: float) -> tuple[bytes, bytes]:
        child.send_signal(sign)
        if sign is not signal.SIGKILL:
            return child.communicate(timeout=timeout)
        # What it had started holds its output open, and goes on as it would after a real kill.
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
        child.wait()
        return b"", b""

    def note(self, text: str) -> None:
        with self._tracing, self.trace.open("a") as file:
            file.write(f"{time.strftime('%H:%M:%S')} {text.rstrip()}\n")

    def tmux(self, *args: str) -> str:
        argv = ["tmux", "-L", self.socket, *args]
        return subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=False).stdout

    # What is there

    @property
    def store(self) -> Path:
        return self.root / ".git" / "agentdeck"

    def agents(self) -> list[str]:
        return sorted(path.parent.name for path in self.store.glob("agents/*/agent.json"))

    def record(self, name: str, file: str = "agent.json") -> dict[str, Any]:
        try:
            found = json.loads((self.store / "agents" / name / file).read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def run_of(self, name: str) -> str:
        return str(self.record(name, "orders.json").get("run"))

    def runner(self, name: str) -> int | None:
        try:
            pid = int((self.store / "agents" / name / "runner.lock").read_text())
        except (OSError, ValueError):
            return None
        return None if gone(pid) or not self.is_ours(pid) else pid

    def worktree(self, name: str) -> Path | None:
        path = self.root / ".worktrees" / name
        return path if (path / ".git").exists() else None

    def worktrees(self) -> list[Path]:
        lines = self.git("worktree", "list", "--porcelain").splitlines()
        return [Path(line.removeprefix("worktree ")) for line in lines if line.startswith("worktree ")]

    def windows(self) -> dict[str, int]:
        lines = self.tmux("list-panes", "-a", "-F", "#{window_name} #{pane_pid}").splitlines()
        return {name: int(pid) for name, pid in (line.rsplit(" ", 1) for line in lines)}

    def is_ours(self, pid: int) -> bool:
        with suppress(OSError):
            return f"HOME={self.home}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes()
        return False

    def processes(self) -> dict[int, str]:
        """The processes that carry our home in their environment, and the daemons that agents started without one."""
        found = {}
        known = {int(line) for line in self.pids.read_text().split()}
        for entry in os.listdir("/proc"):  # noqa: PTH208
            if entry.isdigit() and not gone(int(entry)) and (self.is_ours(int(entry)) or self._is_daemon(entry, known)):
                with suppress(OSError):
                    found[int(entry)] = Path(f"/proc/{entry}/cmdline").read_text().replace("\0", " ").strip()
        return found

    def _is_daemon(self, entry: str, known: set[int]) -> bool:
        with suppress(OSError):
            return int(entry) in known and Path(f"/proc/{entry}/cmdline").read_bytes() == b"sleep\x00300\x00"
        return False

    def close(self, *, keep: bool) -> None:
        """End all that was started here; take the folder away unless it is to be looked at."""
        end_server(self.socket)
        deadline = time.monotonic() + 10
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
