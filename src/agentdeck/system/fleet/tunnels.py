"""A connection to a host through which a port there is one of this machine, for as long as both ends live."""

from __future__ import annotations

import json
import os
import random
import select
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from agentdeck.system.files.files import (
    from_json,
    is_locked,
    private_folder,
    read_json,
    state_home,
    write_atomic,
    write_json,
)
from agentdeck.system.state.inbox import Inbox

_PORTS = (20_000, 31_999)
"""Below those that systems give to connections by themselves."""
_GREETING = b"far end"
_BEAT = 2.0
"""Seconds after which the far end hears from us."""
_SILENCE = 20.0
"""Seconds without a word from home after which it ends the connection."""


class TunnelFiles:
    """What there is of the connection to one host.

    gateway/tunnels/HOST.json   the port there
    gateway/tunnels/HOST.lock   held by the process that keeps the connection
    gateway/tunnels/HOST.up     there while it stands
    gateway/tunnels/HOST.told/  what the gateway tells the runners there, until the far end has taken it
    """

    def __init__(self, host: str) -> None:
        folder = state_home() / "gateway" / "tunnels"
        self.host = host
        kinds = ("json", "lock", "up", "told")
        self.state, self.lock, self.up, self.told = (folder / f"{host}.{kind}" for kind in kinds)

    @property
    def folder(self) -> Path:
        return private_folder(self.state.parent)

    def stands(self, does: bool) -> None:
        if does:
            write_atomic(self.up, str(os.getpid()))
        else:
            self.up.unlink(missing_ok=True)

    def is_up(self) -> bool:
        return self.up.exists() and is_locked(self.lock)

    def port(self) -> int:
        """The same for ever, for agents there know it; chosen where there is none yet."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            return int(read_json(self.state)["port"])
        port = random.randint(*_PORTS)  # noqa: S311 - no secret
        write_json(self.folder / self.state.name, {"port": port})
        return port


def hold(
    argv: Sequence[str],
    stands: Callable[[bool], object],
    is_over: Callable[[], bool],
    err: int | None,
    told: Inbox | None = None,
) -> str:
    """Run `argv`, which connects to a far end, until it ends or `is_over`; `stands` is told when the connection does,
    and when no longer. What comes to `told` goes to the far end, and is deleted once that has taken it. Return what it
    complained of last, where its errors go to a pipe."""
    child = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, start_new_session=err is not None
    )
    assert child.stdin and child.stdout
    output, sent, heard = child.stdout.fileno(), set[str](), b""
    try:
        while child.poll() is None and not is_over():
            if output in select.select([output, *([told.poke] if told else [])], [], [], _BEAT)[0]:
                if not (data := os.read(output, 4096)):
                    break
                *lines, heard = (heard + data).split(b"\n")
                for line in lines:
                    if line == _GREETING:
                        stands(True)
                    elif told is not None and (taken := os.fsdecode(line)) in sent:
                        (told.folder / taken).unlink(missing_ok=True)
            os.write(child.stdin.fileno(), b"\n" + (_news(told, sent) if told is not None else b""))
    except OSError:
        pass  # it has ended
    finally:
        stands(False)
        with suppress(subprocess.TimeoutExpired):
            child.wait(0 if is_over() else 1)
        child.kill()
        child.wait()
    return child.stderr.read().decode("utf-8", "replace") if child.stderr else ""


def _news(told: Inbox, sent: set[str]) -> bytes:
    """A line for each report that was not sent yet: the name of its file, a space, and what it says."""
    told.was_poked()
    lines = b""
    for path in sorted(told.folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns):
        if path.name not in sent:
            sent.add(path.name)
            lines += os.fsencode(path.name) + b" " + json.dumps(read_json(path)).encode() + b"\n"
    return lines


class Forward:
    """Ports of a host that are open here until it is closed."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._changed, self._ends = threading.Event(), threading.Event()
        self.is_open, self.complaint = False, ""
        self._thread = threading.Thread(target=self._run, args=(argv,), daemon=True, name="forwards ports")
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether it is open by then; it says in `complaint` why not."""
        self._changed.wait(seconds)
        if not self.is_open:
            self.close()
        return self.is_open

    def close(self) -> None:
        self._ends.set()
        self._thread.join(_BEAT + 1)

    def _run(self, argv: Sequence[str]) -> None:
        self.complaint = hold(argv, self._stands, self._ends.is_set, subprocess.PIPE)
        self._changed.set()

    def _stands(self, does: bool) -> None:
        self.is_open = does
        if does:
            self._changed.set()


def be_far_end(take: Callable[[Any], object]) -> None:
    """Hold the connection on the host until home ends it, and let `take` have what its gateway tells. Where home falls
    silent, end it here: nobody else gets its port until then, and sshd may hold on to it for hours."""
    os.write(1, _GREETING + b"\n")
    heard = b""
    while select.select([0], [], [], _SILENCE)[0]:
        if not (data := os.read(0, 1 << 16)):
            return
        *lines, heard = (heard + data).split(b"\n")
        for name, _, told in (line.partition(b" ") for line in lines):
            if told:
                with suppress(ValueError):
                    take(from_json(told))
                os.write(1, name + b"\n")
    for each in psutil.Process().parents():
        if each.name().startswith("sshd"):
            each.terminate()
            return
