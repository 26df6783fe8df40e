"""The rows of a diff: the tree of its files, then each file's lines with the comments on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.merging.patch import FilePatch, PatchLine
from agentdeck.core.text.text import columns, drawn, plain
from agentdeck.engine.views.review import Comment, Diff
from agentdeck.tui.look.styled import clean
from agentdeck.tui.panes.rows import Piece


class DiffRow(NamedTuple):
    """`kind`: `title`, `section`, `folder` and `entry` of the tree, `file` head, `line`, `note`, `comment`, `blank`."""

    kind: str
    file: int = -1
    """For a folder, the first file in it."""
    line: int = -1
    comment: Comment | None = None
    old: int = -1
    """Side by side, the removed line that stands at the left of an added one."""
    part: int = 0
    """Which part of a wrapped line; of a section, 1 for what is not committed."""
    depth: int = 0
    name: str = ""
    """Of a folder or an entry, what the folders above it don't say."""
    files: int = 1
    """How many files a folder has; they follow each other."""


@dataclass(frozen=True, slots=True)
class Layout:
    sides: bool = False
    """The old lines beside the new ones, in files that have both."""
    room: int = 0
    """Columns after which a line is wrapped; 0: never."""
    half: int = 0
    """The same where it has one side only."""

    def beside(self, file: FilePatch) -> bool:
        return self.sides and bool(file.added and file.deleted)


def rows_of(diff: Diff, comments: Sequence[Comment], layout: Layout = Layout()) -> list[DiffRow]:  # noqa: B008 - frozen
    """All rows of it, in order; none where nothing has changed."""
    if not diff.files and not comments:
        return []
    said: defaultdict[tuple[str, bool, int], list[Comment]] = defaultdict(list)
    for comment in comments:
        said[comment.path, comment.removed, comment.line].append(comment)
    rows = list(_overview(diff))
    last = {file.path: at for at, file in enumerate(diff.files)}
    for at, file in enumerate(diff.files):
        rows += [DiffRow("blank"), *_head_of(diff, at), DiffRow("file", at)]
        rows += [DiffRow("comment", at, -1, comment) for comment in said.pop((file.path, False, 0), ())]
        if file.note or not file.lines:
            rows.append(DiffRow("note", at))
        for old, new in (
            _beside(file.lines) if layout.beside(file) else ((-1, index) for index in range(len(file.lines)))
        ):
            index = new if new >= 0 else old
            rows += [DiffRow("line", at, index, None, old, part) for part in range(_parts(file, (old, new), layout))]
            for each in {index, old} - {-1} if said else ():
                line = file.lines[each]
                key = (file.old_path, True, line.old) if line.kind == "-" else (file.path, False, line.new)
                is_here = at == last[file.path] or all(line.text == each.quote for each in said.get(key, ()))
                if line.kind not in "@\\" and is_here:
                    rows += [DiffRow("comment", at, each, comment) for comment in said.pop(key, ())]
    # What was said of lines that are no more as they were is not lost.
    rest = [comment for left in said.values() for comment in left]
    if rest:
        rows += [DiffRow("blank"), *(DiffRow("comment", comment=_lost(comment)) for comment in rest)]
    return rows


def _overview(diff: Diff) -> Iterator[DiffRow]:
    """What has changed, and its files; in two parts where the diff has these."""
    if diff.split is None:
        yield DiffRow("title")
        yield from tree_of(diff.files)
        return
    for part, files in enumerate((range(diff.split), range(diff.split, len(diff.files)))):
        yield DiffRow("section", part=part)
        yield from tree_of(diff.files, files)


def _head_of(diff: Diff, at: int) -> Iterator[DiffRow]:
    """The section that begins at that file, where there are two."""
    if diff.split and at in (0, diff.split) and diff.split < len(diff.files):
        yield DiffRow("section", part=int(at == diff.split))


