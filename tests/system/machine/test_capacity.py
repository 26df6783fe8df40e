from __future__ import annotations

from agentdeck.system.machine.capacity import shortage


def test_a_machine_has_room_or_says_what_it_is_short_of() -> None:
    assert shortage(max_load=1e6, min_free=0) == ""
    assert "memory" in shortage(max_load=1e6, min_free=1 << 60)
    assert "processors" in shortage(max_load=-1, min_free=0)
