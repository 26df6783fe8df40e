"""All text can be read on all that it stands on: a contrast of 4.5, as WCAG counts it."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from agentdeck.tui.look.themes import own_themes

_TEXTS = ("accent", "warning", "error", "success", "primary", "secondary")
_XTERM = {
    "#FFFF55": "#FFFF00",
    "#FF5555": "#FF0000",
    "#55FF55": "#00FF00",
    "#55FFFF": "#00FFFF",
    "#AA00AA": "#CD00CD",
    "#AA0000": "#CD0000",
    "#0000AA": "#0000EE",
    "#000000": "#000000",
    "#FFFFFF": "#FFFFFF",
}
"""What xterm shows for those of the sixteen colours that are used."""


def contrast(one: Color, other: Color) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def _variables(theme: Theme) -> dict[str, str]:
    return {**theme.to_color_system().generate(), **theme.variables}


@pytest.mark.parametrize("theme", own_themes(few_colours=False), ids=lambda theme: theme.name)
def test_each_text_can_be_read_on_each_ground_of_the_theme(theme: Theme) -> None:
    found = _variables(theme)
    back = Color.parse(found["background"])
    cursor = back.blend(Color.parse(found["primary"]), 0.3 if theme.dark else 0.1)
    dim = back.blend(Color.parse(found["foreground"]), 0.68)
    texts = {name: Color.parse(found[f"text-{name}"]) for name in _TEXTS} | {"dim": dim}
    grounds = {"cursor": cursor} | {name: Color.parse(found[name]) for name in ("background", "surface", "panel")}
    low = {
        (name, ground): round(contrast(text, on), 2)
        for name, text in texts.items()
        for ground, on in grounds.items()
        if contrast(text, on) < 4.5
    }
    assert low == {}


@pytest.mark.parametrize("theme", own_themes(few_colours=True), ids=lambda theme: theme.name)
def test_with_sixteen_colours_each_is_one_of_them_and_can_be_read(theme: Theme) -> None:
    found = _variables(theme)
    back = Color.parse(_XTERM[found["background"]])
    for name in _TEXTS:
        assert contrast(Color.parse(_XTERM[found[f"text-{name}"]]), back) >= 4.5, name
    assert found["surface"] == found["panel"] == found["background"]


def test_the_light_theme_of_textual_is_why() -> None:
    found = _variables(BUILTIN_THEMES["textual-light"])
    assert contrast(Color.parse(found["text-accent"]), Color.parse(found["panel"])) < 3
