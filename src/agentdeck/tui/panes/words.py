"""Which words of a line changed, where a removed line and an added one are two versions of the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

from agentdeck.core.merging.patch import PatchLine
from agentdeck.tui.panes.rows import Piece

Spans = tuple[tuple[int, int], ...]
"""From and to, in characters of a line."""
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_COLUMNS_MOST = 500
_ALIKE = 0.4
"""Lines that have less than this in common are not two versions of one."""


def changed_words(old: str, new: str) -> tuple[Spans, Spans]:
    """What is only in the one and only in the other; nothing where they have little in common."""
    if max(len(old), len(new)) > _COLUMNS_MOST:
        return (), ()
    before, after = _WORD.findall(old), _WORD.findall(new)
    match = SequenceMatcher(None, before, after, autojunk=False)
    if match.ratio() < _ALIKE:
        return (), ()
    codes = [code for code in match.get_opcodes() if code[0] != "equal"]
    return _spans(before, [code[1:3] for code in codes]), _spans(after, [code[3:5] for code in codes])


def _spans(words: Sequence[str], places: Sequence[tuple[int, int]]) -> Spans:
    ends = [0]
    for word in words:
        ends.append(ends[-1] + len(word))
    return tuple((ends[begin], ends[end]) for begin, end in places if begin < end)


def partner(lines: Sequence[PatchLine], index: int) -> int | None:
    """The line that stands for this one on the other side: the first of the lines that go for the first of those that
    come right after them, and so on; None where there is none."""
    kind = lines[index].kind
    if kind not in ("-", "+"):
        return None
    first = index
    while first > 0 and lines[first - 1].kind == kind:
        first -= 1
    if kind == "-":
        begin = index
        while begin < len(lines) and lines[begin].kind == "-":
            begin += 1
        found = begin + (index - first)
        is_there = found < len(lines) and all(line.kind == "+" for line in lines[begin : found + 1])
        return found if is_there else None
    begin = first
    while begin > 0 and lines[begin - 1].kind == "-":
        begin -= 1
    found = begin + (index - first)
    return found if found < first else None


def marked(pieces: Sequence[Piece], spans: Spans, look: str) -> Iterator[Piece]:
    """The pieces, with `look` added where the spans are."""
    at = 0
    cuts = sorted({place for span in spans for place in span})
    for text, name in pieces:
        begin = at
        at += len(text)
        edges = [begin, *(cut for cut in cuts if begin < cut < at), at]
        for left, right in pairwise(edges):
            is_in = any(start <= left and right <= end for start, end in spans)
            yield text[left - begin : right - begin], f"{name} {look}".strip() if is_in else name
