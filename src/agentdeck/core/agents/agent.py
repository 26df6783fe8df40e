"""The agent: a named worker with a task, a branch, leases and a state.

Nothing but the standard library is imported here, and of that nothing heavy: the runner and `agentdeck ls` load this
file at every start. `hashlib` alone is 4 MB of OpenSSL.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum
from typing import Any, TypeVar

from agentdeck.core.agents.leases import DatabaseLease, EnvFileLease, Lease, PaneLease, PortsLease, WorktreeLease
from agentdeck.core.frozen import asdict, dataclass, field, fields, replace
from agentdeck.core.question import Asks, Question
from agentdeck.core.text.hashes import sha256
from agentdeck.core.text.patterns import late
from agentdeck.errors import RefusedError, UsageError

COMMAND = "command"
"""The profile's name for an agent that is any command: `agentdeck run -- CMD`."""
NAME_MAX = 40
_NAME = late(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_STAMP = late(r"[0-9A-Za-z-]*")
_MODEL = late(r"[A-Za-z0-9~][\w.:/@+~\[\]-]{0,199}", re.ASCII)
_FILLER = frozenset(
    (
        "a an and are as at be by for from in into is it its of on or our please should so that the their then there "
        "this to we with you your"
    ).split()
)


_Held = TypeVar("_Held", bound=Lease)


class State(StrEnum):
    """Where an agent stands; the eight words that a person sees."""

    STARTING = "starting"
    WORKING = "working"
    WAITING = "waiting"
    LIMITED = "limited"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    LANDED = "landed"

    @property
    def glyph(self) -> str:
        """One column that stands beside the word, never in place of it."""
        return _GLYPHS[self]

    @property
    def is_live(self) -> bool:
        """Whether a runner should be there: its process is up, or about to be."""
        return self in _LIVE

    @property
    def has_ended(self) -> bool:
        """Whether its run, or its turn, is over."""
        return self in _ENDS

    def may_become(self, new: State) -> bool:
        return new is self or new in TRANSITIONS[self]


_GLYPHS = dict(zip(State, "◌●◆◔✓✗■⚑", strict=True))
_LIVE = frozenset({State.STARTING, State.WORKING, State.WAITING, State.LIMITED})
_ENDS = frozenset({State.DONE, State.FAILED, State.STOPPED})

TRANSITIONS: dict[State, frozenset[State]] = {
    State.STARTING: frozenset({State.WORKING, State.WAITING, State.LIMITED}) | _ENDS,
    State.WORKING: frozenset({State.WAITING, State.LIMITED}) | _ENDS,
    State.WAITING: frozenset({State.WORKING, State.LIMITED}) | _ENDS,
    State.LIMITED: frozenset({State.WORKING, State.WAITING}) | _ENDS,
    # An interactive agent whose turn is over, well or not, works again when it is told more.
    State.DONE: _LIVE | _ENDS | {State.LANDED},
    State.FAILED: _LIVE | _ENDS | {State.LANDED},
    State.STOPPED: frozenset({State.STARTING, State.LANDED}),
    # One that landed may go on: it is resumed, or was only resting and is told more.
    State.LANDED: _LIVE | _ENDS,
}
"""The one transition table. From anywhere to itself is allowed and means a new reason."""


class Phase(StrEnum):
    """What the engine is doing with the agent's resources; with the leases, the journal of a start or a removal."""

    ACQUIRING = "acquiring"
    HELD = "held"
    SAVING = "saving"
    """It is being saved for its removal, which may still be given up: nothing is released yet."""
    RELEASING = "releasing"
    """It is being removed, and all of it is saved."""
    RESTORING = "restoring"
    """It was removed, and is being brought back from the trash."""


class Fault(StrEnum):
    """Why an agent failed, when that changes what a script or the failover should do."""

    NONE = ""
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    LIMITED = "limited"
    """The provider's rate limit or quota; the same may work later."""
    PROVIDER = "provider"
    """The provider was down, overloaded or unreachable."""
    AUTH = "auth"
    """The provider refused the credentials."""
    BUDGET = "budget"
    """What it may spend through the gateway is spent: any other paid provider would only spend more."""
    DENIED = "denied"
    """A tool that it needed was not allowed."""
    SETUP = "setup"
    """A set-up hook failed; the agent never started."""
    LOST = "lost"
    """The runner was killed or the machine went down."""


PASSING_FAULTS = frozenset({Fault.LIMITED, Fault.PROVIDER, Fault.BUDGET})
"""After these the same may work later."""


class Result(StrEnum):
    """How what an agent did came out, beside its state."""

    NONE = ""
    UNCHANGED = "nothing changed"
    UNCOMMITTED = "uncommitted"
    """Files have changed, and not all of that is committed."""
    DENIED = "denied"
    """A tool that it needed was not allowed."""
    UNSERVED = "unserved"
    """No provider answered it."""
    ERROR = "error"
    """Its last request to the model failed, or its worktree is damaged."""
    ASKED = "asked"
    """It ended with a question, and has changed nothing."""
    INTERRUPTED = "interrupted"
    """A person ended its turn."""


class Mode(StrEnum):
    """How the agent's CLI is started: with its own screen, or once over a task with no one at the keys."""

    INTERACTIVE = "interactive"
    HEADLESS = "headless"


@dataclass(frozen=True, slots=True)
class Agent:
    """What the engine knows about an agent; written by the engine only. Times are seconds since the epoch."""

    name: str
    task: str
    profile: str
    mode: Mode
    created: float
    title: str = ""
    """The name as the person gave it, before it was made safe."""
    argv: tuple[str, ...] = ()
    """The command, for `agentdeck run -- CMD`; empty when the profile decides."""
    branch: str = ""
    base: str = ""
    base_commit: str = ""
    tier: str = ""
    model: str = ""
    """The model that its CLI was told to use; empty: the CLI's or the tier's own."""
    permission: str = ""
    """How much it may do without asking, as `core.agents.permission` has the levels; empty: as its CLI is set up."""
    box: str = ""
    """The mode of its box, as `core.box` has them; empty: it has none."""
    timeout: float | None = None
    env: dict[str, str] = field(default_factory=dict)
    id: str = ""
    """The caller's `--id`; the same id never starts twice."""
    phase: Phase = Phase.ACQUIRING
    leases: tuple[Lease, ...] = ()
    index: int = 0
    """The lowest number from 1 that no other agent of the deck has; 0 for one that tests a landing."""
    folder: str = ""
    """The folder in the worktree that it begins in, as a path relative to that; empty: the top."""
    runs: int = 0
    """How often a runner was started for it."""
    trash: str = ""
    """The stamp under which its removal keeps what it held: the end of a ref's and of a folder's name."""
    step: str = ""
    """The key of the step that its removal is a part of; empty for one that is a step by itself."""
    landing: str = ""
    """The landing that this agent works for, as its gate or for a person who resolves a conflict; empty for an agent
    of a person's own."""
    failover: tuple[str, ...] | None = None
    """The profiles to go on with when its provider fails, as asked for; None: those of the configuration."""
    landed: tuple[str, str] | None = None
    """The commit of its branch that landed last, and the base's commit that this gave."""
    parents: tuple[str, ...] = ()
    """The agents that it was started by, the one that a person started first; empty for an agent of a person's own."""
    host: str = ""
    """The host that it is on, by the name that the person gave it; empty for this machine."""
    epoch: int = 0
    """The how-manieth start of it this is, across hosts; 0 for an agent of this machine."""
    closes: str = ""
    """The issue that its work closes, as commits name it; empty for none."""
    landing_asked: str = ""
    """The agent that asked a person to land it; empty where none did since it ran last."""

    @property
    def is_gate(self) -> bool:
        """Whether it only tests what is about to land; what lies in its worktree can be made again at any time."""
        return bool(self.landing) and self.mode is Mode.HEADLESS

    def lease(self, kind: str) -> Lease | None:
        return next((lease for lease in self.leases if lease.kind == kind), None)

    @property
    def worktree(self) -> WorktreeLease | None:
        return self._held(WorktreeLease)

    @property
    def ports(self) -> PortsLease | None:
        return self._held(PortsLease)

    @property
    def database(self) -> DatabaseLease | None:
        return self._held(DatabaseLease)

    @property
    def env_file(self) -> EnvFileLease | None:
        return self._held(EnvFileLease)

    @property
    def pane(self) -> PaneLease | None:
        return self._held(PaneLease)

    def _held(self, kind: type[_Held]) -> _Held | None:
        return next((lease for lease in self.leases if isinstance(lease, kind)), None)

    def with_lease(self, lease: Lease) -> Agent:
        """The agent with `lease` in place of the one of its kind, or after all others."""
        if self.lease(lease.kind) is None:
            return replace(self, leases=(*self.leases, lease))
        return replace(self, leases=tuple(lease if old.kind == lease.kind else old for old in self.leases))

    def without_lease(self, kind: str) -> Agent:
        return replace(self, leases=tuple(lease for lease in self.leases if lease.kind != kind))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Agent:
        """Raise TypeError, KeyError or ValueError where `data` is not an agent."""
        values = dict(data)
        values["mode"] = Mode(values["mode"])
        values["phase"] = Phase(values["phase"])
        values["argv"] = tuple(values["argv"])
        values["leases"] = tuple(_checked(Lease(**lease)) for lease in values["leases"])
        for lease in values["leases"]:
            for key in _LEASE_KEYS.get(lease.kind, ()):
                if not isinstance(lease.data.get(key), str):
                    raise TypeError(f"the {lease.kind}'s {key} is {lease.data.get(key)!r}")
        for key in ("trash", "landing"):  # parts of paths
            if not _STAMP.fullmatch(values.get(key, "")):
                raise ValueError(f"{key} is {values[key]!r}")
        if values.get("failover") is not None:
            values["failover"] = tuple(values["failover"])
        values["parents"] = tuple(map(str, values.get("parents", ())))
        if values.get("landed"):
            tip, result = values["landed"]
            values["landed"] = (tip, result)
        return _checked(cls(**values))


@dataclass(frozen=True, slots=True)
class Status:
    """How an agent fares; written by its runner while that lives, else by the engine. Times are epoch seconds."""

    state: State
    since: float
    reason: str = ""
    """One plain sentence or phrase for a person: what it waits for, why it failed."""
    fault: Fault = Fault.NONE
    exit_code: int | None = None
    runner_pid: int | None = None
    agent_pid: int | None = None
    session: str = ""
    """The agent CLI's own session id, from which it can be resumed."""
    model: str = ""
    started: float | None = None
    ended: float | None = None
    profile: str = ""
    """The one that serves it, where it was failed over to another than its own."""
    result: Result = Result.NONE
    questions: tuple[Question, ...] = ()
    """What it asks a person, the first one now."""

    @property
    def question(self) -> Question | None:
        return self.questions[0] if self.questions else None

    @property
    def is_at_prompt(self) -> bool:
        """Whether it waits for words and does nothing: a text is a message."""
        return self.state is State.WAITING and self.question is not None and self.question.kind is Asks.TEXT

    @property
    def is_idle(self) -> bool:
        """Whether it is at its prompt, and asks nothing there."""
        return self.is_at_prompt and not self.result

    @property
    def is_asking(self) -> bool:
        """Whether a text would answer its question."""
        return self.state is State.WAITING and not self.is_at_prompt and not self.is_silent

    @property
    def is_silent(self) -> bool:
        """Whether it waits for a person because nothing has come of it for long."""
        return self.state is State.WAITING and self.fault is Fault.PROVIDER and not self.questions

    @property
    def is_free(self) -> bool:
        """Whether a text begins its next turn."""
        return self.is_at_prompt or self.state in (State.DONE, State.FAILED)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Status:
        """Raise TypeError, KeyError or ValueError where `data` is not a status."""
        values = dict(data)
        values["state"] = State(values["state"])
        values["fault"] = Fault(values["fault"])
        values["result"] = Result(values.get("result", ""))
        values["questions"] = tuple(Question.from_json(each) for each in values.get("questions", ()))
        return _checked(cls(**values))


_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int,),
    "int | None": (int, type(None)),
    "float": (int, float),
    "float | None": (int, float, type(None)),
    "dict[str, str]": (dict,),
    "dict[str, Any]": (dict,),
}
_LEASE_KEYS = {"worktree": ("path", "branch"), "env file": ("path", "tmp"), "pane": ("session", "window")}
_Record = TypeVar("_Record", Agent, Status, Lease)