def _beside(lines: Sequence[PatchLine]) -> Iterator[tuple[int, int]]:
    """Old and new line of each row, -1 for none: the first of the removed lines stands beside the first of the added
    ones that come right after them, and so on."""
    at = 0
    while at < len(lines):
        if lines[at].kind not in "+-":
            yield (-1, at)
            at += 1
            continue
        runs = []
        for kind in "-+":
            begin = at
            while at < len(lines) and lines[at].kind == kind:
                at += 1
            runs.append(range(begin, at))
        yield from zip_longest(*runs, fillvalue=-1)


def _parts(file: FilePatch, pair: tuple[int, int], layout: Layout) -> int:
    room = layout.half if layout.beside(file) else layout.room
    if not room:
        return 1
    widest = max(columns(clean(file.lines[index].text)) for index in pair if index >= 0)
    return max(1, -(-widest // room))


def _lost(comment: Comment) -> Comment:
    return replace(comment, text=f"{comment.place} (no longer in this diff): {comment.text}")


def tree_of(files: Sequence[FilePatch], of: Sequence[int] | None = None) -> Iterator[DiffRow]:
    """The files of these numbers, or all. Folders of several files, with these below; a path goes on in one row as far
    as it has no fork."""
    paths = [file.path.split("/") for file in files]
    yield from _branch(paths, range(len(files)) if of is None else of, 0, 0)


def _branch(paths: Sequence[list[str]], files: Sequence[int], begin: int, depth: int) -> Iterator[DiffRow]:
    """The rows of `files`, whose paths are the same up to the name number `begin`."""
    at = 0
    while at < len(files):
        first = paths[files[at]]
        end = at + 1
        while end < len(files) and len(first) > begin + 1 and _alike(first, paths[files[end]], begin):
            end += 1
        group = files[at:end]
        if len(group) == 1:
            yield DiffRow("entry", group[0], depth=depth, name="/".join(first[begin:]))
        else:
            common = begin
            while all(len(paths[each]) > common + 1 and paths[each][common] == first[common] for each in group):
                common += 1
            yield DiffRow("folder", group[0], depth=depth, name="/".join(first[begin:common]) + "/", files=len(group))
            yield from _branch(paths, group, common, depth + 1)
        at = end


def _alike(one: list[str], other: list[str], at: int) -> bool:
    return len(other) > at + 1 and one[at] == other[at]


def note_of(file: FilePatch) -> str:
    if file.note:
        return file.note
    if file.is_binary:
        return "a binary file"
    return "only renamed" if file.status == "R" else "an empty file"


def title_of(diff: Diff) -> list[Piece]:
    pieces: list[Piece] = [(f" {_files(len(diff.files))} changed ", "strong"), *counts_of(diff.added, diff.deleted)]
    return [*pieces, (f" against {plain(diff.against)}", "dim")]


def section_of(diff: Diff, *, is_loose: bool) -> list[Piece]:
    """The head of the committed changes, or of those that are not."""
    files = diff.files[diff.split :] if is_loose else diff.files[: diff.split]
    name = " Not committed" if is_loose else f" Committed since {plain(diff.against)}"
    if not files:
        return [(name, "strong"), ("  nothing", "dim")]
    added, deleted = sum(each.added for each in files), sum(each.deleted for each in files)
    return [
        (name, "warn strong" if is_loose else "strong"),
        (f"  {_files(len(files))} ", "dim"),
        *counts_of(added, deleted),
    ]


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def counts_of(added: int, deleted: int) -> list[Piece]:
    return [(f"+{added}", "good"), (f" -{deleted}", "bad")]


def cropped(pieces: Sequence[Piece], begin: int, room: int) -> list[Piece]:
    """The `room` columns of the pieces from `begin` on."""
    found, at = list[Piece](), 0
    for text, look in pieces:
        if at >= begin + room:
            break
        if text.isascii():
            kept = text[max(0, begin - at) : begin + room - at]
            at += len(text)
        else:
            kept = ""
            for char in drawn(text):
                kept += char if begin <= at and at + columns(char) <= begin + room else ""
                at += columns(char)
        if kept:
            found.append((kept, look))
    return found
