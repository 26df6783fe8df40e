"""The keys of list and tabs are in the help, can be given others like all the rest, and a clash is told."""

from __future__ import annotations

import pytest

from agentdeck.tui.keys.keymap import checked, with_keys
from agentdeck.tui.keys.keys import BY_ID, SECTIONS
from agentdeck.tui.panes.prompt import Prompt
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive


def test_the_keys_as_they_are_shipped_do_not_clash() -> None:
    for name, key in BY_ID.items():
        assert all(other is key for keys in SECTIONS.values() for other in keys if other.id == name)
    assert checked({}) == ({}, [])


@pytest.mark.parametrize(
    "keymap",
    [
        {"look.filter": "ctrl+o"},
        {"agent.resume": "s", "agent.stop": "r"},
        {"move.down": "ctrl+j", "deck.new": "ctrl+n,ctrl+e"},
        {"deck.new": "%", "program.help": "f1,?"},
    ],
)
def test_keys_that_do_not_clash_hold_and_nothing_is_said(keymap: dict[str, str]) -> None:
    assert checked(keymap) == (keymap, [])


@pytest.mark.parametrize(
    ("keymap", "said"),
    [
        ({"deck.new": "s"}, "The key s can't be both “agent.stop” and “deck.new”; “deck.new” stays on n."),
        ({"agent.stop": "?"}, "The key ? can't be both “agent.stop” and “program.help”; “agent.stop” stays on s."),
        ({"deck.new": "j"}, "The key j can't be both “deck.new” and “move.down”; “deck.new” stays on n."),
        ({"look.wrap": "&"}, "The key & can't be both “log.filter” and “look.wrap”; “look.wrap” stays on \\."),
        ({"diff.comment": "n"}, "can't be both “deck.new” and “diff.comment”"),
        ({"deck.new": "c"}, "can't be both “deck.new” and “diff.comment”; “deck.new” stays on n."),
        ({"deck.new": "ctrl+p"}, "The key ctrl+p is reserved for the palette; “deck.new” can't use it."),
        ({"deck.new": "ctl+x"}, "“deck.new” can't use “ctl+x”: there is no such key."),
        ({"deck.new": " , "}, "The key “deck.new” can't be empty."),
        ({"deck.neu": "t"}, "There is no key “deck.neu”"),
    ],
)
def test_a_key_that_can_not_hold_or_takes_another_s_is_told(keymap: dict[str, str], said: str) -> None:
    good, complaints = checked(keymap)
    assert good == {}
    assert len(complaints) == 1
    assert said in complaints[0]


def test_sentences_name_the_keys_of_this_person() -> None:
    said = "{agent.resume} resumes it; {deck.cancel} cancels {it.self} and {this}"
    assert with_keys(said, {"agent.resume": "ctrl+r"}) == "ctrl+r resumes it; X cancels {it.self} and {this}"


def test_an_entry_that_is_dropped_takes_those_with_it_that_relied_on_it() -> None:
    good, complaints = checked({"agent.stop": "n", "deck.new": "q"})
    assert good == {}
    assert len(complaints) == 2


def test_a_clash_of_a_tab_s_keys_is_told_when_the_dashboard_opens(bench: Bench) -> None:
    bench.write("agentdeck.toml", '[keys]\n"look.wrap" = "f"\n')

    async def script(on: Driver) -> None:
        await on.until(lambda: "“look.wrap” stays on \\" in on.notices())

    drive(bench.deck(), script)


def test_a_tab_shows_its_keys_as_this_person_has_them(bench: Bench) -> None:
    bench.write("agentdeck.toml", '[keys]\n"look.filter" = "ctrl+o"\n')
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.sees("fix")
        await on.press("l", "right")
        await on.sees("ctrl+o search", "& only")

    drive(bench.deck(), script)


def test_the_help_names_them_and_a_keymap_changes_them(bench: Bench) -> None:
    bench.write("agentdeck.toml", '[keys]\n"look.filter" = "ctrl+o"\n')
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.sees("fix")
        await on.press("l", "right", "ctrl+o")
        assert on.screen.query_one(Prompt).is_open
        await on.press("escape", "question_mark")
        await on.sees("In the tab Log", "ctrl+o")

    drive(bench.deck(), script, (120, 130))
