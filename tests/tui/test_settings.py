"""The settings and the themes of the dashboard, kept in the user's own file."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from agentdeck.system.config.editing import user_file
from agentdeck.tui.screens.settings import SettingsScreen
from tests.support.decks import Bench
from tests.tui.pilots import Driver, drive


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))


def test_a_key_is_found_changed_and_taken_out_again(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        await on.press("f2")
        on.shows(SettingsScreen)
        await on.sees("agent.profile", "default", "Default  ", "Can be   ")
        await on.press("slash", *"dashboard.bell", "enter")
        await on.until(lambda: isinstance(on.app.screen, SettingsScreen) and on.app.screen.selected == "dashboard.bell")
        await on.press("enter")
        on.app.screen.query_one(Input).value = "sometimes"
        await on.press("enter")
        await on.until(lambda: "sometimes is not a TOML value." in on.notices())
        await on.press("enter")
        on.app.screen.query_one(Input).value = "false"
        await on.press("enter")
        await on.until(lambda: "dashboard.bell is in" in on.notices())
        await on.sees("config.toml")
        await on.until(lambda: not on.app.preferences.bell)
        await on.press("delete")
        await on.until(lambda: on.app.preferences.bell)

    drive(bench.deck(), script)
    assert "bell" not in user_file().read_text()


def test_a_value_that_the_repository_overrides_says_so(bench: Bench) -> None:
    bench.write("agentdeck.toml", "[dashboard]\nbell = true\n")
    said = bench.deck().configuration.change(("dashboard", "bell"), "false")
    assert "but agentdeck.toml:2 overrides it." in said


def test_a_theme_is_seen_as_one_goes_and_the_chosen_one_is_kept(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        on.app.choose_theme()
        await on.pilot.pause()
        first = on.app.theme
        await on.press("down")
        second = on.app.theme
        assert second != first
        await on.press("escape")
        assert on.app.theme == first
        on.app.choose_theme()
        await on.pilot.pause()
        await on.press("down", "down", "enter")
        await on.until(lambda: "dashboard.theme is in" in on.notices())
        assert f'theme = "{on.app.theme}"' in user_file().read_text()

    drive(bench.deck(), script)