def _checked(record: _Record) -> _Record:
    """`record`, whose values came from a file; raise TypeError where one is of another type than its field."""
    for each in fields(record):
        kinds = _KINDS.get(str(each.type))
        if kinds is not None and not isinstance(getattr(record, each.name), kinds):
            raise TypeError(f"{each.name} is {getattr(record, each.name)!r}")
    return record


def is_name(text: str) -> bool:
    return len(text) <= NAME_MAX and _NAME.fullmatch(text) is not None


def check_name(name: str) -> str:
    """Return `name` if it is safe as a path, a ref, a database and a tmux name at once; else raise UsageError."""
    if not is_name(name):
        raise UsageError(
            f"“{name[:60]}” is not an agent's name.", hint="Names are a-z, 0-9 and -, 40 characters at most."
        )
    return name


def is_model(text: str) -> bool:
    return _MODEL.fullmatch(text) is not None


def check_model(model: str) -> str:
    """Return `model` if it can be a model's name on a command line; else raise UsageError."""
    if not is_model(model):
        raise UsageError(f"“{model[:60]}” is not a model's name.", hint="It is one word, such as opus or vendor/model.")
    return model


def safe_name(wanted: str) -> str:
    """Make a name out of what a person typed, or raise RefusedError where nothing of it is left.

    Accents are dropped, everything that is not a letter or digit becomes one dash. A name too long is cut, with a
    short hash of the whole so that two long names stay apart; one with no Latin letters becomes `agent-` and its hash.
    """
    if not wanted.strip():
        raise RefusedError("An agent's name can't be empty.")
    import unicodedata

    plain = unicodedata.normalize("NFKD", wanted.strip()).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    mark = sha256(wanted.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    if not slug:
        if not any(char.isalnum() for char in wanted):
            raise RefusedError(f"“{wanted[:40]}” has no letter or digit to make an agent's name from.")
        return f"agent-{mark}"
    if len(slug) > NAME_MAX:
        slug = f"{slug[: NAME_MAX - 7].rstrip('-')}-{mark}"
    return check_name(slug)


def name_for_task(task: str, taken: Collection[str]) -> str:
    """A short, readable name from the first telling words of `task`, unlike any in `taken`."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", task).encode("ascii", "ignore").decode().lower()
    words = [word for word in re.findall(r"[a-z0-9]+", plain) if word not in _FILLER]
    slug = "-".join(words[:4])
    while len(slug) > 28 and "-" in slug:
        slug = slug.rpartition("-")[0]
    return unique_name(slug[:28] or "agent", taken)


def unique_name(name: str, taken: Collection[str]) -> str:
    """`name`, or `name-2`, `name-3`, … whichever comes first that is not in `taken`."""
    if name not in taken:
        return name
    number = 2
    while (candidate := f"{name[: NAME_MAX - 1 - len(str(number))]}-{number}") in taken:
        number += 1
    return candidate
