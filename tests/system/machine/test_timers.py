"""The user's timer: in a real crontab, and as systemd and launchd read it."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.errors import ExitCode
from agentdeck.system.machine import timers
from tests.support.cli import agentdeck
from tests.support.decks import CONFIG, bench_in
from tests.support.retry import eventually


@pytest.fixture
def crontab() -> Iterator[None]:
    """The real one, as it was again afterwards."""
    if shutil.which("crontab") is None:
        pytest.skip("cron is not installed")
    before = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False)
    yield
    argv = ["crontab", "-"] if before.returncode == 0 else ["crontab", "-r"]
    subprocess.run(argv, input=before.stdout, text=True, capture_output=True, check=False)


def lines() -> list[str]:
    return subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False).stdout.splitlines()


def test_it_is_one_marked_line_among_the_users_own(crontab: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "kind", lambda: "cron")
    monkeypatch.setenv("PATH", f"/odd %path:{os.environ['PATH']}")
    own = "# mine\n0 1 * * * true"
    subprocess.run(["crontab", "-"], input=f"{own}\n", text=True, check=True)
    for _ in range(2):
        timers.install()
        assert lines()[:2] == own.splitlines()
        (ours,) = lines()[2:]
        assert ours.startswith("* * * * * /usr/bin/env 'PATH=/odd \\%path") and ours.endswith(timers.MARK)
        assert timers.is_installed()
    timers.remove()
    assert lines() == own.splitlines()


def test_systemd_and_launchd_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/a b:/c%d:/e$f")
    service, timer = timers.units()
    assert 'ExecStart="/usr/bin/env" "PATH=/a b:/c%%d:/e$$f"' in service and "KillMode=process" in service
    assert "Persistent=true" in timer
    assert plistlib.loads(timers.plist())["ProgramArguments"][-2:] == ["schedule", "tick"]
    if shutil.which("systemd-analyze"):
        for name, text in zip(("agentdeck-x.service", "agentdeck-x.timer"), (service, timer), strict=True):
            (tmp_path / name).write_text(text)
        units = [str(tmp_path / "agentdeck-x.service"), str(tmp_path / "agentdeck-x.timer")]
        done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
        assert "agentdeck-x" not in done.stderr, done.stderr


@pytest.mark.slow
@pytest.mark.skipif("AGENTDECK_TEST_CRON" not in os.environ, reason="waits up to two minutes for a real cron")
@pytest.mark.timeout(240)
def test_a_real_cron_starts_an_agent(crontab: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = '\n[schedule.often]\ncron = "* * * * *"\ntask = "take notes"\nagent = "demo"\n'
    with bench_in(tmp_path, monkeypatch, config=CONFIG + rules) as bench:
        with subprocess.Popen(["cron", "-f"]) as cron:
            try:
                done = agentdeck("schedule", "install", cwd=bench.root)
                assert done.returncode == ExitCode.OK, done.stderr
                deck = bench.deck()
                eventually(lambda: bool(deck.agents()), timeout=150, pause=1.0)
            finally:
                assert agentdeck("schedule", "remove", cwd=bench.root).returncode == ExitCode.OK
                cron.terminate()
        assert not any(line.endswith(timers.MARK) for line in lines())
