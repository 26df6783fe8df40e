"""What a step is made of: every kind of thing that happened and can be taken back, as it stands in the step's file.

history/undo_kinds.py takes each kind back. A part that can't be read is kept as it is, and never taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, get_args

from agentdeck.core.agents.agent import Status, is_name
from agentdeck.core.frozen import asdict, dataclass, fields
from agentdeck.core.text.patterns import late


@dataclass(frozen=True, slots=True)
class AgentStanding:
    """How an agent stands: its status, and what of it landed last (see Agent)."""

    status: Status
    landed: tuple[str, str] | None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> AgentStanding:
        tip, result = map(str, data["landed"]) if data["landed"] else ("", "")
        return cls(Status.from_json(data["status"]), (tip, result) if tip else None)


@dataclass(frozen=True, slots=True)
class LandedAgent:
    """An agent whose work came with the move of a base: how it stood before that, and after it."""

    name: str
    before: AgentStanding
    after: AgentStanding


@dataclass(frozen=True, slots=True)
class Removal:
    """An agent was removed, and is in the trash."""

    kind: ClassVar[str] = "removal"
    agent: str
    trash: str
    """The stamp of its removal (see Agent.trash)."""


@dataclass(frozen=True, slots=True)
class Restoration:
    """An agent was brought back from the trash."""

    kind: ClassVar[str] = "restoration"
    agent: str


@dataclass(frozen=True, slots=True)
class BaseMove:
    """A base branch went from one commit to another: by a landing, a pull or an undo."""

    kind: ClassVar[str] = "base"
    branch: str
    old: str
    new: str
    agents: tuple[LandedAgent, ...] = ()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> BaseMove:
        """Raise TypeError, KeyError or ValueError where `data` is none."""
        move = part_of(data)
        if not isinstance(move, BaseMove):
            raise TypeError(f"{data!r:.200} is no move of a base")
        return move


@dataclass(frozen=True, slots=True)
class WorkCommit:
    """An agent's uncommitted work was committed, so that it could land."""

    kind: ClassVar[str] = "commit"
    agent: str
    branch: str
    """Empty where HEAD was detached."""
    old: str
    new: str
    """Empty until the commit is made."""
    index_old: str
    """The ref of the snapshot that has the index as it was; empty for an index that is the commit's."""
    index_new: str

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> WorkCommit:
        """Raise TypeError, KeyError or ValueError where `data` is none."""
        commit = part_of(data)
        if not isinstance(commit, WorkCommit):
            raise TypeError(f"{data!r:.200} is no commit of an agent's work")
        return commit


@dataclass(frozen=True, slots=True)
class _Branch:
    branch: str
    tip: str
    ref: str
    """The hidden ref that holds the tip."""
    settings: tuple[tuple[str, str], ...] = ()
    """What git's configuration says of the branch."""


@dataclass(frozen=True, slots=True)
class BranchGone(_Branch):
    """A branch was deleted."""

    kind: ClassVar[str] = "branch"


@dataclass(frozen=True, slots=True)
class BranchBack(_Branch):
    """A deleted branch was made again."""

    kind: ClassVar[str] = "branch again"


@dataclass(frozen=True, slots=True)
class _Record:
    name: str
    """Of the folder in `<git dir>/worktrees`."""
    stamp: str
    ref: str
    """The hidden ref that holds its HEAD and what was staged."""
    path: str
    """Where the worktree was."""
    branch: str
    """Empty where HEAD was detached."""


@dataclass(frozen=True, slots=True)
class RecordGone(_Record):
    """git's record of a worktree whose folder is gone was taken away."""

    kind: ClassVar[str] = "record"


@dataclass(frozen=True, slots=True)
class RecordBack(_Record):
    """git's record of a worktree was put back."""

    kind: ClassVar[str] = "record again"


@dataclass(frozen=True, slots=True)
class DatabaseGone:
    """A database that was left when its agent was removed was dropped."""

    kind: ClassVar[str] = "database"
    agent: str
    plan: dict[str, Any]
    """What its lease said."""
    dump: str
    """Path of the dump; empty where there was nothing to dump."""


@dataclass(frozen=True, slots=True)
class _Change:
    agent: str
    path: str
    trash: str
    """The stamp of its folder in the trash, which has the change as a patch and the file as it was."""


