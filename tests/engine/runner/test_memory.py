"""What is said of processes that the kernel ends for memory, in a scope of systemd's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentdeck.engine.runner import memory
from agentdeck.engine.runner.memory import MemoryLimit
from agentdeck.system.machine.tree import Tree

MOST = 1 << 40


def killed(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "memory.events").write_text(f"low 0\nmax 7\noom {count}\noom_kill {count}\noom_group_kill 0\n")


def test_a_kill_by_the_kernel_is_told_and_is_why_the_agent_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    own, pid = tmp_path / "run-1.scope", os.getpid()
    limit, tree = MemoryLimit(MOST, said.append, scoped=True), Tree("none", root=pid)
    assert limit.tick(0.0, tree, pid) == 0.1  # systemd has not made it yet
    monkeypatch.setattr(memory, "held_by_systemd", lambda pid: own)
    killed(tmp_path, 3)  # of other agents
    killed(own, 0)
    limit.tick(1.0, tree, pid)
    killed(own, 1)
    killed(tmp_path, 4)
    limit.tick(2.0, tree, pid)
    assert said == ["the kernel killed one of its processes for memory: it has 1024 GiB"]
    assert limit.why_killed() == ""
    limit.tick(3.0, tree, pid)
    killed(tmp_path, 5)
    (own / "memory.events").unlink()  # the scope ended with it
    assert limit.why_killed() == "killed for memory: it used more than 1024 GiB"
    assert limit.why_killed() == ""
