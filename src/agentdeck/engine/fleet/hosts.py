"""A host as home sees it."""

from __future__ import annotations

from typing import Any

from agentdeck.core.fleet.facts import Facts
from agentdeck.engine.records.hosts import mark_host
from agentdeck.engine.world import World
from agentdeck.errors import RefusedError, UnreachableError
from agentdeck.system.fleet.channel import ANSWER
from agentdeck.system.fleet.hostlist import HostList, HostSpec
from agentdeck.system.fleet.links import LINKS


class Remote:
    """A host over its channel, asked about one deck."""

    def __init__(self, world: World, spec: HostSpec, *, patient: bool = True, deck: str = "") -> None:
        """`deck` is the name by which the host knows the deck."""
        self._world, self.spec, self._patient, self._deck = world, spec, patient, deck or world.deck

    @classmethod
    def of(cls, world: World, name: str, *, patient: bool = True) -> Remote:
        """Raise NotFoundError where this user has no such host, RefusedError for one that was given up."""
        spec = HostList().get(name)
        if spec.lost:
            raise RefusedError(
                f"{name} was given up as lost.", hint=f"If it is back, take it in again: agentdeck hosts check {name}"
            )
        return cls(world, spec, patient=patient)

    def call(self, verb: str, /, *, timeout: float = ANSWER, **words: Any) -> Any:
        """What the host answers about this deck; see Channel.call. That it did, or did not, is written down."""
        try:
            channel = LINKS.get(self.spec, patient=self._patient)
            answer = channel.call(verb, timeout=timeout, deck=self._deck, **words)
        except UnreachableError as error:
            mark_host(self._world.store, self.spec.name, error)
            raise
        mark_host(self._world.store, self.spec.name, None)
        return answer

    def watch(self) -> None:
        """Let the host tell of every change from now on."""
        self.call("watch")


def facts_of(spec: HostSpec, *, patient: bool = True) -> Facts:
    """What the host has; raise UnreachableError where it does not say."""
    told = LINKS.get(spec, patient=patient).call("facts")
    try:
        return Facts.from_json(told)
    except ValueError as error:
        raise UnreachableError(f"{spec.name} says of itself what can't be: {error}.") from error
