"""The two themes that AgentDeck starts with, so that all text can be read on all that it stands on.

Textual's own light one is grey, and its amber on it has a contrast of 2.8, where 4.5 is what readers need.
"""

from __future__ import annotations

from dataclasses import replace  # noqa: TID251 - of a class of Textual's, which has imported it

from textual.theme import BUILTIN_THEMES, Theme

_DARK, _LIGHT = BUILTIN_THEMES["textual-dark"], BUILTIN_THEMES["textual-light"]


def own_themes(*, few_colours: bool) -> tuple[Theme, Theme]:
    """Dark and light, by Textual's names. With `few_colours` each colour is one of the sixteen: of a mixed one the
    terminal takes the nearest, which is red for amber, and any grey for a background."""
    dark = replace(_DARK, variables={**_DARK.variables, "text-secondary": "#7FAAC8", "text-error": "#E294A5"})
    light = replace(
        _LIGHT,
        foreground="#0A0A0A",
        background="#FCFCFC",
        surface="#F3F3F3",
        panel="#E8E8E8",
        boost="#00000010",
        accent="#B36B00",
        variables={
            **_LIGHT.variables,
            "text-accent": "#8A5300",
            "text-warning": "#8A5300",
            "text-success": "#1E6B34",
            "text-error": "#A31D3A",
            "text-secondary": "#0060A8",
        },
    )
    return (_pure(dark, *_ON_BLACK), _pure(light, *_ON_WHITE)) if few_colours else (dark, light)


_ON_BLACK = ("#FFFFFF", "#000000", "#FFFF55", "#FF5555", "#55FF55", "#55FFFF")
# Yellow and green can't be read on white.
_ON_WHITE = ("#000000", "#FFFFFF", "#AA00AA", "#AA0000", "#0000AA", "#0000AA")


def _pure(theme: Theme, front: str, back: str, accent: str, error: str, success: str, primary: str) -> Theme:
    texts = {"accent": accent, "warning": accent, "error": error, "success": success}
    texts |= {"primary": primary, "secondary": primary}
    return replace(
        theme,
        foreground=front,
        background=back,
        surface=back,
        panel=back,
        boost=back,
        accent=accent,
        warning=accent,
        error=error,
        success=success,
        primary=primary,
        secondary=primary,
        variables={**theme.variables, **{f"text-{name}": colour for name, colour in texts.items()}},
    )