@dataclass(frozen=True, slots=True)
class ChangeGone(_Change):
    """A change was taken out of a file in an agent's worktree."""

    kind: ClassVar[str] = "change"


@dataclass(frozen=True, slots=True)
class ChangeBack(_Change):
    """Such a change was put back."""

    kind: ClassVar[str] = "change again"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What someone changed, or another version wrote."""

    data: Any

    @property
    def kind(self) -> str:
        return str(self.data.get("kind", "")) if isinstance(self.data, dict) else ""


Part = (
    Removal
    | Restoration
    | BaseMove
    | WorkCommit
    | BranchGone
    | BranchBack
    | RecordGone
    | RecordBack
    | DatabaseGone
    | ChangeGone
    | ChangeBack
    | Unreadable
)
_KINDS: dict[str, Callable[..., Any]] = {each.kind: each for each in get_args(Part) if each is not Unreadable}
_NESTED: dict[str, Callable[[Any], Any]] = {
    "agents": lambda found: tuple(
        LandedAgent(
            _text(each["name"]), AgentStanding.from_json(each["before"]), AgentStanding.from_json(each["after"])
        )
        for each in found
    ),
    "settings": lambda found: tuple((_text(name), _text(value)) for name, value in found),
    "plan": dict,
}
"""How a field that is no text is read."""


def part_of(data: Any) -> Part:
    """The part that `data`, from a file, is."""
    try:
        make = _KINDS[data["kind"]]
        part: Part = make(**{key: _read(key, value) for key, value in data.items() if key != "kind"})
        return part
    except (AttributeError, KeyError, TypeError, ValueError):
        return Unreadable(data)


def part_to_json(part: Part) -> Any:
    if isinstance(part, Unreadable):
        return part.data
    return {"kind": part.kind, **asdict(part)}


def _read(key: str, value: Any) -> Any:
    return _NESTED[key](value) if key in _NESTED else _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.200} is no text")
    return value


_WORD = late(r"[0-9A-Za-z-]+")
_SAFE: dict[str, Callable[[str], bool]] = {
    "agent": is_name,
    "trash": lambda text: bool(_WORD.fullmatch(text)),
    "stamp": lambda text: bool(_WORD.fullmatch(text)),
    "name": lambda text: "/" not in text and text not in ("", ".", ".."),
    "ref": lambda text: text.startswith("refs/agentdeck/"),
}
"""What of a part becomes a path or is deleted, and what it may be."""


def doubt_of_part(part: Part) -> str:
    """Why a part names what is not AgentDeck's to touch, or can't be understood; empty where neither is so."""
    if isinstance(part, Unreadable):
        return f"it has a part that can't be read: {part.data!r:.200}"
    for each in fields(part):
        is_safe = _SAFE.get(each.name)
        if is_safe is not None and not is_safe(getattr(part, each.name)):
            return f"its {each.name} is {getattr(part, each.name)!r}"
    return ""


def undoing(part: Part) -> str:  # noqa: PLR0911 - one for each kind
    """What taking the part back does, as a sentence for a person."""
    match part:
        case Removal(agent=agent):
            return f"The agent {agent} is restored: its worktree, branch and database, with uncommitted changes."
        case Restoration(agent=agent):
            return f"The agent {agent} is removed again; its work is saved first."
        case BaseMove(branch=branch, old=old, new=new):
            return f"{branch} moves back from {new:.10} to {old:.10}."
        case WorkCommit(agent=agent):
            return f"Changes of {agent} are uncommitted again; its files don't change."
        case BranchGone(branch=branch, tip=tip):
            return f"The branch {branch} is restored at {tip:.10}."
        case BranchBack(branch=branch):
            return f"The branch {branch} is deleted again."
        case RecordGone(path=path):
            return f"git's record of the worktree {path} is restored."
        case RecordBack(path=path):
            return f"git's record of the worktree {path} is deleted again."
        case DatabaseGone(agent=agent):
            return f"The database of {agent} is restored from its dump."
        case ChangeGone() | ChangeBack() | Unreadable():
            return _undoing_change(part)


def _undoing_change(part: ChangeGone | ChangeBack | Unreadable) -> str:
    if isinstance(part, Unreadable):
        return "One part of it can't be read, so it can't be undone."
    how = "made" if isinstance(part, ChangeGone) else "taken out"
    return f"The change to {part.path} in the worktree of {part.agent} is {how} again."
