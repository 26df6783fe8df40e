from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.errors import PortError, StoreError
from agentdeck.system.machine.ports import PortRegistry, is_free, variables

SPAN = (31000, 31999)
"""Below the ports that Linux and macOS give to outgoing connections, which would look taken now and then."""


@pytest.fixture
def registry(tmp_path: Path) -> PortRegistry:
    return PortRegistry(tmp_path / "state" / "ports.json")


def listen(port: int, address: str = "127.0.0.1", family: int = socket.AF_INET) -> socket.socket:
    server = socket.socket(family)
    server.bind((address, port))
    server.listen()
    return server


def test_an_agent_gets_one_block_and_the_same_again(registry: PortRegistry) -> None:
    ports = registry.reserve("deck", "fix", 4, SPAN)
    assert ports == list(range(ports[0], ports[0] + 4))
    assert registry.reserve("deck", "fix", 4, SPAN) == ports
    registry.release("deck", "fix")
    assert registry.owners() == []
    assert registry.reserve("deck", "fix", 4, SPAN) == ports


def test_agents_of_the_same_name_in_two_decks_are_kept_apart(registry: PortRegistry) -> None:
    one, other = registry.reserve("one", "fix", 4, SPAN), registry.reserve("other", "fix", 4, SPAN)
    assert not set(one) & set(other)


@pytest.mark.parametrize(("address", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_a_port_that_something_took_meanwhile_is_replaced(registry: PortRegistry, address: str, family: int) -> None:
    ports = registry.reserve("deck", "fix", 3, SPAN)
    try:
        stranger = listen(ports[1], address, family)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with stranger:
        assert not is_free(ports[1])
        assert registry.reserve("deck", "fix", 3, SPAN, replace_taken=False) == ports
        again = registry.reserve("deck", "fix", 3, SPAN)
    assert ports[1] not in again
    assert {ports[0], ports[2]} < set(again)


def test_a_port_in_use_is_given_to_nobody_after_its_release(registry: PortRegistry) -> None:
    ports = registry.reserve("deck", "fix", 3, SPAN)
    with listen(ports[1]):
        registry.release("deck", "fix")
        assert [(lease.ports, lease.lingering) for lease in registry.owners()] == [((ports[1],), True)]
        again = registry.reserve("deck", "fix", 3, SPAN)
        assert not set(again) & {ports[1]}
        registry.release("deck", "fix")
        assert [lease.ports for lease in registry.owners()] == [(ports[1],)]
    registry.reserve("other", "fix", 1, SPAN)
    assert [(lease.deck, lease.lingering) for lease in registry.owners()] == [("other", False)]


def test_a_port_in_use_is_never_handed_out(registry: PortRegistry) -> None:
    first = registry.reserve("deck", "fix", 4, SPAN)
    registry.release("deck", "fix")
    with listen(first[2]):
        assert first[2] not in registry.reserve("deck", "fix", 4, SPAN)


def test_a_full_range_is_a_clear_error_and_scattered_ports_are_used_first(registry: PortRegistry) -> None:
    span = (31000, 31005)
    registry.reserve("deck", "a", 2, span)
    registry.reserve("deck", "b", 3, span)
    with pytest.raises(PortError, match="not 2 free ports left between 31000 and 31005"):
        registry.reserve("deck", "c", 2, span)
    assert len(registry.reserve("deck", "c", 1, span)) == 1
    assert len(registry.owners()) == 3


DAMAGED = ["{broken", "[]", '{"format":1,"records":[{"deck":"d"}]}', '{"format":1,"records":[7]}', '{"format":2}', ""]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_registry_is_refused_and_left_alone(text: str, registry: PortRegistry, tmp_path: Path) -> None:
    path = tmp_path / "state" / "ports.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(StoreError, match=r"ports\.json"):
        registry.reserve("deck", "fix", 1, SPAN)
    with pytest.raises(StoreError):
        registry.release("deck", "fix")
    assert path.read_text() == text


def test_fifty_starts_at_the_same_instant_stay_distinct(tmp_path: Path) -> None:
    script = (
        "import json, sys; from pathlib import Path; from agentdeck.system.machine.ports import PortRegistry\n"
        "sys.stdin.read()\n"
        "print(json.dumps(PortRegistry(Path(sys.argv[1])).reserve('deck', sys.argv[2], 4, (31000, 31999))))"
    )
    argv = [sys.executable, "-c", script, str(tmp_path / "ports.json")]
    pipe = subprocess.PIPE
    children = [subprocess.Popen([*argv, f"a{number}"], stdin=pipe, stdout=pipe, text=True) for number in range(50)]
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
    ports = []
    for child in children:
        assert child.stdout is not None
        ports += json.loads(child.stdout.read())
        child.stdout.close()
        assert child.wait() == 0
    assert len(ports) == len(set(ports)) == 200


@given(st.lists(st.integers(1024, 65535), min_size=1, max_size=9, unique=True))
def test_every_port_has_a_variable_and_names_stand_for_ports_beside_the_first(ports: list[int]) -> None:
    found = variables(ports, ["API_PORT", "WEB_PORT"])
    assert [int(found[name]) for name in ("PORT", *(f"PORT_{n}" for n in range(1, len(ports))))] == ports
    assert found.get("API_PORT") == found.get("PORT_1")
    assert found.get("WEB_PORT") == found.get("PORT_2")
