"""What the writers of all formats have in common: one state for a stream and for a whole document."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from agentdeck.core.formats import names
from agentdeck.core.formats.ir import Began, Broke, Counted, Event, Finish, Finished, Tool
from agentdeck.core.formats.names import Names
from agentdeck.core.formats.sequence import AnswerPart, Close, More, Open, Sequence
from agentdeck.core.providers.token_usage import NOTHING, Usage


class AnswerWriter(ABC):
    """Writes an answer in a client's format.

    `tools` are the request's, `model` the name that the client asked for, `mark` goes before each seal, and `identity`
    makes the ids of this answer differ from those of others.
    """

    created = 0
    """When the answer was made, in seconds since the epoch, for the formats that say so."""

    def __init__(self, tools: Names, model: str, mark: str, identity: str) -> None:
        self._tools, self._model, self._mark, self._identity = tools, model, mark, identity
        self._sequence = Sequence()
        self._began = False
        self._ended = False
        self._parts: list[AnswerPart] = []
        self._stop_text: str | None = None
        self._calls = 0
        self.usage: Usage = NOTHING
        self.finish: Finish | None = None
        self.broken = ""
        """What the provider said to be wrong with its answer."""

    def feed(self, events: Iterable[Event]) -> bytes:
        """What of a stream these events let write."""
        return b"".join(event for each in events for event in self._take(each))

    def end(self) -> bytes:
        """The end of a stream whose finish is known."""
        if self._ended:
            return b""
        self._ended = True
        return b"".join(self._closing())

    @abstractmethod
    def document(self) -> dict[str, Any]:
        """The whole answer of one that is not streamed."""

    def _take(self, event: Event) -> list[bytes]:
        found: list[bytes] = []
        if not self._began:
            self._began = True
            found += self._opening()
        match event:
            case Began():
                return found
            case Counted(usage):
                self.usage = self.usage.updated(usage)
                return found
            case Broke(reason):
                self.broken = reason
                return found
            case Finished(reason, stop_text):
                if self.finish is not None:
                    return found
                self.finish, self._stop_text = reason, stop_text
        for step in self._sequence.push(event):
            match step:
                case Open(part):
                    self._parts.append(part)
                    if part.kind == "call":
                        part.id = names.safe_id(part.id or f"call_{self._identity}_{self._calls}")
                        self._calls += 1
                    found += self._open(part)
                case More(part, text):
                    found += self._more(part, text)
                case Close(part):
                    found += self._close(part)
        return found

    @property
    def _has_calls(self) -> bool:
        return self._calls > 0

    def _tool(self, part: AnswerPart) -> Tool:
        return self._tools.meant(part.name)

    def _seal(self, part: AnswerPart) -> str:
        """The seal for the client. One without content says whose the thoughts are, and that no provider wants them."""
        return self._mark + part.seal

    @abstractmethod
    def _opening(self) -> list[bytes]: ...

    @abstractmethod
    def _open(self, part: AnswerPart) -> list[bytes]: ...

    @abstractmethod
    def _more(self, part: AnswerPart, text: str) -> list[bytes]: ...

    @abstractmethod
    def _close(self, part: AnswerPart) -> list[bytes]: ...

    @abstractmethod
    def _closing(self) -> list[bytes]: ...


def named_event(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {_json(data)}\n\n".encode("utf-8", "surrogatepass")


def plain_event(data: dict[str, Any]) -> bytes:
    return f"data: {_json(data)}\n\n".encode("utf-8", "surrogatepass")


def _json(data: dict[str, Any]) -> str:
    # A lone surrogate, which a provider may escape, has no bytes in UTF-8: only escaped it is JSON.
    text = json.dumps(data, ensure_ascii=False)
    return text if text.isascii() or _encodable(text) else json.dumps(data)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
