"""The intermediate form between the request formats: what a request asks for, and the events of an answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from agentdeck.core.frozen import dataclass, field
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.models import ModelFacts
from agentdeck.core.providers.token_usage import Usage

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""How hard a model is to think, from least to most."""


class CannotCarry(Exception):
    """This target can't serve the request; the text names the field."""


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """`data` is base64; an image with a `url` has none."""

    media_type: str
    data: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A document; `data` is base64."""

    media_type: str
    data: str = ""
    url: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Audio:
    media_type: str
    data: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """A model's reasoning; `seal` is what only its provider can read, as the client sent it."""

    text: str
    seal: str = ""


ToolKind = Literal["function", "custom", "local_shell"]


@dataclass(frozen=True, slots=True)
class Call:
    """`arguments` is JSON text; of a `custom` tool it is the free text itself."""

    id: str
    name: str
    arguments: str
    kind: ToolKind = "function"
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    id: str
    parts: tuple[Text | Image | File, ...]
    failed: bool = False


Part = Text | Image | File | Audio | Thinking | Call | Result


@dataclass(frozen=True, slots=True)
class Turn:
    """A `system` turn is an instruction that came after the first user turn."""

    role: Literal["user", "assistant", "system"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    description: str = ""
    schema: dict[str, Any] = field(default_factory=dict)
    kind: ToolKind = "function"
    namespace: str = ""
    grammar: dict[str, Any] | None = None
    """Of a `custom` tool: `{"syntax": …, "definition": …}`, where it has one."""


ChoiceMode = Literal["auto", "any", "none", "tool"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which tool is to be called: `tool` is the one called `name`."""

    mode: ChoiceMode
    name: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """The answer is to be JSON; `schema` may be empty."""

    schema: dict[str, Any]
    name: str = "answer"
    strict: bool = False


@dataclass(slots=True)
class Request:
    system: list[str] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    choice: Choice | None = None
    parallel: bool | None = None
    effort: str = ""
    """One of EFFORTS; empty: not said."""
    shows_thinking: bool = False
    limit: int = 0
    """The most tokens of an answer; 0: not said."""
    temperature: float | None = None
    top_p: float | None = None
    stop: list[str] = field(default_factory=list)
    schema: Schema | None = None
    stream: bool = False
    counts_usage: bool = True
    """Whether the client wants token counts in a stream."""
    left_out: list[str] = field(default_factory=list)
    """What no other format has, in words for an event."""
    impossible: list[str] = field(default_factory=list)
    """Fields that can't be left out, and that no other format has."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """For whom a request is written."""

    api: Api
    full: bool
    """Whether it takes all of the format, as the format's owner does, or only the basics."""
    model: str
    seal: str
    """The mark of its own seals."""
    facts: ModelFacts
    local: bool = False

    @property
    def custom_tools(self) -> bool:
        return self.full and self.api in (Api.CHAT, Api.RESPONSES)


class Finish(StrEnum):
    END = "end"
    LIMIT = "limit"
    CONTEXT = "context"
    STOP_TEXT = "stop text"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Began:
    id: str = ""


@dataclass(frozen=True, slots=True)
class TextPiece:
    text: str


@dataclass(frozen=True, slots=True)
class ThoughtPiece:
    text: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """The seal of the thoughts before it, or of some that can't be read."""

    seal: str


@dataclass(frozen=True, slots=True)
class CallBegan:
    """`key` tells the calls of one answer apart; `name` is as the request that was written has it."""

    key: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class CallPiece:
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    key: str


@dataclass(frozen=True, slots=True)
class Counted:
    usage: Usage


@dataclass(frozen=True, slots=True)
class Finished:
    reason: Finish
    stop_text: str | None = None


@dataclass(frozen=True, slots=True)
class Broke:
    """The provider says that its answer is not whole."""

    reason: str


Event = Began | TextPiece | ThoughtPiece | Sealed | CallBegan | CallPiece | CallEnded | Counted | Finished | Broke
