"""Hold the processes in an agent's box still while our git works on its files, so that it can't put a link in our way.

Linux only. A shell of its own lets them go on, also where we are killed meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from agentdeck.errors import RefusedError
from agentdeck.system.machine.process import run
from agentdeck.system.machine.tree import below

_PATIENCE = 5.0
_PAUSE = 0.002
_ROUNDS = 2
"""How often all are stopped: one may just have let another one go on."""
_QUIET = frozenset(b"TtZXx")
"""The states of a thread that does nothing: stopped, traced, ended."""
_LET_GO = """
init=$1; shift; all=$init
while read -r pid; do all="$pid $all"; done
kill -CONT $all 2>/dev/null
exec "$@" 'kill -s CONT -- -1' 2>/dev/null
"""
"""The youngest first: a shell that sees a child of its stopped would take its job for suspended."""
_BARE = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
"""Nothing of ours is told to those in the box, which may see who enters it."""


@contextlib.contextmanager
def held_still(root: int, name: str) -> Iterator[None]:
    """None of those in the box that the process `root` has made does anything in the block. Raise DeckError where they
    can't be stopped; `name` is the agent's."""
    if (init := _first_in_box(root)) is None:
        yield
        return
    # In its mounts as well: they could reach ours by /proc.
    enter = ("nsenter", f"--target={init}", "--user", "--mount", "--pid", "--preserve-credentials", "/bin/sh", "-c")
    words = ["/bin/sh", "-c", _LET_GO, "sh", str(init), *enter]
    with subprocess.Popen(words, stdin=subprocess.PIPE, env=_BARE, start_new_session=True) as lets_go:
        assert lets_go.stdin is not None
        deadline, told = time.monotonic() + _PATIENCE, set[int]()
        for _ in range(_ROUNDS):
            os.kill(init, signal.SIGSTOP)
            # The kernel stops all of them at once, so that none can get away by starting another.
            _stop_all(enter, name)
            while not all(map(_is_quiet, found := below(root))):
                if time.monotonic() > deadline:
                    raise _not_still(name)
                time.sleep(_PAUSE)
            lets_go.stdin.write("".join(f"{pid}\n" for pid in sorted(found - told)).encode())
            lets_go.stdin.flush()
            told |= found
        yield


def _stop_all(enter: tuple[str, ...], name: str) -> None:
    """All processes of the box, but for the first one."""
    bare = dict.fromkeys(os.environ) | _BARE
    done = run([*enter, "kill -s STOP -- -1"], env=bare, timeout=_PATIENCE)
    if not done and "No such process" not in done.complaint:
        raise _not_still(name, done.complaint)


def _not_still(name: str, detail: str = "") -> RefusedError:
    hint = f"Stop it first: agentdeck stop {name}"
    return RefusedError(f"The processes of {name} can't be held still.", detail=detail, hint=hint)


def _first_in_box(root: int) -> int | None:
    """The process that is the first one in the namespace of the box; None where there is none."""
    ours = len(_pids_of("self"))
    for pid in sorted(below(root)):
        with contextlib.suppress(OSError, IndexError):
            pids = _pids_of(pid)
            if len(pids) > ours and pids[-1] == "1":
                return pid
    return None


def _pids_of(process: int | str) -> list[str]:
    """Its pid in each namespace that it is in, from ours inwards."""
    told = Path(f"/proc/{process}/status").read_text("utf-8", "replace")
    return next(line for line in told.splitlines() if line.startswith("NSpid:")).split()[1:]


def _is_quiet(pid: int) -> bool:
    """Whether no thread of the process runs."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError, IndexError):
                if (task / "stat").read_bytes().rpartition(b")")[2].split()[0][0] not in _QUIET:
                    return False
    return True
