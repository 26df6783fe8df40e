"""What a model can't take is cut or left out, and said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentdeck.core.formats.ir import Audio, Dialect, File, Image, Part, Request, Result, Text, Turn
from agentdeck.core.providers.apis import Api

_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_UNKNOWN_MOST = 32_000
"""Tokens of an answer where a format wants a limit, and neither the client nor we know one."""
_STOPS = {Api.CHAT: 4, Api.GEMINI: 5}


def limit(request: Request, target: Dialect) -> int:
    """The most tokens of an answer; 0: the request says nothing."""
    most = target.facts.output
    if target.api is Api.MESSAGES:
        return min(request.limit or most or _UNKNOWN_MOST, most or request.limit or _UNKNOWN_MOST)
    if target.local and not most:
        # A local server refuses a limit that exceeds its window, and needs none.
        return 0
    return min(request.limit, most) if most else request.limit


def stops(request: Request, target: Dialect, left_out: list[str]) -> list[str]:
    allowed = 0 if not target.facts.stops or target.api is Api.RESPONSES else _STOPS.get(target.api, len(request.stop))
    if len(request.stop) > allowed:
        left_out.append("stop texts")
    return request.stop[:allowed]


def sampling(request: Request, target: Dialect) -> tuple[float | None, float | None]:
    """`temperature` and `top_p`, where the model takes them."""
    if not target.facts.sampling:
        return None, None
    warmest = 1.0 if target.api is Api.MESSAGES else 2.0
    warm = request.temperature
    return (None if warm is None else min(max(warm, 0.0), warmest)), request.top_p


def visible(turns: Sequence[Turn], target: Dialect, left_out: list[str]) -> list[Turn]:
    """The turns with a note in place of each picture, document or sound that the target can't take."""
    return [Turn(turn.role, tuple(_shown(part, target, left_out) for part in turn.parts)) for turn in turns]


def _shown(part: Part, target: Dialect, left_out: list[str]) -> Part:
    if isinstance(part, Result):
        inner = tuple(_plain(each, target, left_out) for each in part.parts)
        return Result(part.id, tuple(each for each in inner if isinstance(each, Text | Image | File)), part.failed)
    return _plain(part, target, left_out)


def _plain(part: Part, target: Dialect, left_out: list[str]) -> Part:
    takes: dict[type, tuple[str, Callable[[], bool]]] = {
        Image: ("image", lambda: _takes_image(part, target)),
        File: ("document", lambda: _takes_file(part, target)),
        Audio: ("audio", lambda: target.api is Api.GEMINI or (target.api is Api.CHAT and target.full)),
    }
    found = takes.get(type(part))
    if found is None or found[1]():
        return part
    assert isinstance(part, Image | File | Audio)
    left_out.append(found[0])
    return Text(f"[{found[0]} left out: {part.media_type or 'unknown type'}]")


def _takes_image(part: Part, target: Dialect) -> bool:
    assert isinstance(part, Image)
    if part.url and not part.data:
        return target.facts.pictures and target.api is not Api.GEMINI
    return target.facts.pictures and part.media_type in _PICTURES


def _takes_file(part: Part, target: Dialect) -> bool:
    assert isinstance(part, File)
    return bool(part.data) and part.media_type == "application/pdf" and target.full
