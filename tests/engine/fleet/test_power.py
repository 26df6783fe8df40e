"""A host that loses its power: in namespaces of its own, so that one kill ends every process of it at once."""

from __future__ import annotations

import psutil
import pytest

from agentdeck.core.agents.agent import Fault, State
from tests.support.hosts import Fleet, has_namespaces
from tests.support.retry import eventually
from tests.support.share import in_test_fleet

LINE = 'echo $$ >> runs; git add .; git commit -qm "Run"; echo begun; exec sleep 600'


def runs(fleet: Fleet) -> int:
    """How many runs of the agent home has the commits of, after a look."""
    deck = fleet.deck()
    deck.fleet.fetch(deck.agent("bot"))
    return fleet.bench.git("log", "--format=%s", "agentdeck/bot").split().count("Run")


@in_test_fleet
@pytest.mark.skipif(not has_namespaces(), reason="needs unshare with user namespaces")
@pytest.mark.timeout(120)
def test_after_a_power_cut_nothing_is_left_and_the_agent_is_resumed_in_place(fleet: Fleet) -> None:
    power = fleet.boot("dev1")
    fleet.start("bot", LINE)
    eventually(lambda: runs(fleet) == 1 and fleet.looked("bot").state is State.WORKING)
    alive = psutil.Process(power.pid).children(recursive=True)
    assert any("sleep 600" in " ".join(each.cmdline()) for each in alive)
    power.kill()
    power.wait()
    eventually(lambda: not [each for each in alive if each.is_running() and each.status() != psutil.STATUS_ZOMBIE])
    fleet.cut()
    eventually(lambda: fleet.looked("bot").unreachable)
    assert fleet.deck().agent("bot").state is State.WORKING

    again = fleet.boot("dev1")
    try:
        eventually(lambda: not fleet.looked("bot").unreachable and not fleet.deck().agent("bot").alive)
        view = fleet.deck().agent("bot")
        assert (view.state, view.status.fault, view.host) == (State.FAILED, Fault.LOST, "dev1")
        fleet.deck().resume("bot")
        eventually(lambda: runs(fleet) == 2)
    finally:
        again.kill()
        again.wait()
