"""How things look that several widgets show: glyphs, short numbers, small charts. Everything else is in styles/."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

_BARS = "▁▂▃▄▅▆▇█"
_SHIPPED = Path(__file__).parents[2] / "styles"
_CHECKOUT = Path(__file__).parents[4] / "styles"


def style_sheets() -> list[Path]:
    """All style sheets: beside the package in a wheel, at the top of a checkout."""
    folder = _SHIPPED if _SHIPPED.is_dir() else _CHECKOUT
    return sorted(folder.glob("*.tcss"))


def has_few_colours(app: App[Any]) -> bool:
    """Whether the terminal has 16 colours: then a background that a theme mixes comes out as any grey, and what stands
    on it can't be read."""
    return not app.is_headless and app.console.color_system == "standard"


def sparkline(values: Sequence[float], width: int, *, full: float) -> str:
    """The last `width` values as bars, right-aligned; `full` is the least value that the highest bar stands for."""
    recent = values[-width:]
    top = max(full, *recent, 0.0) or 1.0
    bars = "".join(_BARS[min(len(_BARS) - 1, int(value / top * len(_BARS)))] for value in recent)
    return bars.rjust(width)


def short_bytes(count: float) -> str:
    """`812K`, `14M`, `1.2G`: never more than four columns."""
    for unit in "KMGT":
        count /= 1024
        if count < 9.95 and unit in "GT":
            return f"{count:.1f}{unit}"
        if count < 999.5:
            return f"{count:.0f}{unit}"
    return f"{count:.0f}P"
