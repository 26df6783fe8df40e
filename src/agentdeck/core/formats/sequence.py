"""The pieces of an answer one after the other, whatever order they came in: one part is open at a time."""

from __future__ import annotations

from typing import Literal

from agentdeck.core.formats import reading
from agentdeck.core.formats.ir import (
    CallBegan,
    CallEnded,
    CallPiece,
    Event,
    Finish,
    Finished,
    Sealed,
    TextPiece,
    ThoughtPiece,
)
from agentdeck.core.frozen import dataclass, field

PartKind = Literal["text", "thought", "call"]


@dataclass(slots=True)
class AnswerPart:
    """One part of an answer, as far as it is there."""

    kind: PartKind
    key: str = ""
    id: str = ""
    name: str = ""
    seal: str = ""
    ended: bool = False
    cut_off: bool = False
    """Whether it is a call that the output limit ended."""
    pieces: list[str] = field(default_factory=list)
    _given: int = 0
    _opened: bool = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Open:
    part: AnswerPart


@dataclass(frozen=True, slots=True)
class More:
    part: AnswerPart
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    part: AnswerPart


class Sequence:
    """Takes events of an answer, and gives back what may be written now."""

    def __init__(self) -> None:
        self._waiting: list[AnswerPart] = []
        self._calls: dict[str, AnswerPart] = {}
        self.has_calls = False

    def push(self, event: Event) -> list[Open | More | Close]:
        match event:
            case TextPiece(text):
                self._speech("text", text)
            case ThoughtPiece(text):
                self._speech("thought", text)
            case Sealed(seal):
                last = self._last_open("thought") or self._begin(AnswerPart("thought"))
                last.seal, last.ended = seal, True
            case CallBegan(key, identity, name):
                if key not in self._calls:
                    self._calls[key] = self._begin(AnswerPart("call", key, identity, name))
                    self.has_calls = True
            case CallPiece(key, text):
                if text and (call := self._calls.get(key)) is not None and not call.ended:
                    call.pieces.append(text)
            case CallEnded(key):
                if (call := self._calls.get(key)) is not None:
                    call.ended = True
            case Finished(reason):
                self._finish(reason)
        return self._ready()

    def _speech(self, kind: Literal["text", "thought"], text: str) -> None:
        if text:
            (self._last_open(kind) or self._begin(AnswerPart(kind))).pieces.append(text)

    def _last_open(self, kind: PartKind) -> AnswerPart | None:
        last = self._waiting[-1] if self._waiting else None
        return last if last is not None and last.kind == kind and not last.ended else None

    def _begin(self, part: AnswerPart) -> AnswerPart:
        if self._waiting and self._waiting[-1].kind != "call":
            self._waiting[-1].ended = True
        self._waiting.append(part)
        return part

    def _finish(self, reason: Finish) -> None:
        for part in self._waiting:
            limited = reason in (Finish.LIMIT, Finish.CONTEXT)
            part.cut_off = part.kind == "call" and not part.ended and limited and not reading.is_whole(part.text)
            part.ended = True

    def _ready(self) -> list[Open | More | Close]:
        found: list[Open | More | Close] = []
        while self._waiting:
            part = self._waiting[0]
            if not part._opened:
                part._opened = True
                found.append(Open(part))
            if part._given < len(part.pieces):
                found.append(More(part, "".join(part.pieces[part._given :])))
                part._given = len(part.pieces)
            if not part.ended:
                break
            found.append(Close(part))
            del self._waiting[0]
        return found
