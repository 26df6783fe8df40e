"""The hosts that this user has added: `hosts.json` in the user's own state. A repository can't add any."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentdeck.core.frozen import asdict, dataclass, replace
from agentdeck.errors import NotFoundError, RefusedError, StoreError, UsageError
from agentdeck.system.files.files import locked, private_folder, read_json, state_home, write_json
from agentdeck.system.fleet.reach import ExecReach, FolderReach, Reach, SshReach, own_program

HERE = "here"
"""The name of this machine among hosts."""
ANY = "any"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}")
_DESTINATION = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9_\[][A-Za-z0-9._:%\]-]*")


@dataclass(frozen=True, slots=True)
class HostSpec:
    """A host as the person added it."""

    name: str
    destination: str = ""
    """What ssh is given."""
    folder: str = ""
    """In place of a destination: see FolderReach."""
    prefix: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """In place of both: see ExecReach. With a destination, they run there."""
    title: str = ""
    """Where the words lead, for a person."""
    program: str = ""
    """agentdeck there; empty: as its PATH finds it."""
    labels: tuple[str, ...] = ()
    added: float = 0.0
    lost: float = 0.0
    """When it was given up; 0 for one that nobody gave up."""
    drained: float = 0.0
    """Since when nothing new is to start there; 0 where something may."""
    provider: str = ""
    """Where it comes from; empty: a person added it."""
    ends: float = 0.0
    """When its time ends, in seconds since the epoch; 0: it has no limit."""

    @property
    def trouble(self) -> str:
        """Why nothing may start there, as the end of a sentence; empty where something may."""
        if self.lost:
            return "it was given up as lost"
        return "it is drained" if self.drained else ""

    @property
    def reach(self) -> Reach:
        if self.folder:
            return FolderReach(self.folder, self.prefix)
        if self.words:
            return ExecReach(self.words, self.title, self.destination)
        return SshReach(self.destination or self.name)

    def command(self, *words: str) -> list[str]:
        """The words that run `agentdeck WORDS` there."""
        program = [self.program] if self.program else own_program() if self.folder else ["agentdeck"]
        return [*program, *words]

    @classmethod
    def from_json(cls, data: Any) -> HostSpec:
        """Raise TypeError, KeyError or ValueError where `data` is none."""
        values = dict(data)
        for key in ("prefix", "labels", "words"):
            values[key] = tuple(values.get(key, ()))
        spec = cls(**values)
        check_name(spec.name)
        return spec


def check_name(name: str) -> str:
    """Raise UsageError for what can't be the name of a host."""
    if not _NAME.fullmatch(name) or name in (ANY, HERE):
        raise UsageError(
            f"“{name[:60]}” can't be the name of a host.",
            hint="Use a name of your ssh configuration: letters, digits, dots, dashes; not “any” or “here”.",
        )
    return name


def check_destination(text: str) -> str:
    """Raise UsageError for what ssh would not take as a destination, or would take as an option."""
    if not _DESTINATION.fullmatch(text):
        raise UsageError(f"“{text[:60]}” is no destination for ssh.", hint="Use HOST or USER@HOST.")
    return text


def check_words(text: str) -> tuple[str, ...]:
    """The words of a reach `exec:…`, with or without that; raise UsageError for none."""
    try:
        words = tuple(shlex.split(text.removeprefix("exec:")))
    except ValueError as error:
        raise UsageError(f"“{text[:60]}” is no command: {error}.") from error
    if not words or words[0].startswith("-"):
        raise UsageError(f"“{text[:60]}” is no command.", hint='Use one such as: --exec "podman exec -i box"')
    return words


class HostList:
    def __init__(self) -> None:
        self._path = state_home() / "hosts.json"

    def all(self) -> list[HostSpec]:
        """By their names."""
        try:
            data = read_json(self._path)
            specs = [HostSpec.from_json(each) for each in data["hosts"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError, UsageError) as error:
            raise StoreError(
                f"The list of hosts in {self._path} can't be read.",
                detail=str(error),
                hint=f"Move it away, then add them again: mv {self._path} {self._path}.old",
            ) from error
        return sorted(specs, key=lambda spec: spec.name)

    def find(self, name: str) -> HostSpec | None:
        """None where there is none of that name."""
        return next((spec for spec in self.all() if spec.name == name), None)

    def get(self, name: str) -> HostSpec:
        """Raise NotFoundError where there is none of that name."""
        found = self.find(name)
        if found is None:
            raise NotFoundError(f"There is no host “{name}”.", hint=f"Add it: agentdeck hosts add {name}")
        return found

    def add(self, spec: HostSpec) -> HostSpec:
        with self._alone():
            known = self.all()
            if any(each.name == spec.name for each in known):
                raise RefusedError(
                    f"There is a host “{spec.name}” already.", hint=f"Remove it first: agentdeck hosts rm {spec.name}"
                )
            spec = replace(spec, added=spec.added or time.time())
            self._write([*known, spec])
        return spec

    def put(self, spec: HostSpec) -> None:
        """Write down what has changed of it."""
        with self._alone():
            self._write([spec if each.name == spec.name else each for each in self.all()])

    def remove(self, name: str) -> None:
        with self._alone():
            self._write([each for each in self.all() if each.name != name])

    def _write(self, specs: list[HostSpec]) -> None:
        write_json(self._path, {"hosts": [asdict(spec) for spec in specs]})

    @contextmanager
    def _alone(self) -> Iterator[None]:
        lock: Path = private_folder(self._path.parent) / "hosts.lock"
        with locked(lock, wait=10, what="the list of hosts"):
            yield
