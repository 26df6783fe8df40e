"""Every key of the configuration: its value, where that is from, and a way to change it in your own file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList

from agentdeck.core.text.text import plain
from agentdeck.tui.dialogs.dialogs import Ask
from agentdeck.tui.keys.keys import DELETE, FIND, OPEN, bound
from agentdeck.tui.list.header import KeyHint
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.screens.listing import Item, Listing, ListingColumn, lines

if TYPE_CHECKING:
    from agentdeck.engine.views.configuration import Setting


class SettingsScreen(Listing):
    BINDINGS: ClassVar[list[BindingType]] = [*bound([OPEN, DELETE, FIND])]
    heading = "Settings"
    empty = "No key has these words."
    columns = (ListingColumn("KEY", 20), ListingColumn("VALUE", 16), ListingColumn("FROM", 10))
    _words = ""

    def find(self) -> list[Setting]:
        return self.deck.configuration.settings()

    def summary(self, facts: Any) -> str:
        return f"only “{self._words}”" if self._words else f"{len(facts)} keys"

    def items(self, facts: Any) -> Sequence[Item]:
        words = self._words.lower().split()
        return [_item(each) for each in facts if all(word in f"{each.name} {each.value}".lower() for word in words)]

    def about(self, facts: Any, key: str) -> Content:
        setting = next(each for each in facts if each.name == key)
        means = self.deck.configuration.meaning(setting.path)
        text = means.text.replace("`", "") if means is not None else ""
        told = [("Value", setting.value or "not set"), ("From", setting.origin)]
        if means is not None:
            told += [("Default", means.default or "none"), ("Can be", means.values.replace("`", ""))]
        return lines(
            (setting.name, "bold"),
            *([plain(text)] if text else []),
            "",
            *((f"{name:<9}{plain(value)}", "$foreground 80%") for name, value in told if value),
        )

    def hints(self) -> Sequence[KeyHint]:
        keymap = self.app._keymap
        return (
            hint_of(OPEN.id, keymap, "change"),
            hint_of(FIND.id, keymap, "find"),
            KeyHint(hint_of(DELETE.id, keymap).key, "take out of your file", "delete"),
        )

    def _setting(self) -> Setting | None:
        return next((each for each in self.facts or () if each.name == self.selected), None)

    @on(OptionList.OptionSelected)
    def action_open(self) -> None:
        setting = self._setting()
        if setting is None:
            return

        def answer(text: str | None) -> None:
            if text is not None and text.strip():
                self._change(setting, text)

        question = f"{setting.name} in your own file, as TOML"
        self.app.push_screen(Ask(question, hint='"text", 12, true, ["a", "b"]', value=setting.value), answer)

    def action_delete(self) -> None:
        setting = self._setting()
        if setting is not None:
            self._change(setting, "")

    def _change(self, setting: Setting, text: str) -> None:
        def work(note: object) -> str:
            said = self.deck.configuration.change(setting.path, text)
            self.app.call_later(self.app.reread)  # type: ignore[attr-defined]
            return said

        self.actions.do(f"changing {setting.name}", work)

    def action_find(self) -> None:
        def answer(text: str | None) -> None:
            if text is not None:
                self._words = plain(text)
                self._show()

        self.app.push_screen(
            Ask("Keys with", hint="words; empty shows all", value=self._words, may_be_empty=True), answer
        )


def _item(setting: Setting) -> Item:
    is_default = setting.origin == "default"
    dim = "$foreground 60%"
    return Item(
        setting.name,
        (
            (setting.name, "" if is_default else "bold"),
            (setting.value or "–", dim if is_default else "$text-accent"),
            (setting.origin, dim),
        ),
    )
