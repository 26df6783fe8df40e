"""What the transcript of an agent CLI says, in one shape for all CLIs. Standard library only: the runner uses it."""

from __future__ import annotations

from enum import StrEnum

from agentdeck.core.accounts.meters import Window
from agentdeck.core.frozen import dataclass
from agentdeck.core.providers.token_usage import Usage
from agentdeck.core.question import Question


class Kind(StrEnum):
    SESSION = "session"
    """A session began or was resumed: `session`, `model`, `text` is its folder. Not `ok`: it is one
    that the CLI began for itself, such as a sub-agent's."""
    USER = "user"
    """What the agent was told."""
    TEXT = "text"
    """What the model said."""
    THINKING = "thinking"
    TOOL = "tool"
    """A tool was called: `tool`, `arguments`, `call`."""
    RESULT = "result"
    """A tool returned: `call`, `ok`, `text`."""
    DENIED = "denied"
    """A tool was not allowed: `call`, `tool`, `by`, `text` says why."""
    QUESTION = "question"
    """The agent asks the person: `questions`, and `call` where a tool asks."""
    ANSWERED = "answered"
    """The question `call` was answered; `text` is the answer."""
    ERROR = "error"
    """A request or the turn failed; `text` says why, `status` is the HTTP status."""
    RETRY = "retry"
    """A request failed, and the CLI asks again by itself in `seconds`; `text` says why, `status` is the HTTP status."""
    INTERRUPTED = "interrupted"
    """The person broke the turn off, or said no in a way that ended it."""
    TURN_START = "turn start"
    TURN_END = "turn end"
    """The turn is over: `ok`, `text` is the last that was said or the error, `seconds`."""
    COMPACTION = "compaction"
    """The context was summed up; `context` is what is left of it."""
    SUBAGENT = "sub-agent"
    """A sub-agent began (`ok` is True) or ended: `by` is its name, `session` its own one where it has a transcript."""
    USAGE = "usage"
    """A request took `usage`; the last record with a `key` counts."""
    LIMITS = "limits"
    """How much of the account's limits is used: `windows`."""
    COST = "cost"
    """The CLI's own reckoning of the session so far: `cost`."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that a transcript says. Which fields have a value depends on `kind`."""

    kind: Kind
    at: float = 0.0
    """Seconds since the epoch; 0 where the transcript does not say."""
    text: str = ""
    agent: str = ""
    """The sub-agent whose record it is; empty for the agent itself."""
    call: str = ""
    """The id of a tool's call, which its result repeats."""
    tool: str = ""
    arguments: str = ""
    """The tool's arguments on one line, shortened."""
    ok: bool = True
    by: str = ""
    """Who denied it (`user`, `rule`, `sandbox`, …); the name of a sub-agent."""
    status: int | None = None
    questions: tuple[Question, ...] = ()
    key: str = ""
    """Identifies a request: its usage may be told more than once."""
    usage: Usage | None = None
    model: str = ""
    context: int | None = None
    """Tokens of the context in use."""
    window: int | None = None
    """Tokens that the context can hold."""
    cost: float | None = None
    """In US dollars."""
    seconds: float | None = None
    session: str = ""
    windows: tuple[Window, ...] = ()
