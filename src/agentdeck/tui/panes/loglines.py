"""Lines of a log, drawn one by one as they are looked at: what is not seen costs nothing but its bytes."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from datetime import datetime
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip

from agentdeck.core.text.text import columns, drawn
from agentdeck.engine.views.terminal import NOTE, LogChange
from agentdeck.tui.look.look import has_few_colours
from agentdeck.tui.look.styled import clean
from agentdeck.tui.panes.follow import FollowView

_CLOCK = 9
"""Columns for the time and a blank."""
_ODD = re.compile(rb"[^\x20-\x7e\n]")
_NOTE = NOTE.encode()


def text_of(line: bytes) -> str:
    """What there is to see of the line, without its time."""
    _, _, text = line.rstrip(b"\n").partition(b" ")
    return clean(text.decode("utf-8", "replace"))


def clock_of(line: bytes) -> str:
    try:
        return datetime.fromisoformat(line[: line.find(b" ")].decode("ascii")).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return ""


def breaks_of(text: str, width: int) -> list[int]:
    """Where the rows begin that `text` takes in `width` columns; one begins at 0 at least."""
    if text.isascii():
        return list(range(0, len(text), width)) or [0]
    found, room = [0], width
    at = 0
    for part in drawn(text):
        wide = columns(part)
        room -= wide
        if room < 0:
            found.append(at)
            room = width - wide
        at += len(part)
    return found


class LogView(FollowView):
    """Lines are known by numbers that stay theirs while others come and go at both ends."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--time", "log--note", "log--hit", "log--current"}

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []
        self._first = 0
        """The number of the first line that is held."""
        self._shown: list[int] | None = None
        """The numbers of the lines that match the filter; None without one."""
        self._filter: re.Pattern[bytes] | None = None
        self._wanted: re.Pattern[bytes] | None = None
        self._hits: list[int] = []
        self.current: int | None = None
        """The number of the line that the search stands on."""
        self.wraps = False
        self._tops: list[int] = []
        """With wrapping: the row after each line that is shown."""
        self._top = 0
        """The row of the first line that is shown, in the same count."""
        self._counted = 0
        """The number of the first line that was counted in `_tops`."""
        self._widest = 0
        self._strips: LRUCache[tuple[int, int], Strip] = LRUCache(2000)
        self._looks: dict[str, Style] = {}
        self.unseen = 0
        """Lines that came since a person scrolled up."""

    # What is held

    def clear(self) -> None:
        self._first, self.current, self.unseen, self._widest = 0, None, 0, 0
        self.lines = []
        self._strips.clear()
        self._refilter()
        self.follows = True
        self._measure()

    def apply(self, change: LogChange) -> None:
        """Take over what became of the window on the log."""
        if change.fresh:
            keeps = self.follows
            self.clear()
            self.follows = keeps
        top = self._number_at(self.scroll_offset.y) if not self.follows else None
        into = self._row_of(top) if top is not None else 0
        offset = self.scroll_offset.y - into
        if change.before:
            self.lines[:0] = change.before
            self._first -= len(change.before)
        if change.dropped_after:
            del self.lines[-change.dropped_after :]
        if change.after:
            self.lines += change.after
            if not self.follows:
                self.unseen += len(change.after)
        if change.dropped_before:
            del self.lines[: change.dropped_before]
            self._first += change.dropped_before
        for line in (*change.before, *change.after):
            self._widest = max(self._widest, len(line) + 7 * line.count(b"\t"))
        if change.before or change.dropped_after:
            self._refilter()
        elif change.after or change.dropped_before:
            self._drop()
            self._extend(max(0, len(self.lines) - len(change.after)))
        else:
            return
        self._measure()
        if top is not None:
            row = self._row_of(max(top, self._first))
            self.scroll_to(y=max(0, row + offset), animate=False, force=True, immediate=True)

    def _refilter(self) -> None:
        self._shown = None if self._filter is None else []
        self._hits, self._tops, self._top = [], [], 0
        self._extend(0)

    def _drop(self) -> None:
        """Lines at the beginning are gone: forget what was known of them."""
        gone = -1
        if self._shown is not None:
            gone = bisect_left(self._shown, self._first)
            del self._shown[:gone]
        del self._hits[: bisect_left(self._hits, self._first)]
        if self.wraps:
            gone = gone if gone >= 0 else max(0, self._first - self._counted)
            if gone:
                self._top = self._tops[min(gone, len(self._tops)) - 1] if self._tops else 0
                del self._tops[:gone]

    def _extend(self, start: int) -> None:
        """The lines from that index on are new: match and measure them."""
        self._counted = self._first
        if self._shown is None and self._wanted is None and not self.wraps:
            return
        for index in range(start, len(self.lines)):
            line = self.lines[index]
            number = self._first + index
            begin = line.find(b" ") + 1
            if self._shown is not None:
                if self._filter is None or not self._filter.search(line, begin):
                    continue
                self._shown.append(number)
            if self._wanted is not None and self._wanted.search(line, begin):
                self._hits.append(number)
            if self.wraps:
                self._tops.append((self._tops[-1] if self._tops else self._top) + self._height(line))

    def _height(self, line: bytes) -> int:
        width = self._room
        if _ODD.search(line) is None:
            count = len(line) - line.find(b" ") - 1 - line.endswith(b"\n")
            return max(1, -(-count // width))
        return len(breaks_of(text_of(line), width))

    @property
    def _room(self) -> int:
        return max(1, self.scrollable_content_region.width - _CLOCK)

    @property
    def count(self) -> int:
        """How many lines are shown."""
        return len(self.lines) if self._shown is None else len(self._shown)

    def _measure(self) -> None:
        rows = (self._tops[-1] - self._top if self._tops else 0) if self.wraps else self.count
        # The bytes of a line are never fewer than its columns; counting those of all would take long.
        width = 0 if self.wraps else max(0, self._widest - 25) + _CLOCK
        self.grown(width, rows)

    # Rows and lines

    def _number(self, index: int) -> int:
        return self._first + index if self._shown is None else self._shown[index]

    def _line_at(self, row: int) -> tuple[int, int] | None:
        """The number of the line on that row, and which row of the line it is."""
        if not self.wraps:
            return (self._number(row), 0) if 0 <= row < self.count else None
        row += self._top
        if not self._tops or not self._top <= row < self._tops[-1]:
            return None
        index = bisect_right(self._tops, row)
        return self._number(index), row - (self._tops[index - 1] if index else self._top)

    def _number_at(self, row: int) -> int | None:
        found = self._line_at(row)
        return found[0] if found else None

    def _row_of(self, number: int) -> int:
        index = number - self._first if self._shown is None else bisect_left(self._shown, number)
        if not self.wraps:
            return index
        return self._tops[min(index, len(self._tops)) - 1] - self._top if index > 0 and self._tops else 0

    # Searching

    def search(self, pattern: re.Pattern[bytes] | None) -> None:
        """Mark what matches; the last match at or above the end of what is seen becomes the current one."""
        self._wanted, self.current = pattern, None
        self._strips.clear()
        self._refilter()
        self._measure()
        if self._hits:
            last = self._number_at(min(self.virtual_size.height, self.scroll_offset.y + self.size.height) - 1)
            index = bisect_right(self._hits, last if last is not None else self._hits[-1])
            self._go_to(self._hits[max(0, index - 1)])

    def filter(self, pattern: re.Pattern[bytes] | None) -> None:
        """Show only the lines that match; all with None."""
        self._filter = pattern
        self._strips.clear()
        self._refilter()
        self.follows = True
        self._measure()

    @property
    def hits(self) -> tuple[int, int]:
        """Which match is the current one, from 1 (0 for none), and how many lines match."""
        at = bisect_left(self._hits, self.current) + 1 if self.current is not None and self._hits else 0
        return at, len(self._hits)

    def step(self, by: int) -> bool:
        """Go to the next match further down (1) or up (-1); return whether there is one."""
        if not self._hits:
            return False
        here = self.current if self.current is not None else self._first + len(self.lines)
        index = bisect_right(self._hits, here) if by > 0 else bisect_left(self._hits, here) - 1
        if not 0 <= index < len(self._hits):
            return False
        self._go_to(self._hits[index])
        return True

    def _go_to(self, number: int) -> None:
        self.current = number
        row = self._row_of(number)
        top = self.scroll_offset.y
        if not top <= row < top + self.size.height:
            target = max(0, row - self.size.height // 2)
            if target < self.max_scroll_y:
                self.follows = False
            self.scroll_to(y=target, animate=False, force=True, immediate=True)
        self.refresh()

    # Drawing

    def wrap(self, wraps: bool) -> None:
        """Show long lines on as many rows as they need, or on one that can be scrolled."""
        top = self._number_at(self.scroll_offset.y)
        self.wraps = wraps
        self._strips.clear()
        self._refilter()
        self._measure()
        self.scroll_to(x=0, animate=False, force=True, immediate=True)
        if top is not None and not self.follows:
            self.scroll_to(y=self._row_of(top), animate=False, force=True, immediate=True)

    def on_resize(self) -> None:
        if self.wraps:
            self._strips.clear()
            self._refilter()
        self._measure()

    def watch_follows(self, follows: bool) -> None:
        if follows:
            self.unseen = 0

    def notify_style_update(self) -> None:
        self._looks.clear()
        self._strips.clear()
        super().notify_style_update()

    def _look(self, name: str) -> Style:
        found = self._looks.get(name)
        if found is None:
            whole = self.get_component_rich_style(f"log--{name}")
            is_ground = name in ("hit", "current")
            found = Style(bgcolor=whole.bgcolor) if is_ground else Style(color=whole.color)
            if is_ground and has_few_colours(self.app):
                found = Style(reverse=True)
            self._looks[name] = found
        return found

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        left, top = self.scroll_offset
        place = self._line_at(y + top)
        if place is None:
            return Strip.blank(width, base)
        strip = self._strips.get(place)
        if strip is None:
            strip = self._strip(*place)
            self._strips[place] = strip
        number = place[0]
        if number == self.current:
            base += self._look("current")
        clock = strip.crop(0, _CLOCK)
        text = strip.crop_extend(_CLOCK + left, left + width, base)
        return self.selectable(Strip.join([clock, text]).apply_style(base), y + top)

    def row_count(self) -> int:
        return self.virtual_size.height

    def row_text(self, row: int) -> str:
        place = self._line_at(row)
        return self._strip(*place).text if place is not None else ""

    def _strip(self, number: int, row: int) -> Strip:
        line = self.lines[number - self._first]
        text = text_of(line)
        clock = clock_of(line) if row == 0 else ""
        if self.wraps:
            breaks = breaks_of(text, self._room)
            text = text[breaks[row] : breaks[row + 1] if row + 1 < len(breaks) else None] if row < len(breaks) else ""
        is_note = line[line.find(b" ") + 1 :].startswith(_NOTE)
        style = self._look("note") if is_note else Style.null()
        segments = [Segment(f"{clock:<{_CLOCK}}", self._look("time")), *self._marked(text, style)]
        return Strip(segments)

    def _marked(self, text: str, style: Style) -> list[Segment]:
        if self._wanted is None:
            return [Segment(text, style)]
        pattern = re.compile(self._wanted.pattern.decode("utf-8", "replace"), self._wanted.flags & re.IGNORECASE)
        segments, at = [], 0
        for match in pattern.finditer(text):
            segments += [Segment(text[at : match.start()], style), Segment(match[0], style + self._look("hit"))]
            at = match.end()
        return [segment for segment in (*segments, Segment(text[at:], style)) if segment.text]
