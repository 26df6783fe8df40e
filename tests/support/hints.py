"""Do what a hint says: the command in it, in a shell, with `agentdeck` on the PATH."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

_BEGINS = r"(?:agentdeck|chmod|git|less|mv|printf|rm) "
_QUOTED = re.compile(rf"“({_BEGINS}[^”]*)”")
_LAST = re.compile(rf"(?:^|: |→ )({_BEGINS}.*)$", re.MULTILINE)


def commands_in(hint: str) -> list[str]:
    """The commands that a text names: those between “ and ”, else the rest of it after a colon, else all of it."""
    if quoted := _QUOTED.findall(hint):
        return quoted
    return _LAST.findall(hint)[-1:]


def shell(command: str, cwd: Path, *, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=cwd,
        env={**os.environ, "PATH": path, "EDITOR": "true", "GIT_PAGER": "cat", "PAGER": "cat"},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def obey(hint: str, cwd: Path, *, number: int = 0) -> str:
    """Run the command of that number in the hint, which has to work; return what it printed."""
    found = commands_in(hint)
    assert len(found) > number, f"no command in “{hint}”"
    done = shell(found[number], cwd)
    assert done.returncode == 0, f"{found[number]}: {done.stderr or done.stdout}"
    return done.stdout + done.stderr
