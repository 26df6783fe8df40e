"""The screen of the hosts: pictures at three sizes, and its keys with a host that comes and goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.core.fleet.facts import PROTOCOL, Facts, HeldAgent
from agentdeck.engine.fleet.watching import HostWatch
from agentdeck.engine.views import Check
from agentdeck.engine.views.fleet import HostLook, HostView
from agentdeck.errors import RefusedError
from agentdeck.system.fleet.hostlist import HostList
from agentdeck.tui.feed.snapshot import FeedSnapshot, Row
from agentdeck.tui.screens.hosts import HostsScreen
from tests.support.hosts import Fleet
from tests.tui import test_snapshots
from tests.tui.pilots import Driver, drive
from tests.tui.screens import test_view_snapshots
from tests.tui.screens.test_view_snapshots import LOOKS, Look, pressing
from tests.tui.test_snapshots import NOW, agent

shown, looks = test_snapshots.shown, test_view_snapshots.looks
_GB = 1_000_000_000
_FACTS = Facts(
    "id", "boot", "0.2.0", PROTOCOL, "2.39.5", "3.3a", 16, 3.4, 64 * _GB, 41 * _GB, 212 * _GB, NOW,
    agents=(HeldAgent("d", "login-form", 1, "working", True), HeldAgent("x", "other", 1, "working", True)),
)  # fmt: skip
_GOOD = (Check("connection", True, "ssh dev1, 12 ms"), Check("agentdeck", True, "0.2.0"))
_HOSTS = (
    HostLook(HostView("dev1", "ssh dev1", (), _FACTS), since=NOW - 900, latency=0.0124, checks=_GOOD),
    HostLook(
        HostView("dev2", "ssh dev2", ("big",), None, "can't be reached: Connection timed out"),
        since=NOW - 200,
        checks=(Check("connection", False, "dev2 can't be reached: Connection timed out.", "Try: ssh dev2"),),
    ),
    HostLook(
        HostView("gpu1", "ssh me@10.0.0.7", ("gpu",), replace(_FACTS, gpus=("A100",), agents=(), tmux="")),
        since=NOW - 60,
        latency=0.0004,
        checks=(*_GOOD, Check("tmux", False, "not installed", "Install tmux there.")),
    ),
    HostLook(HostView("old", "ssh old", (), None, "it was given up as lost", lost=NOW - 7200)),
    HostLook(
        HostView("spare", "ssh spare", (), _FACTS, "it is drained", drained=NOW - 400), latency=0.09, checks=_GOOD
    ),
    HostLook(HostView("日本", "ssh 日本", (), None), known=False),
)


def elsewhere(name: str, state: State, host: str, unreachable: float = 0.0) -> Row:
    view = agent(name, state, 300)
    return Row(replace(view, agent=replace(view.agent, host=host), unreachable=unreachable))


_ELSEWHERE = FeedSnapshot(
    (
        elsewhere("login-form", State.WORKING, "dev1"),
        elsewhere("write-tests", State.WORKING, "dev2", NOW - 200),
        Row(agent("docs", State.DONE, 200)),
    ),
    "main",
)


@pytest.mark.parametrize("look", LOOKS)
def test_the_hosts(looks: Callable[..., None], look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HostWatch, "now", lambda self: _HOSTS)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    looks(look, pressing("at", "down"), _ELSEWHERE)


def test_the_list_says_at_once_which_host_does_not_answer(looks: Callable[..., None]) -> None:
    looks((120, 36), pressing("O", "O", "O", "O"), _ELSEWHERE)


@pytest.mark.timeout(90)
def test_hosts_are_drained_lost_taken_in_again_removed_and_added(fleet: Fleet) -> None:
    fleet.add("dev2")

    async def script(on: Driver) -> None:
        on.app.push_screen(HostsScreen(on.screen.deck, on.screen.actions, lambda: ()))
        await on.sees("● ok", "✓ placement: agents can start there")
        await on.press("f8")
        await on.sees("◌ drained", "undrain")
        with pytest.raises(RefusedError, match="drained"):
            fleet.start("bot", "true", on="dev1")
        await on.press("f8")
        await on.until(lambda: not HostList().get("dev1").drained)
        fleet.break_off("dev1")
        await on.sees("✗ unreachable", "It has not answered since")
        await on.press("f9", "y")
        await on.sees("■ lost")
        fleet.reconnect("dev1")
        HostList().put(replace(HostList().get("dev1"), lost=time.time()))
        await on.press("f5")
        await on.until(lambda: not HostList().get("dev1").lost)
        await on.press("x", "y")
        await on.until(lambda: [each.name for each in HostList().all()] == ["dev2"])
        await on.press("f7", *"no/host", "enter")
        await on.until(lambda: "can't be the name of a host" in on.notices())

    drive(fleet.deck(), script)
