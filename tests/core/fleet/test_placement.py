"""Where an agent starts, as rules."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.fleet.facts import PROTOCOL, Facts, HeldAgent
from agentdeck.core.fleet.placement import HostState, Needs, best, place

NOW = 1_000_000.0
LABELS = ("gpu", "big", "arm")


def host(name: str, **words: object) -> HostState:
    facts = Facts("id", "boot", "1", PROTOCOL, "2.39", "3.3", 4, 0.0, 8 << 30, 4 << 30, 9 << 30, NOW)
    labels = words.pop("labels", ())
    return HostState(name, replace(facts, **words), labels)  # type: ignore[arg-type]


facts = st.builds(
    Facts,
    id=st.just("id"),
    boot=st.just("boot"),
    version=st.just("1"),
    protocol=st.sampled_from([PROTOCOL, PROTOCOL, PROTOCOL, 99]),
    git=st.sampled_from(["2.39", "2.100.1", "2.9", ""]),
    tmux=st.sampled_from(["3.3a", "3.2", "?", "2.9a", ""]),
    cores=st.integers(0, 64),
    load=st.floats(0, 100),
    memory=st.just(1 << 40),
    free_memory=st.integers(0, 1 << 36),
    free_disk=st.sampled_from([0, 1 << 40]),
    clock=st.sampled_from([NOW, NOW, NOW + 9999]),
    gpus=st.lists(st.just("GPU"), max_size=3).map(tuple),
    agents=st.lists(st.just(HeldAgent("d", "a", 1, "working", True)), max_size=9).map(tuple),
)
hosts = st.lists(st.tuples(st.none() | facts, st.sets(st.sampled_from(LABELS))), max_size=8).map(
    lambda found: [HostState(f"h{at}", each, tuple(labels)) for at, (each, labels) in enumerate(found)]
)
needs = st.builds(
    Needs,
    cpu=st.sampled_from([0.0, 1.0, 16.0]),
    memory=st.sampled_from([0, 1 << 33]),
    gpu=st.integers(0, 2),
    labels=st.sets(st.sampled_from(LABELS)).map(tuple),
)


@given(needs, hosts)
def test_the_chosen_host_has_what_is_needed_and_each_other_has_a_reason(needs: Needs, hosts: list[HostState]) -> None:
    told = place(needs, hosts, NOW)
    assert sorted(each.host for each in told) == sorted(each.name for each in hosts)
    assert all(each.text for each in told)
    assert [each.chosen for each in told] == [at == 0 and each.fits for at, each in enumerate(told)]
    name = best(needs, hosts, NOW).host
    assert name == next((each.host for each in told if each.chosen), "")
    fits = {each.host for each in told if each.fits}
    assert (name in fits) if fits else name == ""
    for state in hosts:
        if state.name in fits:
            assert state.facts is not None
            assert state.facts.git in ("2.39", "2.100.1") and state.facts.tmux in ("3.3a", "3.2", "?")
            assert set(needs.labels) <= set(state.labels)
            assert len(state.facts.gpus) >= needs.gpu
            assert state.facts.free_memory >= needs.memory
            assert not needs.cpu or state.idle >= needs.cpu


@given(needs, hosts)
def test_the_order_in_which_hosts_are_listed_does_not_matter(needs: Needs, hosts: list[HostState]) -> None:
    assert place(needs, hosts, NOW) == place(needs, reversed(hosts), NOW)


@given(needs, hosts)
def test_a_host_that_fits_fits_still_when_less_is_needed(needs: Needs, hosts: list[HostState]) -> None:
    fits = {each.host for each in place(needs, hosts, NOW) if each.fits}
    less = Needs(needs.cpu / 2, needs.memory // 2, max(0, needs.gpu - 1), needs.labels[1:])
    assert fits <= {each.host for each in place(less, hosts, NOW) if each.fits}


def test_a_gpu_is_left_to_those_who_need_one() -> None:
    found = [host("a-gpu", gpus=("A100",)), host("plain", load=2.0)]
    assert best(Needs(), found, NOW).host == "plain"
    assert best(Needs(gpu=1), found, NOW).host == "a-gpu"
    assert best(Needs(gpu=2), found, NOW).host == ""


def test_agents_spread_over_equal_hosts() -> None:
    busy = tuple(HeldAgent("d", f"a{at}", 1, "working", True) for at in range(4))
    assert best(Needs(), [host("a", agents=busy), host("b")], NOW).host == "b"


def test_a_start_on_its_way_needs_its_half_of_a_core_beside_the_load() -> None:
    busy = host("busy", load=3.0)
    assert replace(busy, coming=2).idle == busy.idle - 1 and replace(busy, coming=2).running == busy.running + 2


def with_one_more(state: HostState, name: str) -> HostState:
    assert state.facts is not None
    more = HeldAgent("d", name, 1, "working", True)
    return replace(state, facts=replace(state.facts, agents=(*state.facts.agents, more)))


def test_five_hundred_agents_are_placed_on_forty_hosts_in_no_time() -> None:
    import time

    found = [host(f"h{at}") for at in range(40)]
    begun = time.process_time()
    for at in range(500):
        name = best(Needs(), found, NOW).host
        found = [with_one_more(each, f"a{at}") if each.name == name else each for each in found]
    assert time.process_time() - begun < 2
    counts = [len(each.facts.agents) for each in found if each.facts]
    assert max(counts) - min(counts) <= 1


def test_needs_are_read_as_they_are_typed() -> None:
    needs = Needs(2.5, 8 << 30, 1, ("big", "new one"))
    assert Needs.from_text("cpu 2.5,memory 8G, gpu 1 , label big, label new one,") == needs
    assert Needs.from_text(needs.text) == needs
    assert Needs.from_text("") == Needs() and Needs().text == ""
    for wrong in ("8G", "memory", "memory much", "cpu -1", "cpu nan", "gpu 1.5", "label ", "disk 3"):
        with pytest.raises(ValueError, match="is no need; type such as: cpu 2, memory 8G"):
            Needs.from_text(wrong)
