"""The keys of the tabs are in the help, and can be given others like all the rest."""

from __future__ import annotations

from agentdeck.tui.bindings import BY_ID, checked
from agentdeck.tui.panes.prompt import Prompt
from agentdeck.tui.tabkeys import TAB_IDS, TAB_KEYS
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive


def test_ids_are_unlike_all_others_and_no_tab_has_a_key_twice() -> None:
    assert not TAB_IDS & BY_ID.keys()
    for keys in TAB_KEYS.values():
        all_keys = [each for key in keys for each in key.keys.split(",")]
        assert len(all_keys) == len(set(all_keys))
    assert checked({"log.search": "ctrl+f"}) == ({"log.search": "ctrl+f"}, [])


def test_the_help_names_them_and_a_keymap_changes_them(bench: Bench) -> None:
    bench.write("agentdeck.toml", '[keys]\n"log.search" = "ctrl+f"\n')
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.sees("fix")
        await on.press("2", "right", "ctrl+f")
        assert on.screen.query_one(Prompt).is_open
        await on.press("escape", "question_mark")
        await on.sees("In the tab Log", "ctrl+f")

    drive(bench.deck(), script, (120, 100))
