"""The words by which systemd holds a run to its caps. No systemd of a user's runs where these tests do."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.system.machine import systemd
from agentdeck.system.machine.systemd import scope_words

GIGABYTE = 1 << 30


@pytest.fixture(autouse=True)
def asked_anew() -> None:
    systemd._runtime.cache_clear()


def test_a_scope_with_these_caps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "systemd").mkdir()
    program = tmp_path / "systemd-run"
    program.write_text(f'#!/bin/sh\nexec env test "$XDG_RUNTIME_DIR" = {tmp_path}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    words = scope_words(cpu=1.5, memory=GIGABYTE, processes=0, hidden=True)
    assert words[:3] == ("env", f"XDG_RUNTIME_DIR={tmp_path}", "systemd-run")
    assert {"CPUQuota=150%", f"MemoryMax={int(GIGABYTE * 1.1)}", "MemorySwapMax=0", "OOMPolicy=continue"} < {*words}
    assert words[-4:] == ("--", "env", "-u", "XDG_RUNTIME_DIR")
    assert scope_words(cpu=0, memory=0, processes=0, hidden=True) == ()
    program.write_text("#!/bin/sh\nexit 1\n")
    systemd._runtime.cache_clear()
    assert scope_words(cpu=1, memory=0, processes=0, hidden=False) == ()


def test_none_without_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert scope_words(cpu=1, memory=0, processes=0, hidden=False) == ()
