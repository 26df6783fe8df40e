from __future__ import annotations

import time
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.providers.tiers import Target
from agentdeck.gateway.board import AVOID_SECONDS, AVOID_SECONDS_MAX, Board
from agentdeck.system.gateway.tokens import Bearer

FOX = Bearer("deck", "fox", "work")
CHAIN = [Target("main", "big"), Target("spare", "small")]


@given(breaks=st.integers(1, 12), pause=st.floats(1.0, 119.0))
def test_a_client_that_pauses_is_not_led_back_to_the_provider_that_breaks_each_time(breaks: int, pause: float) -> None:
    """With a pause of less than two minutes the next provider gets its turn after two broken answers in a row."""
    board, now, in_a_row = Board(lambda event: None), 0.0, 0
    for _ in range(breaks):
        first = board.ordered(FOX, CHAIN, now)[0]
        in_a_row = in_a_row + 1 if first == CHAIN[0] else 0
        if first == CHAIN[0]:
            board.broke(FOX, first, now)
        assert in_a_row <= 2
        now += pause


def test_an_agent_comes_back_after_the_time_and_at_once_after_a_whole_answer() -> None:
    board = Board(lambda event: None)
    for count in range(1, 9):
        board.broke(FOX, CHAIN[0], 0.0)
        avoided = min(AVOID_SECONDS * 2 ** (count - 1), AVOID_SECONDS_MAX)
        assert board.ordered(FOX, CHAIN, avoided - 1.0)[0] == CHAIN[1]
        assert board.ordered(FOX, CHAIN, avoided + 1.0) == CHAIN
        assert board.ordered(Bearer("deck", "owl", "work"), CHAIN, 1.0) == CHAIN
    board.was_whole(FOX, CHAIN[0])
    assert board.ordered(FOX, CHAIN, 1.0) == CHAIN
    board.broke(FOX, CHAIN[0], 0.0)
    assert board.ordered(FOX, CHAIN, AVOID_SECONDS + 1.0) == CHAIN


def telling() -> tuple[Board, list[str]]:
    told: list[str] = []
    return Board(lambda event: told.append(event.kind.removeprefix("provider."))), told


def test_what_an_earlier_agent_of_the_name_met_is_not_a_new_ones() -> None:
    board, told = telling()
    for made in (1.0, time.time()):
        bearer = replace(FOX, made=made)
        board.meet(bearer)
        board.served(bearer, CHAIN[1], "small", CHAIN[0], "main:big: overloaded")
        board.gave_up(bearer, CHAIN[0], "nobody is left")
        board.skipped(bearer, CHAIN[0], 9000, 4096)
        board.translated(bearer, CHAIN[1], ())
        assert board.serving[bearer].since >= made
    assert told == ["failed_over", "exhausted", "skipped", "translated"] * 2
    board.meet(replace(FOX, made=1.0))  # a process that was left over
    assert board.serving


def test_with_another_tier_it_is_the_same_agent_and_its_failover_ends() -> None:
    board, told = telling()
    board.meet(FOX)
    board.served(FOX, CHAIN[1], "small", CHAIN[0], "main:big: overloaded")
    deep = replace(FOX, tier="deep")
    board.meet(deep)
    assert [(each.tier, each.agent) for each in board.serving] == [("deep", "fox")]
    board.served(deep, CHAIN[1], "small", CHAIN[1], "")
    assert told == ["failed_over", "failed_back"]


def test_another_model_of_the_same_backup_is_no_news() -> None:
    board, told = telling()
    for model in ("large", "tiny", "large"):
        board.served(FOX, Target("spare", ""), model, CHAIN[0], "main:big: overloaded")
    assert (told, board.serving[FOX].model) == (["failed_over"], "large")
