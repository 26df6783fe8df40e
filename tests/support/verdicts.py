"""What every refusal of the program must look like, whatever went wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Collection

from agentdeck.errors import ExitCode


def assert_refused(done: subprocess.CompletedProcess[str], *codes: ExitCode, says: Collection[str] = ()) -> None:
    """It failed with one of `codes`, said why in a sentence that holds `says`, and showed no traceback."""
    text = done.stdout + done.stderr
    assert done.returncode in (codes or {ExitCode.FAILED, ExitCode.REFUSED}), text
    assert_no_bug(done)
    sentences = [line for line in done.stderr.splitlines() if line.startswith("agentdeck: ")]
    assert sentences, text
    for word in says:
        assert word in done.stderr, text


def assert_no_bug(done: subprocess.CompletedProcess[str]) -> None:
    text = done.stdout + done.stderr
    assert done.returncode != ExitCode.INTERNAL, text
    assert "Traceback" not in text, text
    assert "A bug in agentdeck" not in text, text


def assert_ok(done: subprocess.CompletedProcess[str]) -> str:
    """It went well; return its standard output."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert_no_bug(done)
    return done.stdout
