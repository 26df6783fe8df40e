"""From one request format to another: the requests there, the answers back.

Pure: nothing here reads a clock, a file or the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from agentdeck.core.formats.answers.chat import ChatReader, ChatWriter
from agentdeck.core.formats.answers.gemini import GeminiReader, GeminiWriter
from agentdeck.core.formats.answers.messages import MessagesReader, MessagesWriter
from agentdeck.core.formats.answers.responses import ResponsesReader
from agentdeck.core.formats.answers.responses_writer import ResponsesWriter
from agentdeck.core.formats.answers.writing import AnswerWriter
from agentdeck.core.formats.ir import CannotCarry, Dialect, Event, Request
from agentdeck.core.formats.names import Names
from agentdeck.core.formats.requests import chat, gemini, messages, responses
from agentdeck.core.frozen import dataclass
from agentdeck.core.providers.apis import Api


class AnswerReader(Protocol):
    """Reads an answer: the decoded events of a stream and then its end, or one document."""

    def feed(self, data: dict[str, Any]) -> list[Event]: ...
    def end(self) -> list[Event]: ...
    def document(self, document: dict[str, Any]) -> list[Event]: ...


@dataclass(frozen=True, slots=True)
class Written:
    """A request as its target takes it."""

    document: dict[str, Any]
    tools: Names
    left_out: tuple[str, ...]


_READ: dict[Api, Callable[[dict[str, Any]], Request]] = {
    Api.MESSAGES: messages.read,
    Api.CHAT: chat.read,
    Api.RESPONSES: responses.read,
    Api.GEMINI: gemini.read,
}
_WRITE: dict[Api, Callable[[Request, Dialect, Names, list[str]], dict[str, Any]]] = {
    Api.MESSAGES: messages.write,
    Api.CHAT: chat.write,
    Api.RESPONSES: responses.write,
    Api.GEMINI: gemini.write,
}
_READERS: dict[Api, Callable[[], AnswerReader]] = {
    Api.MESSAGES: MessagesReader,
    Api.CHAT: ChatReader,
    Api.RESPONSES: ResponsesReader,
    Api.GEMINI: GeminiReader,
}
_WRITERS: dict[Api, type[AnswerWriter]] = {
    Api.MESSAGES: MessagesWriter,
    Api.CHAT: ChatWriter,
    Api.RESPONSES: ResponsesWriter,
    Api.GEMINI: GeminiWriter,
}
_IS_BASIC: dict[Api, Callable[[dict[str, Any]], bool]] = {
    Api.MESSAGES: messages.is_basic,
    Api.CHAT: chat.is_basic,
    Api.RESPONSES: responses.is_basic,
    Api.GEMINI: gemini.is_basic,
}


def request_of(api: Api, document: dict[str, Any]) -> Request:
    return _READ[api](document)


def written(request: Request, target: Dialect) -> Written:
    """`request` for `target`. Raise CannotCarry where a part of it can neither be said there nor be left out."""
    if request.impossible:
        raise CannotCarry(request.impossible[0])
    tools = Names(request.tools)
    left_out = list(request.left_out)
    if not target.custom_tools and any(tool.kind == "custom" and tool.grammar for tool in request.tools):
        left_out.append("grammars of tools")
    document = _WRITE[target.api](request, target, tools, left_out)
    return Written(document, tools, tuple(dict.fromkeys(left_out)))


def is_basic(api: Api, document: dict[str, Any]) -> bool:
    """Whether a server that knows only the basics of `api` understands the request as it is."""
    return _IS_BASIC[api](document)


def reader(api: Api) -> AnswerReader:
    return _READERS[api]()


def writer(api: Api, tools: Names, model: str, mark: str, identity: str) -> AnswerWriter:
    return _WRITERS[api](tools, model, mark, identity)
