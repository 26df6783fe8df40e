"""A diff, row by row; the old lines above the new ones, or beside them where there is room."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from agentdeck.core.merging.patch import FilePatch, PatchLine
from agentdeck.core.text.text import columns, cut_start, plain
from agentdeck.engine.views.review import Comment, Diff
from agentdeck.tui.keys.keys import FILES, SIDES, STEP, WRAP, bound
from agentdeck.tui.look.styled import clean
from agentdeck.tui.panes.colouring import Colouring
from agentdeck.tui.panes.diffrows import DiffRow, Layout, counts_of, cropped, note_of, rows_of, section_of, title_of
from agentdeck.tui.panes.rows import Piece, RowsView
from agentdeck.tui.panes.words import Spans, changed_words, marked, partner

_STATUS = {"A": "new", "D": "gone", "R": "moved", "C": "copied", "T": "other kind", "M": ""}
_WIDE_MOST = 2200
_BESIDE = 150
"""From so many columns on, the old lines stand beside the new ones."""
_LEAST = 60
"""Columns that two sides need at least."""
_BETWEEN = "│ "
_BAR = 1
"""Columns of the scroll bar, where there is one: the layout does not change with it."""
_Anchor = tuple[str, str, bool, str, int]
"""Kind of row, path, whether the change is not committed, kind and number of the line."""
_GROUNDS = {"+": "added", "-": "removed"}


class DiffView(RowsView):
    BINDINGS: ClassVar[list[BindingType]] = [*bound((*STEP, *FILES, WRAP, SIDES))]
    FIXED = 8

    sides: ClassVar[bool | None] = None
    """Whether old and new lines stand side by side, as a person wants all diffs; None: where there is room."""
    wraps: ClassVar[bool] = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.diff = Diff()
        self.comments: Sequence[Comment] = ()
        self.rows: list[DiffRow] = []
        self._layout = Layout()
        self._stops: dict[str, list[int]] = {"file": [], "@": []}
        self._colouring: Colouring | None = None
        self._words: dict[tuple[int, int], Spans] = {}
        """Which words of a line changed, by the file and the line's place in its patch."""

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()

        def tell() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self.refresh)

        self._colouring = Colouring(tell)

    def on_unmount(self) -> None:
        if self._colouring is not None:
            self._colouring.close()

    # What is shown

    def put(self, diff: Diff, comments: Sequence[Comment] = ()) -> None:
        """Show it; the current row stays on the line that it was on."""
        if diff == self.diff and comments == self.comments and self.rows:
            return
        self._words.clear()
        if diff != self.diff and self._colouring is not None:
            self._colouring.forget()
        anchor = self._anchor()
        self.diff, self.comments = diff, comments
        self._arrange(anchor)

    def _arrange(self, anchor: _Anchor | None) -> None:
        """Make the rows anew, with the current one at the anchor."""
        depth = self.cursor - self.scroll_offset.y
        self._layout = self._fitting()
        self.rows = rows_of(self.diff, self.comments, self._layout)
        self._stops = {
            "file": [at for at, row in enumerate(self.rows) if row.kind == "file"],
            "@": [at for at, row in enumerate(self.rows) if row.kind == "line" and self.line(at).kind == "@"],
        }
        if anchor is not None:
            self.cursor = self._found(anchor)
            self.scroll_to(y=max(0, self.cursor - depth), animate=False, force=True, immediate=True)
        self.renew(self._width())

    def _fitting(self) -> Layout:
        width = self.size.width - _BAR
        sides = width >= (_BESIDE if self.sides is None else _LEAST) and self.sides is not False
        if not self.wraps or width <= 0:
            return Layout(sides)
        return Layout(sides, max(1, self._room(sides=False)), max(1, self._room(sides=True)))

    def _room(self, *, sides: bool) -> int:
        """Columns for the text of a line, or for that of one side."""
        width = self.size.width - _BAR
        return (width - len(_BETWEEN)) // 2 - self.FIXED if sides else width - self.FIXED

    def on_resize(self) -> None:
        if self.rows and self._fitting() != self._layout:
            self._arrange(self._anchor())

    def reset(self) -> None:
        self.diff, self.comments, self.rows, self.cursor = Diff(), (), [], 0
        self._stops = {"file": [], "@": []}
        self.renew()

    def _width(self) -> int:
        if self._layout.room:
            return 0
        longest = max((len(line.text) for file in self.diff.files for line in file.lines), default=0)
        beside = self._room(sides=False) - self._room(sides=True) if self._layout.sides else 0
        return min(_WIDE_MOST, longest + self.FIXED + beside)

    @property
    def aside(self) -> int:
        # Side by side, each side is scrolled by itself.
        return 0 if self._layout.sides else super().aside

    def _anchor(self) -> _Anchor | None:
        if not self.rows or self.cursor == 0:
            return None
        row = self.rows[self.cursor]
        if row.file < 0:
            return None
        path, is_loose = self.diff.files[row.file].path, self.diff.is_loose(row.file)
        if row.line < 0:
            return row.kind, path, is_loose, "", 0
        line = self.diff.files[row.file].lines[row.line]
        return row.kind, path, is_loose, line.kind, line.new or line.old

    def _found(self, anchor: _Anchor) -> int:
        """The row that is the anchor, or is nearest to it."""
        kind, path, is_loose, sort, number = anchor
        best, distance = 0, 1 << 31
        for at, row in enumerate(self.rows):
            if row.file < 0 or self.diff.files[row.file].path != path:
                continue
            if row.line < 0 or kind != row.kind:
                away = 0 if row.kind == kind else 1 << 29
            else:
                line = self.diff.files[row.file].lines[row.line]
                away = 2 * abs((line.new or line.old) - number) + (line.kind != sort)
            away += (self.diff.is_loose(row.file) != is_loose) << 30
            if away < distance:
                best, distance = at, away
        return best

    # What a row is

    def is_loose(self) -> bool:
        """Whether the change at the cursor is not committed."""
        return self.cursor < len(self.rows) and self.diff.is_loose(self.rows[self.cursor].file)

    def file(self, row: int) -> FilePatch | None:
        return self.diff.files[self.rows[row].file] if row < len(self.rows) and self.rows[row].file >= 0 else None

    def line(self, row: int) -> PatchLine:
        place = self.rows[row]
        return self.diff.files[place.file].lines[place.line]

    def aim(self) -> Comment | None:
        """Go to the nearest line that something can be said of, rather on than back: a comment on it without text;
        None where there is none."""
        for at in (*range(self.cursor, len(self.rows)), *range(self.cursor - 1, -1, -1)):
            if (target := self._target(at)) is not None:
                self.go_to(at)
                return target
        return None

    def _target(self, at: int) -> Comment | None:
        file = self.file(at)
        if file is None:
            return None
        row = self.rows[at]
        if row.line < 0:
            return Comment(file.path, 0, "")
        line = file.lines[row.line]
        if line.kind in "@\\":
            return None
        removed = line.kind == "-"
        return Comment(
            file.old_path if removed else file.path, line.old if removed else line.new, "", line.text, removed
        )

    def comment(self) -> Comment | None:
        """The comment at the cursor, or on the line at the cursor."""
        if self.cursor >= len(self.rows):
            return None
        at, row = self.cursor + 1, self.rows[self.cursor]
        while at < len(self.rows) and self.rows[at].part:
            at += 1
        below = self.rows[at].comment if at < len(self.rows) and row.line >= 0 else None
        return row.comment or below

    # Painting

    def count(self) -> int:
        return len(self.rows)

    def ground(self, row: int) -> str:
        place = self.rows[row]
        if place.kind in ("file", "section"):
            return "head"
        if place.kind == "comment":
            return "remark"
        return _GROUNDS.get(self.line(row).kind, "") if place.kind == "line" and not self._is_beside(place) else ""

    def pieces(self, row: int) -> Sequence[Piece]:
        place = self.rows[row]
        if place.kind == "line":
            return self._line(place)
        if place.comment is not None:
            return [("        ✎ ", "warn"), (plain(place.comment.text), "warn")]
        return self._told(place)

    def _told(self, place: DiffRow) -> Sequence[Piece]:
        match place.kind:
            case "title":
                return title_of(self.diff)
            case "section":
                return section_of(self.diff, is_loose=bool(place.part))
            case "blank":
                return ()
            case "note":
                return [("        ", ""), (plain(note_of(self.diff.files[place.file])), "dim")]
            case "folder":
                files = self.diff.files[place.file : place.file + place.files]
                counts = counts_of(sum(each.added for each in files), sum(each.deleted for each in files))
                return [("  " * (place.depth + 1), ""), (plain(place.name), "accent"), ("  ", ""), *counts]
        return self._file_pieces(self.diff.files[place.file], place)

    def _is_beside(self, place: DiffRow) -> bool:
        return self._layout.beside(self.diff.files[place.file])

    def _line(self, place: DiffRow) -> Sequence[Piece]:
        file = self.diff.files[place.file]
        line = file.lines[place.line]
        if line.kind in "@\\":
            head = "      ⋯ " if line.kind == "@" else " " * self.FIXED
            text: list[Piece] = [(clean(line.text), "dim")]
            return [(head, "dim"), *self._part(text, place.part, sides=self._is_beside(place))]
        return self._sides(file, place) if self._is_beside(place) else self._line_pieces(file, place.line, place.part)

    def _sides(self, file: FilePatch, place: DiffRow) -> list[Piece]:
        """The old line, and the new one at its right."""
        kind, room = file.lines[place.line].kind, self._room(sides=True)
        old = place.old if kind == "+" else place.line
        new = -1 if kind == "-" else place.line
        halves, current = [], self.rows[self.cursor]
        for index, is_old in ((old, True), (new, False)):
            pieces = self._line_pieces(file, index, place.part, is_old=is_old) if index >= 0 else []
            filled = [*pieces, (" " * (room + self.FIXED - sum(columns(text) for text, _ in pieces)), "")]
            ground = _GROUNDS.get(file.lines[index].kind, "") if index >= 0 and place is not current else ""
            halves.append([(text, f"{ground} {look}".strip()) for text, look in filled])
        return [*halves[0], (_BETWEEN, "dim"), *halves[1]]

    def _part(self, pieces: Sequence[Piece], part: int, *, sides: bool) -> Sequence[Piece]:
        """What is seen of a line's text in that part of it."""
        room = self._layout.half if sides else self._layout.room
        if room:
            return cropped(pieces, part * room, room)
        return cropped(pieces, self.scroll_offset.x, self._room(sides=sides)) if self._layout.sides else pieces

    def _file_pieces(self, file: FilePatch, place: DiffRow) -> list[Piece]:
        is_head = place.kind == "file"
        counts: list[Piece] = [("binary", "dim")] if file.is_binary else []
        if file.added or file.deleted:
            counts = counts_of(file.added, file.deleted)
        words = [_STATUS.get(file.status, "")]
        is_loose = self.diff.split is None or self.diff.is_loose(place.file)
        if is_loose and file.path in self.diff.untracked:
            words = ["new, untracked"]
        told = ", ".join(filter(None, words))
        name = plain(file.path if is_head else place.name)
        name = name if file.old_path == file.path else f"{plain(file.old_path)} → {name}"
        mark = "▸ " if is_head else "  " * (place.depth + 1)
        taken = columns(told) + sum(columns(text) for text, _ in counts) + len(mark) + 5
        shown = cut_start(name, max(12, self.scrollable_content_region.width - taken))
        look = "strong" if is_head else ""
        return [(mark, "accent"), (shown, look), ("  ", ""), *counts, ("  ", ""), (told, "warn")]

    def _line_pieces(self, file: FilePatch, index: int, part: int, *, is_old: bool = False) -> list[Piece]:
        line = file.lines[index]
        number = line.old if is_old else line.new or line.old
        sign = {"+": "good", "-": "bad"}.get(line.kind, "dim")
        gutter: list[Piece] = [(f"{number:>5} ", "dim"), (f"{line.kind} ", sign)]
        coloured = self._colouring.of(file, index) if self._colouring is not None else None
        pieces = coloured if coloured is not None else [(clean(line.text), "")]
        spans = self._changed(file, index)
        look = "word-added" if line.kind == "+" else "word-removed"
        shown = self._part(
            list(marked(pieces, spans, look)) if spans else pieces, part, sides=self._layout.beside(file)
        )
        return [*([(" " * self.FIXED, "")] if part else gutter), *shown]

    def _changed(self, file: FilePatch, index: int) -> Spans:
        """Which words of the line are others than in the line that stands for it on the other side."""
        key = (id(file), index)
        if key not in self._words:
            other = partner(file.lines, index)
            if other is None:
                return ()
            old, new = sorted((index, other))
            spans = changed_words(clean(file.lines[old].text), clean(file.lines[new].text))
            self._words[id(file), old], self._words[id(file), new] = spans
        return self._words[key]

    def hunk(self) -> tuple[FilePatch, tuple[PatchLine, ...]] | None:
        """The file at the cursor and the lines of the change there; no lines where the cursor is on the file as a
        whole, None where it is on no file."""
        file = self.file(self.cursor)
        if file is None:
            return None
        at = self.rows[self.cursor].line
        if at < 0:
            return file, ()
        starts = [number for number, line in enumerate(file.lines) if line.kind == "@"]
        begin = max((start for start in starts if start <= at), default=0)
        end = min((start for start in starts if start > at), default=len(file.lines))
        return file, file.lines[begin:end]

    # Keys

    def action_wrap(self) -> None:
        """Wrap long lines in every diff, or do not."""
        DiffView.wraps = not self.wraps
        self._again()

    def action_sides(self) -> None:
        """Show old and new lines side by side in every diff, or one below the other."""
        DiffView.sides = not self._layout.sides
        self._again()
        if self.sides and not self._layout.sides:
            self.notify(f"Side by side needs {_LEAST} columns; {{look.zoom}} gives the tab all.", severity="warning")

    def _again(self) -> None:
        self.scroll_to(x=0, animate=False, force=True, immediate=True)
        self._arrange(self._anchor())

    def action_step(self, by: int) -> None:
        self._step("@", by)

    def action_step_file(self, by: int) -> None:
        self._step("file", by)

    def _step(self, what: str, by: int) -> None:
        stops = self._stops[what]
        if not stops:
            return
        at = bisect_right(stops, self.cursor) if by > 0 else bisect_left(stops, self.cursor) - 1
        if not 0 <= at < len(stops):
            return
        self.go_to(stops[at])
        # What begins here shall be seen, not only its first row.
        height = self.scrollable_content_region.height
        if self.cursor - self.scroll_offset.y > height // 2:
            self.scroll_to(y=self.cursor - 1, animate=False, force=True, immediate=True)

    @on(RowsView.Opened)
    def _opened(self, event: RowsView.Opened) -> None:
        row = self.rows[event.row]
        if row.kind in ("entry", "folder") and not self.diff.files[row.file].left_out:
            event.stop()
            self.go_to(self._stops["file"][row.file])
            self.scroll_to(y=self.cursor, animate=False, force=True, immediate=True)
