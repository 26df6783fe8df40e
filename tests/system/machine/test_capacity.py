from __future__ import annotations

from pathlib import Path

import psutil

from agentdeck.system.machine.capacity import room


def test_what_there_is(tmp_path: Path) -> None:
    found, free = room(str(tmp_path)), psutil.virtual_memory()
    assert 0 < found.memory <= free.total
    assert abs(found.memory - free.available) < free.total / 4
    assert found.load >= 0
    assert found.disk > 0
