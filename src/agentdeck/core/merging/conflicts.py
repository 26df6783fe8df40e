"""What two sides of a merge can't agree on: values, and how they are read out of a file with conflict markers."""

from __future__ import annotations

from itertools import islice

from agentdeck.core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Hunk:
    """One place of a file that both sides changed. Line numbers begin with 1; `count` may be 0, as in a diff."""

    ours_start: int
    ours_count: int
    theirs_start: int
    theirs_count: int

    def __str__(self) -> str:
        return lines_text(self.ours_start, self.ours_count)


@dataclass(frozen=True, slots=True)
class Conflict:
    """One path that could not be merged."""

    path: str
    kind: str
    """git's short word for it: `contents`, `modify/delete`, `binary`, `rename/rename`, `file/directory`, …"""
    text: str
    """git's sentence."""
    hunks: tuple[Hunk, ...] = ()
    """Where, for `contents` in a text file; else empty."""

    @property
    def where(self) -> str:
        """`path:3-5, 9`, or `path (modify/delete)` where there are no lines to name."""
        if not self.hunks:
            return self.path if self.kind == "contents" else f"{self.path} ({self.kind})"
        shown = ", ".join(str(hunk) for hunk in islice(self.hunks, 4))
        more = f", and {len(self.hunks) - 4} more" if len(self.hunks) > 4 else ""
        return f"{self.path}:{shown}{more}"


def lines_text(start: int, count: int) -> str:
    """`3` or `3-5`; for no lines the one they would follow."""
    return f"{start}-{start + count - 1}" if count > 1 else str(start)


@dataclass(frozen=True, slots=True)
class Sides:
    """One place that both sides changed, with what each made of it."""

    hunk: Hunk
    ours: tuple[bytes, ...]
    theirs: tuple[bytes, ...]


def find_hunks(merged: bytes, ours: str, theirs: str) -> tuple[Hunk, ...]:
    """The conflicts in a merged file with markers labelled `ours` and `theirs`, in each side's own line numbers."""
    return tuple(each.hunk for each in find_sides(merged, ours, theirs))


def find_sides(merged: bytes, ours: str, theirs: str) -> tuple[Sides, ...]:
    """The same, with the lines of both sides.

    The labels are commit ids, so that a file which shows conflict markers as its content is not misread.
    """
    start, end = f"<<<<<<< {ours}".encode(), f">>>>>>> {theirs}".encode()
    found: list[Sides] = []
    line = [1, 1]  # the next line's number on either side
    begun: tuple[int, int] | None = None
    texts: tuple[list[bytes], list[bytes]] = [], []
    side = -1
    for raw in merged.split(b"\n"):
        text = raw.rstrip(b"\r")
        if side < 0 and _is_marker(text, start):
            begun, side, texts = (line[0], line[1]), 0, ([], [])
        elif side == 0 and text == b"=======":
            side = 1
        elif begun is not None and side == 1 and _is_marker(text, end):
            hunk = Hunk(begun[0], line[0] - begun[0], begun[1], line[1] - begun[1])
            found.append(Sides(hunk, tuple(texts[0]), tuple(texts[1])))
            begun, side = None, -1
        elif side < 0:
            line = [line[0] + 1, line[1] + 1]
        else:
            line[side] += 1
            texts[side].append(text)
    return tuple(found)


def _is_marker(text: bytes, marker: bytes) -> bool:
    # Where the path differs between the sides git writes “<<<<<<< LABEL:path”.
    return text == marker or text.startswith(marker + b":")
