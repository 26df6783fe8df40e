"""What is said of processes that the kernel ends for memory, in a scope of systemd's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentdeck.core.box.box import Box, read
from agentdeck.core.box.bubblewrap import wrap
from agentdeck.engine.runner import memory
from agentdeck.engine.runner.memory import MemoryLimit, own_programs
from agentdeck.system.box.bubblewrap import syscall_filter
from agentdeck.system.machine.tree import Tree, below
from tests.support.boxes import skip_without_box
from tests.support.retry import eventually

MOST = 1 << 40


def killed(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "memory.events").write_text(f"low 0\nmax 7\noom {count}\noom_kill {count}\noom_group_kill 0\n")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scope below the slice of all agents, in which the kernel has ended others."""
    folder = tmp_path / "run-1.scope"
    monkeypatch.setattr(memory, "held_by_systemd", lambda pid: folder if folder.exists() else None)
    killed(tmp_path, 3)
    killed(folder, 0)
    return folder


def ticked(limit: MemoryLimit, now: float) -> float:
    return limit.tick(now, Tree("none", root=os.getpid()), os.getpid())


def test_a_kill_by_the_kernel_is_told(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    limit = MemoryLimit(MOST, said.append, scoped=True)
    monkeypatch.setattr(memory, "held_by_systemd", lambda pid: None)
    assert ticked(limit, 0.0) == 0.1  # systemd has not made it yet
    monkeypatch.setattr(memory, "held_by_systemd", lambda pid: own)
    ticked(limit, 1.0)
    killed(own, 1)
    killed(own.parent, 4)
    for now in (2.0, 3.0):
        ticked(limit, now)
    assert said == ["the kernel killed one of its processes for memory: it has 1024 GiB"]
    assert limit.why_killed() == ""  # the agent itself ended later


@pytest.mark.parametrize("seen", [True, False])
def test_the_agent_was_killed_for_memory(own: Path, seen: bool) -> None:
    limit = MemoryLimit(MOST, lambda text: None, scoped=True)
    ticked(limit, 1.0)
    killed(own, 1)
    killed(own.parent, 4)
    if seen:
        ticked(limit, 2.0)
    shutil.rmtree(own)  # its scope ended with it
    ticked(limit, 3.0)
    assert limit.why_killed() == "killed for memory: it used more than 1024 GiB"
    assert limit.why_killed() == ""


def test_the_agent_in_a_box_is_spared_and_not_the_box_alone() -> None:
    skip_without_box()
    box = wrap(Box((read("/"),)), "bwrap", syscall_filter())
    script = "import os, subprocess; subprocess.Popen(['sleep', '61']); os.execvp('sleep', ['sleep', '62'])"
    with subprocess.Popen([*box, sys.executable, "-c", script]) as made:

        def others() -> list[list[bytes]]:
            pids = below(made.pid) - own_programs(made.pid)
            return [Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:2] for pid in pids]

        try:
            eventually(lambda: others() == [[b"sleep", b"61"]], 10)
        finally:
            made.kill()
