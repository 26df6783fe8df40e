"""What an agent does and has taken, added up from the records of its transcript. Standard library only."""

from __future__ import annotations

from typing import Any

from agentdeck.core.frozen import asdict, dataclass, field, fields
from agentdeck.core.providers.token_usage import NOTHING, Usage
from agentdeck.core.transcripts.reading import cut, one_line
from agentdeck.core.transcripts.records import Kind, Record

_WORDS_MAX = 600
_KEYS = 16
"""Requests whose usage may still be told again: a message's blocks come one after the other."""
_DENIALS = 20


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that runs."""

    tool: str
    arguments: str
    since: float

    @property
    def text(self) -> str:
        return f"{self.tool}: {self.arguments}" if self.arguments else self.tool


@dataclass(slots=True)
class Activity:
    """Of one agent. The counts go on over its runs; what tells of a turn begins anew with each."""

    session: str = ""
    model: str = ""
    calls: dict[str, Call] = field(default_factory=dict)
    """The tools that run now, by the ids of their calls, in the order in which they began."""
    subagents: dict[str, str] = field(default_factory=dict)
    """The names of the sub-agents at work, by the calls that began them."""
    asked: str = ""
    """The call of the question that is open; empty where none is."""
    context: int | None = None
    window: int | None = None
    requests: int = 0
    usage: Usage = NOTHING
    """In all requests, those of sub-agents too."""
    cost: float | None = None
    """In US dollars, of this session, where the CLI reckons it itself."""
    compactions: int = 0
    last_words: str = ""
    at: float = 0.0
    """When the last record was written."""
    error: str = ""
    """Why the last request or turn failed; empty once one went well."""
    denied: list[str] = field(default_factory=list)
    """The tools that were denied in this turn, with their arguments."""
    denied_calls: list[str] = field(default_factory=list)
    recent: dict[str, Usage] = field(default_factory=dict)
    """The usage of the last requests, by their keys."""

    @property
    def now(self) -> Call | None:
        """The tool that has run longest of those that run."""
        return next(iter(self.calls.values()), None)

    def take(self, record: Record) -> None:
        kind = record.kind
        self.at = max(self.at, record.at)
        if kind is Kind.USAGE:
            self._take_usage(record)
        elif kind is Kind.SUBAGENT:
            if record.ok:
                self.subagents[record.call] = record.by
            else:
                self.subagents.pop(record.call, None)
        elif kind is Kind.SESSION and record.agent:
            return
        elif kind is Kind.SESSION:
            if record.session != self.session:
                self.calls, self.subagents, self.cost = {}, {}, None
            self.session = record.session or self.session
            self.model = record.model or self.model
            self.window = record.window or self.window
        elif kind is Kind.COST:
            self.cost = record.cost
        else:
            self._take_call(record)
            if not record.agent:
                self._take_turn(record)

    def _take_usage(self, record: Record) -> None:
        new, old = record.usage or NOTHING, self.recent.pop(record.key, None)
        self.requests += old is None
        self.usage = _sum(self.usage, new, old or NOTHING)
        self.recent[record.key] = new
        if len(self.recent) > _KEYS:
            del self.recent[next(iter(self.recent))]
        if not record.agent:
            self.model = record.model or self.model
            self.context = record.context if record.context is not None else self.context
            self.window = record.window or self.window

    def _take_call(self, record: Record) -> None:
        kind = record.kind
        if kind is Kind.TOOL:
            self.calls[record.call] = Call(record.tool, record.arguments, record.at)
        elif kind is Kind.QUESTION:
            self.asked = record.call or "question"
        elif kind in (Kind.RESULT, Kind.DENIED, Kind.ANSWERED):
            self.calls.pop(record.call, None)
            self.asked = "" if self.asked == record.call else self.asked
        if kind is Kind.DENIED and record.call not in self.denied_calls:
            self.denied = [*self.denied, one_line(f"{record.tool} {record.arguments}".rstrip())][-_DENIALS:]
            self.denied_calls = [*self.denied_calls, record.call][-_DENIALS:]

    def _take_turn(self, record: Record) -> None:
        kind = record.kind
        if kind is Kind.USER:
            self.denied, self.denied_calls = [], []
        elif kind is Kind.TEXT:
            self.last_words, self.error = cut(record.text, _WORDS_MAX), ""
        elif kind is Kind.ERROR:
            self.error = cut(record.text, _WORDS_MAX)
        elif kind is Kind.COMPACTION:
            self.compactions += 1
            self.context = record.context if record.context is not None else self.context
        elif kind in (Kind.TURN_END, Kind.INTERRUPTED):
            self.calls, self.asked = {}, ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Activity:
        """Raise TypeError, KeyError or ValueError where `data` is not one."""
        known = {each.name for each in fields(cls)}  # another version may keep more
        values = {key: value for key, value in data.items() if key in known}
        values["calls"] = {str(key): Call(**call) for key, call in values["calls"].items()}
        values["usage"] = Usage(**values["usage"])
        values["recent"] = {str(key): Usage(**usage) for key, usage in values["recent"].items()}
        return cls(**values)


def _sum(total: Usage, new: Usage, old: Usage) -> Usage:
    return Usage(
        total.input + new.input - old.input,
        total.output + new.output - old.output,
        total.cache_read + new.cache_read - old.cache_read,
        total.cache_write + new.cache_write - old.cache_write,
    )
