"""What an agent holds, as its record says it: a class for each kind of lease, which reads the lease's data.

Leases lie where agents can write too, so a value of another type than it should have is read as an empty one; what is
written or deleted by a lease is checked before (engine/lifecycle/leases.py). Keys that are not known here stay.
"""

from __future__ import annotations

from typing import Any, Self

from agentdeck.core.frozen import dataclass, replace


@dataclass(frozen=True, slots=True)
class Lease:
    """The record of one resource, always of the class of its kind. `held` is False from the moment it is intended until
    it is really there."""

    kind: str
    held: bool
    data: dict[str, Any]
    """As its file has it."""

    def __new__(cls, kind: str = "", *values: Any, **named: Any) -> Lease:
        return object.__new__(_CLASSES.get(kind, cls))

    @property
    def note(self) -> str:
        """What a person should know of how it was made; empty where that is nothing."""
        return self.text("note")

    def text(self, key: str) -> str:
        value = self.data.get(key)
        return value if isinstance(value, str) else ""

    def changed(self, *, held: bool | None = None, **data: Any) -> Self:
        """The lease with these values in its data, which must be properties of its class."""
        unknown = [key for key in data if not hasattr(type(self), key)]
        if unknown:
            raise TypeError(f"a lease of a {self.kind} has no {', '.join(unknown)}")
        return replace(self, held=self.held if held is None else held, data={**self.data, **data})


@dataclass(frozen=True, slots=True)
class WorktreeLease(Lease):
    @property
    def path(self) -> str:
        return self.text("path")

    @property
    def branch(self) -> str:
        """That it was on when it was last looked at; empty where HEAD was detached."""
        return self.text("branch")

    @property
    def base(self) -> str:
        """The branch that it lands on, unless a person names another one."""
        return self.text("base")

    @property
    def base_commit(self) -> str:
        return self.text("base_commit")

    @property
    def create(self) -> bool:
        """Whether the branch is the agent's own, and goes with it."""
        return bool(self.data.get("create"))

    @property
    def upstream(self) -> str:
        return self.text("upstream")

    @property
    def git_dir(self) -> str:
        """git's own folder for it; empty until it is made."""
        return self.text("git_dir")

    @property
    def former(self) -> dict[str, bool]:
        """Branches that it was on before, each with whether it is the agent's own."""
        former = self.data.get("former")
        return {str(name): bool(own) for name, own in former.items()} if isinstance(former, dict) else {}

    @property
    def compose(self) -> str:
        """The project name that keeps the agent's containers apart; empty where there is no file of Compose."""
        return self.text("compose")

    @property
    def keep_branch(self) -> bool:
        """Whether its removal leaves the branch."""
        return bool(self.data.get("keep_branch"))


@dataclass(frozen=True, slots=True)
class PortsLease(Lease):
    @property
    def ports(self) -> tuple[int, ...]:
        """Empty until they are handed out."""
        ports = self.data.get("ports")
        return tuple(ports) if isinstance(ports, list) and all(type(port) is int for port in ports) else ()


@dataclass(frozen=True, slots=True)
class DatabaseLease(Lease):
    @property
    def plan(self) -> dict[str, Any]:
        """What its engine chose; only that (system/databases) knows the keys."""
        return self.data

    @property
    def path(self) -> str:
        """Empty where it is no file."""
        return self.text("path")

    @property
    def shown(self) -> str:
        """What a person knows it by."""
        return self.text("name") or self.path or self.text("prefix")

    @property
    def keep(self) -> bool:
        """Whether its agent's removal leaves it."""
        return bool(self.data.get("keep"))


@dataclass(frozen=True, slots=True)
class EnvFileLease(Lease):
    @property
    def path(self) -> str:
        """Empty where the configuration wants no file."""
        return self.text("path")

    @property
    def tmp(self) -> str:
        """The agent's own folder for temporary files."""
        return self.text("tmp")


@dataclass(frozen=True, slots=True)
class PaneLease(Lease):
    @property
    def session(self) -> str:
        return self.text("session")

    @property
    def window(self) -> str:
        return self.text("window")

    @property
    def log(self) -> str:
        """Path of the log of the last run; empty before the first one."""
        return self.text("log")

    @property
    def run(self) -> str:
        """The id of the last run."""
        return self.text("run")

    @property
    def resume(self) -> bool:
        """Whether the run that is to start goes on with the CLI's last session."""
        return bool(self.data.get("resume"))

    @property
    def prompt(self) -> str:
        """What the run that is to start is told; empty: the task."""
        return self.text("prompt")


_CLASSES: dict[str, type[Lease]] = {
    "worktree": WorktreeLease,
    "ports": PortsLease,
    "database": DatabaseLease,
    "env file": EnvFileLease,
    "pane": PaneLease,
}
