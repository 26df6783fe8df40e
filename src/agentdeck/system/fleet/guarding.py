"""A provider of another package may raise anything, answer anything, or never: each of that is told as its own, and
keeps nothing else from working."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, TypeVar

from agentdeck.core.fleet.placement import Needs
from agentdeck.core.frozen import asdict
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import plain
from agentdeck.errors import ConfigError, DeckError, UnreachableError, UsageError
from agentdeck.system.fleet.hostlist import HostList, HostSpec
from agentdeck.system.fleet.provided import Limits, Provided, Provider

_ANSWER = 30.0
"""Seconds for an answer; a new host may take as long as its limits say."""
_late: dict[str, threading.Thread] = {}
"""Of each provider, the question that it has not answered: it gets no other one meanwhile."""

_Answer = TypeVar("_Answer")


class Guarded:
    """Raise UnreachableError for all that a provider must not do, and what it raises itself of ours."""

    def __init__(self, name: str, entry: EntryPoint, settings: Any, owner: str) -> None:
        """Raise ConfigError where it can't be made."""
        self._name, self._package = name, entry.dist.name if entry.dist else entry.module
        try:
            self._provider: Provider = entry.load()(settings, owner)
            self.limits: Limits = self._provider.limits
        except DeckError:
            raise
        except Exception as error:
            raise ConfigError(f"{self._package} can't use [fleet.providers.{name}]: {_said(error)}.") from error
        if not isinstance(self.limits, Limits):
            raise ConfigError(f"{self._package} is no source of hosts: its limits are {self.limits!r:.60}.")

    def hosts(self) -> list[Provided]:
        found: Any = self._ask(self._provider.hosts, _ANSWER)
        if not isinstance(found, list | tuple):
            raise self._wrong(f"hosts() gives {found!r:.60}, which is no list")
        checked = [self._checked(each) for each in found]
        names = [each.spec.name for each in checked]
        others = {spec.name for spec in HostList().all() if spec.provider != self._name}
        for name in names:
            if name in others or names.count(name) > 1:
                raise self._wrong(f"hosts() gives “{name}”, which is the name of another host")
        return checked

    def acquire(self, needs: Needs, key: str) -> str:
        found: Any = self._ask(lambda: self._provider.acquire(needs, key), max(_ANSWER, self.limits.wait))
        if not isinstance(found, str):
            raise self._wrong(f"acquire() gives {found!r:.60}, which is no name")
        return found

    def release(self, name: str) -> None:
        self._ask(lambda: self._provider.release(name), _ANSWER)

    def _checked(self, each: Any) -> Provided:
        """As it goes into the list of hosts."""
        try:
            if isinstance(each.spec.words, str):
                raise TypeError("its words are one text")
            spec = HostSpec.from_json({**asdict(each.spec), "provider": self._name})
            return Provided(spec, ready=each.ready is True, waits=str(each.waits))
        except (AttributeError, KeyError, TypeError, ValueError, UsageError) as error:
            raise self._wrong(f"hosts() gives {each!r:.60}: {_said(error)}") from error

    def _ask(self, call: Callable[[], _Answer], seconds: float) -> _Answer:
        if (late := _late.get(self._name)) is not None and late.is_alive():
            raise self._wrong("it has not answered yet")
        answers, errors = list[_Answer](), list[BaseException]()

        def ask() -> None:
            try:
                answers.append(call())
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked
                errors.append(error)

        thread = threading.Thread(target=ask, daemon=True, name=f"asks {self._name}")
        thread.start()
        thread.join(seconds)
        if answers:
            return answers[0]
        if not errors:
            _late[self._name] = thread
            raise self._wrong(f"it does not answer within {short_duration(seconds)}")
        if isinstance(errors[0], DeckError):
            raise errors[0]
        raise self._wrong(_said(errors[0])) from errors[0]

    def _wrong(self, why: str) -> UnreachableError:
        hint = f"The package {self._package} is that source of hosts."
        return UnreachableError(f"{self._name} gives no hosts: {plain(why)}.", hint=hint)


def _said(error: BaseException) -> str:
    """What it was, and where, for whoever writes the provider."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error!s:.200}{where}" if str(error) else f"{type(error).__name__}{where}"
