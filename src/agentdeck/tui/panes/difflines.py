"""A diff, row by row: a list of its files, then each file's lines with the comments on them."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, NamedTuple

from textual import on
from textual.binding import BindingType

from agentdeck.core.merging.patch import FilePatch, PatchLine
from agentdeck.core.text.text import columns, cut_start, plain
from agentdeck.engine.views.review import Comment, Diff
from agentdeck.tui.keys.keys import FILES, STEP, bound
from agentdeck.tui.look.styled import clean
from agentdeck.tui.panes.colouring import Colouring
from agentdeck.tui.panes.rows import Piece, RowsView
from agentdeck.tui.panes.words import Spans, changed_words, marked, partner

_STATUS = {"A": "new", "D": "gone", "R": "moved", "C": "copied", "T": "other kind", "M": ""}
_WIDE_MOST = 2200


class DiffRow(NamedTuple):
    """`kind`: `title`, `entry` of the list, `file` head, `line`, `note`, `comment`, `blank`."""

    kind: str
    file: int = -1
    line: int = -1
    comment: Comment | None = None


class DiffView(RowsView):
    BINDINGS: ClassVar[list[BindingType]] = [*bound((*STEP, *FILES))]
    FIXED = 8

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.diff = Diff()
        self.comments: Sequence[Comment] = ()
        self.rows: list[DiffRow] = []
        self._stops: dict[str, list[int]] = {"file": [], "@": []}
        self._colouring: Colouring | None = None
        self._words: dict[tuple[str, int], Spans] = {}
        """Which words of a line changed, by the file's path and the line's place in its patch."""

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
        anchor, depth = self._anchor(), self.cursor - self.scroll_offset.y
        if diff != self.diff and self._colouring is not None:
            self._colouring.forget()
        self.diff, self.comments = diff, comments
        self.rows = rows_of(diff, comments)
        self._stops = {
            "file": [at for at, row in enumerate(self.rows) if row.kind == "file"],
            "@": [at for at, row in enumerate(self.rows) if row.kind == "line" and self.line(at).kind == "@"],
        }
        if anchor is not None:
            self.cursor = self._found(anchor)
            self.scroll_to(y=max(0, self.cursor - depth), animate=False, force=True, immediate=True)
        self.renew(self._width())

    def reset(self) -> None:
        self.diff, self.comments, self.rows, self.cursor = Diff(), (), [], 0
        self._stops = {"file": [], "@": []}
        self.renew()

    def _width(self) -> int:
        longest = max((len(line.text) for file in self.diff.files for line in file.lines), default=0)
        return min(_WIDE_MOST, longest + self.FIXED)

    def _anchor(self) -> tuple[str, str, str, int] | None:
        if not self.rows or self.cursor == 0:
            return None
        row = self.rows[self.cursor]
        if row.file < 0:
            return None
        path = self.diff.files[row.file].path
        if row.line < 0:
            return row.kind, path, "", 0
        line = self.diff.files[row.file].lines[row.line]
        return row.kind, path, line.kind, line.new or line.old

    def _found(self, anchor: tuple[str, str, str, int]) -> int:
        """The row that is the anchor, or is nearest to it."""
        kind, path, sort, number = anchor
        best, distance = 0, 1 << 30
        for at, row in enumerate(self.rows):
            if row.file < 0 or self.diff.files[row.file].path != path:
                continue
            if row.line < 0 or kind != row.kind:
                away = 0 if row.kind == kind else 1 << 29
            else:
                line = self.diff.files[row.file].lines[row.line]
                away = 2 * abs((line.new or line.old) - number) + (line.kind != sort)
            if away < distance:
                best, distance = at, away
        return best

    # What a row is

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
        for at in (self.cursor, self.cursor + 1):
            if at < len(self.rows) and (found := self.rows[at].comment) is not None:
                return found
        return None

    # Painting

    def count(self) -> int:
        return len(self.rows)

    def ground(self, row: int) -> str:
        place = self.rows[row]
        if place.kind == "file":
            return "head"
        if place.kind == "comment":
            return "remark"
        if place.kind == "line":
            return {"+": "added", "-": "removed"}.get(self.line(row).kind, "")
        return ""

    def pieces(self, row: int) -> Sequence[Piece]:
        place = self.rows[row]
        if place.kind == "title":
            return title_of(self.diff)
        if place.kind == "blank":
            return ()
        if place.comment is not None:
            return [("        ✎ ", "warn"), (plain(place.comment.text), "warn")]
        file = self.diff.files[place.file]
        if place.kind in ("entry", "file"):
            return self._file_pieces(file, is_head=place.kind == "file")
        if place.kind == "note":
            return [("        ", ""), (plain(note_of(file)), "dim")]
        return self._line_pieces(file, place.line)

    def _file_pieces(self, file: FilePatch, *, is_head: bool) -> list[Piece]:
        counts: list[Piece] = [("binary", "dim")] if file.is_binary else []
        if file.added or file.deleted:
            counts = [(f"+{file.added}", "good"), (f" -{file.deleted}", "bad")]
        words = [_STATUS.get(file.status, "")]
        if file.path in self.diff.untracked:
            words = ["new, untracked"]
        elif file.path in self.diff.uncommitted:
            words.append("not committed")
        told = ", ".join(filter(None, words))
        name = plain(file.path) if file.old_path == file.path else f"{plain(file.old_path)} → {plain(file.path)}"
        mark = "▸ " if is_head else "  "
        room = self.scrollable_content_region.width - columns(told) - sum(columns(text) for text, _ in counts) - 7
        shown = cut_start(name, max(12, room))
        look = "strong" if is_head else ""
        return [(mark, "accent"), (shown, look), ("  ", ""), *counts, ("  ", ""), (told, "warn")]

    def _line_pieces(self, file: FilePatch, index: int) -> list[Piece]:
        line = file.lines[index]
        if line.kind == "@":
            return [("      ⋯ ", "dim"), (clean(line.text), "dim")]
        if line.kind == "\\":
            return [("        ", ""), (clean(line.text), "dim")]
        number = line.new or line.old
        fresh = "•" if (file.path, line.new) in self.diff.fresh and line.kind == "+" else " "
        sign = {"+": "good", "-": "bad"}.get(line.kind, "dim")
        gutter: list[Piece] = [(f"{number:>5}", "dim"), (fresh, "warn"), (f"{line.kind} ", sign)]
        coloured = self._colouring.of(file, index) if self._colouring is not None else None
        pieces = coloured if coloured is not None else [(clean(line.text), "")]
        spans = self._changed(file, index)
        look = "word-added" if line.kind == "+" else "word-removed"
        return [*gutter, *(marked(pieces, spans, look) if spans else pieces)]

    def _changed(self, file: FilePatch, index: int) -> Spans:
        """Which words of the line are others than in the line that stands for it on the other side."""
        key = (file.path, index)
        if key not in self._words:
            other = partner(file.lines, index)
            if other is None:
                return ()
            old, new = sorted((index, other))
            spans = changed_words(clean(file.lines[old].text), clean(file.lines[new].text))
            self._words[file.path, old], self._words[file.path, new] = spans
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
        if row.kind == "entry" and not self.diff.files[row.file].left_out:
            event.stop()
            self.go_to(self._stops["file"][row.file])
            self.scroll_to(y=self.cursor, animate=False, force=True, immediate=True)


def rows_of(diff: Diff, comments: Sequence[Comment]) -> list[DiffRow]:
    """All rows of it, in order; none where nothing has changed."""
    if not diff.files and not comments:
        return []
    said: defaultdict[tuple[str, bool, int], list[Comment]] = defaultdict(list)
    for comment in comments:
        said[comment.path, comment.removed, comment.line].append(comment)
    rows = [DiffRow("title"), *(DiffRow("entry", at) for at in range(len(diff.files)))]
    for at, file in enumerate(diff.files):
        rows += [DiffRow("blank"), DiffRow("file", at)]
        rows += [DiffRow("comment", at, -1, comment) for comment in said.pop((file.path, False, 0), ())]
        if file.note or not file.lines:
            rows.append(DiffRow("note", at))
        for index, line in enumerate(file.lines):
            rows.append(DiffRow("line", at, index))
            if not said or line.kind in "@\\":
                continue
            key = (file.old_path, True, line.old) if line.kind == "-" else (file.path, False, line.new)
            rows += [DiffRow("comment", at, index, comment) for comment in said.pop(key, ())]
    # What was said of lines that are no more as they were is not lost.
    rest = [comment for left in said.values() for comment in left]
    if rest:
        rows += [DiffRow("blank"), *(DiffRow("comment", comment=_lost(comment)) for comment in rest)]
    return rows


def _lost(comment: Comment) -> Comment:
    return replace(comment, text=f"{comment.place} (no longer in this diff): {comment.text}")


def note_of(file: FilePatch) -> str:
    if file.note:
        return file.note
    if file.is_binary:
        return "a binary file"
    return "only renamed" if file.status == "R" else "an empty file"


def title_of(diff: Diff) -> list[Piece]:
    files = "1 file" if len(diff.files) == 1 else f"{len(diff.files)} files"
    pieces: list[Piece] = [(f" {files} changed ", "strong"), (f"+{diff.added}", "good"), (f" -{diff.deleted}", "bad")]
    pieces.append((f" against {plain(diff.against)}", "dim"))
    if diff.fresh:
        pieces.append(("   • not committed", "warn"))
    return pieces
