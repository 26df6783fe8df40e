"""Two changes side by side, file by file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from agentdeck.core.merging.patch import FilePatch
from agentdeck.core.text.text import cut, pad, plain

_MOST = 400
"""Lines of one file that are shown."""


def beside(names: tuple[str, str], left: Sequence[FilePatch], right: Sequence[FilePatch], width: int) -> Iterator[str]:
    """Lines of `width` columns: the change of one on the left, of the other on the right."""
    half = max(10, (width - 3) // 2)
    yield _line(*names, half)
    both = [{file.path: file for file in files} for files in (left, right)]
    for path in sorted({*both[0], *both[1]}):
        yield "─" * (2 * half + 3)
        heads = [_head(files.get(path)) for files in both]
        yield _line(f"{path} {heads[0]}", f"{path} {heads[1]}", half)
        bodies = [_body(files.get(path)) for files in both]
        if bodies[0] and bodies[0] == bodies[1]:
            yield _line("(both the same)", "(both the same)", half)
            continue
        for one, other in zip_longest(*bodies, fillvalue=""):
            yield _line(one, other, half)


def _line(one: str, other: str, half: int) -> str:
    first, second = (cut(plain(text.expandtabs(4)), half) for text in (one, other))
    return f"{pad(first, half)} │ {second}".rstrip()


def _head(file: FilePatch | None) -> str:
    if file is None:
        return "(unchanged)"
    return "(binary)" if file.is_binary else f"+{file.added} −{file.deleted}"


def _body(file: FilePatch | None) -> list[str]:
    if file is None:
        return []
    lines = [line.text if line.kind == "@" else f"{line.kind}{line.text}" for line in file.lines]
    more = [f"… {len(lines) - _MOST} more lines"] if len(lines) > _MOST else []
    return [*lines[:_MOST], *more]
