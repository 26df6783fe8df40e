"""Which hosts are asked where many agents are placed at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import pytest

from agentdeck.core.fleet.placement import Needs
from agentdeck.core.frozen import replace
from agentdeck.engine.fleet import listing, placing
from agentdeck.engine.views.fleet import HostView
from tests.support.hosts import Fleet


def test_a_start_asks_the_host_that_it_chooses_and_finds_one_that_filled_up(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.add("dev9")
    asked, full, views = list[list[str]](), list[str](), listing.views

    def counted(names: Sequence[str] = ()) -> list[HostView]:
        asked.append([*names])
        return [replace(each, trouble="it is full") if each.name in full else each for each in views(names)]

    monkeypatch.setattr(listing, "views", counted)
    monkeypatch.setattr(placing, "_KEPT", 1e9)
    with ExitStack() as held:
        hosts = [held.enter_context(placing.placed("any", Needs())).host for _ in range(4)]
    assert asked == [fleet.names, *([host] for host in hosts[1:])]
    full = [hosts[3]]
    with placing.placed("any", Needs()) as found:
        assert found.host not in full
