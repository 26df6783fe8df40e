"""Schedules of a real deck, with the clock moved: what starts, what is skipped, missed and told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentdeck.engine.deck import Deck
from agentdeck.system.state.schedules import ScheduleState
from tests.support.decks import CONFIG, Bench, bench_in
from tests.support.retry import eventually

RULES = """
[schedule.deps]
cron = "0 3 * * *"
zone = "UTC"
task = "{task}"
agent = "demo"
catch_up = "6h"
overlap = "{overlap}"
"""
DAY = timedelta(days=1)


@pytest.fixture
def scheduled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    rules = RULES.format(task="take notes", overlap="skip")
    with bench_in(tmp_path, monkeypatch, config=CONFIG + rules) as bench:
        yield bench


def installed(bench: Bench) -> tuple[Deck, datetime]:
    """As `install` leaves it, without the timer; and the first slot from then on."""
    deck = bench.deck()
    deck.store.open()
    ScheduleState(deck.root).install()
    return deck, deck.schedules.all()[0].following[0]


def acts(deck: Deck, now: datetime) -> list[str]:
    return [tick.act for tick in deck.schedules.tick(now)]


def test_a_slot_starts_once_and_the_next_one_again(scheduled: Bench) -> None:
    deck, slot = installed(scheduled)
    assert acts(deck, slot - timedelta(minutes=1)) == []
    assert acts(deck, slot) == ["start"]
    assert acts(deck, slot) == acts(deck, slot + timedelta(hours=1)) == []
    eventually(lambda: not deck.agents()[0].state.is_live, timeout=30)
    assert acts(deck, slot + DAY) == ["start"]
    assert len(deck.agents()) == 2
    assert "START schedule=deps" in deck.store.runs_log.read_text()


def test_a_tick_that_died_after_the_start_starts_nothing_again(scheduled: Bench) -> None:
    deck, slot = installed(scheduled)
    state = ScheduleState(deck.root)
    deck.schedules.tick(slot)
    state.remove()  # it had not written that down
    state.install()
    (first,) = deck.agents()
    again = deck.schedules._request("deps", deck.config.schedule["deps"], slot)
    assert deck.start(again).name == first.name
    assert len(deck.agents()) == 1


def test_a_missed_slot_runs_once_if_it_is_not_too_old(scheduled: Bench) -> None:
    deck, slot = installed(scheduled)
    late = deck.schedules.tick(slot + 2 * DAY + timedelta(hours=5))
    assert [(tick.act, tick.text) for tick in late] == [
        ("missed", "2 earlier slots were missed"),
        ("start", f"started {deck.agents()[0].name}"),
    ]
    eventually(lambda: not deck.agents()[0].state.is_live, timeout=30)
    assert acts(deck, slot + 3 * DAY + timedelta(hours=7)) == ["missed"]
    assert "too old" in deck.schedules.all()[0].last


@pytest.mark.parametrize("overlap", ["skip", "queue"])
def test_a_slot_while_the_last_run_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overlap: str) -> None:
    with bench_in(tmp_path, monkeypatch, config=CONFIG + RULES.format(task="[hold]", overlap=overlap)) as bench:
        deck, slot = installed(bench)
        assert acts(deck, slot) == ["start"]
        (first,) = deck.agents()
        assert acts(deck, slot + DAY) == (["skipped"] if overlap == "skip" else ["deferred"])
        assert acts(deck, slot + DAY) == []  # told once
        deck.stop(first.name)
        assert acts(deck, slot + DAY + timedelta(hours=1)) == ([] if overlap == "skip" else ["start"])


def test_one_without_room_waits(scheduled: Bench) -> None:
    text = (scheduled.root / "agentdeck.toml").read_text()
    scheduled.write("agentdeck.toml", text.replace("max_load = 1000", "max_load = 1000\nmin_disk_mb = 99999999"))
    deck, slot = installed(scheduled)
    assert acts(deck, slot) == ["start"]
    eventually(lambda: deck.agents()[0].reason.startswith("waits for disk space: "))


def test_what_nobody_has_approved_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = RULES.format(task="t", overlap="skip")
    with bench_in(tmp_path, monkeypatch, config=rules, trusted=False) as bench:
        deck = bench.deck()
        deck.store.open()
        ScheduleState(deck.root).install()
        (told,) = deck.schedules.tick(datetime.now(UTC) + DAY)
        assert told.act == "failed" and "not approved" in told.text
        assert deck.schedules.all() == [] and deck.agents() == []


def test_one_runs_by_hand(scheduled: Bench) -> None:
    deck = scheduled.deck()
    assert deck.schedules.run("deps").agent.task == "take notes"
