"""What process trees use: real ones, with names that are hard to read, growing and dying."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.system.machine import usage
from agentdeck.system.machine.usage import ProcessTable, UsageSampler, tree_of
from tests.support.retry import eventually

_TREE = "sleep 100 & sh -c 'sleep 100 & wait' & read line; sleep 100 & read line"
"""Four programs below the shell, and a fifth after a line on its standard input."""


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sh", "-c", _TREE], stdin=subprocess.PIPE, start_new_session=True) as root:
        try:
            eventually(lambda: len(tree_of(root.pid)) == 4)
            yield root
        finally:
            os.killpg(root.pid, 9)


def test_a_tree_is_told_from_its_root_on(tree: subprocess.Popen[bytes]) -> None:
    uses = tree_of(tree.pid)
    assert [use.depth for use in uses] in ([0, 1, 1, 2], [0, 1, 2, 1])
    assert uses[0].pid == tree.pid
    assert uses[0].command.startswith("sh -c sleep 100 &")
    assert sorted(use.command for use in uses)[-2:] == ["sleep 100"] * 2
    assert all(use.rss_bytes > 0 for use in uses)
    assert tree_of(2**22 + 1) == []


def test_only_what_is_ours_or_new_is_read_again(tree: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("psutil reads all")
    read: list[int] = []
    from_proc = usage._from_proc

    def noted(pid: int) -> usage._Process | None:
        read.append(pid)
        return from_proc(pid)

    monkeypatch.setattr(usage, "_from_proc", noted)
    table = ProcessTable()
    table.trees([tree.pid])
    everything = len(read)
    read.clear()
    ours = {process.pid for process, _ in table.trees([tree.pid])[tree.pid]}
    assert len(ours) == 4
    assert ours <= set(read)
    assert len(read) < max(20, everything / 2), "what is nobody's of ours was read again"
    assert tree.stdin is not None
    tree.stdin.write(b"go on\n")
    tree.stdin.flush()
    eventually(lambda: len(table.trees([tree.pid])[tree.pid]) == 5)
    # Another root was a stranger until now.
    with subprocess.Popen(["sleep", "100"]) as other:
        table.trees([tree.pid])
        assert len(table.trees([tree.pid, other.pid])[other.pid]) == 1
        other.kill()
        other.wait()
        assert table.trees([tree.pid, other.pid])[other.pid] == []


def test_both_ways_to_read_find_the_same(tree: subprocess.Popen[bytes]) -> None:
    roots = frozenset({tree.pid})
    found = usage._from_psutil(roots)
    other = {process.pid: process for process, _ in ProcessTable().trees(roots)[tree.pid]}
    assert found.keys() == other.keys()
    for pid, process in found.items():
        assert process.parent == other[pid].parent
        assert process.rss_bytes == pytest.approx(other[pid].rss_bytes, abs=1_000_000)
        assert process.cpu_seconds == pytest.approx(other[pid].cpu_seconds, abs=0.2)


def test_a_sample_has_what_was_used_since_the_one_before(tmp_path: Path) -> None:
    busy = tmp_path / "a) 7 (S busy"
    busy.write_text("#!/bin/sh\nwhile :; do :; done\n")
    busy.chmod(0o700)
    with subprocess.Popen([busy]) as spin, subprocess.Popen(["sleep", "100"]) as rest:
        try:
            sampler = UsageSampler()
            eventually(lambda: sampler.sample({"spin": spin.pid, "rest": rest.pid})["spin"].cpu_percent > 1, pause=0.2)
            found = sampler.sample({"spin": spin.pid, "rest": rest.pid, "gone": 2**22 + 1})
        finally:
            spin.kill()
            rest.kill()
    assert found.keys() == {"spin", "rest"}
    assert found["rest"].cpu_percent < 1
    assert found["spin"].processes == 1
    assert UsageSampler().sample({}) == {}
