"""The host that an agent is on. All that is done with an agent goes through `host_of`, so that nobody else has to know
whether that is this machine (lifecycle.here) or another one (fleet.acts)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from agentdeck.engine.views import AgentView
from agentdeck.engine.world import Note, World

if TYPE_CHECKING:
    from agentdeck.core.question import Question
    from agentdeck.engine.views.terminal import LogLine


class Host(Protocol):
    """What a host does with an agent of its own; each is told by the method of Deck that has its name. Both hosts are
    modules."""

    def send(
        self, world: World, view: AgentView, text: str, keys: Sequence[str] = (), *, enter: bool = True,
        now: bool = False,
    ) -> bool: ...  # fmt: skip
    def answer(self, world: World, view: AgentView, choice: str, text: str, seen: Question | None) -> str: ...
    def stop(self, world: World, view: AgentView, note: Note) -> AgentView: ...
    def resume(self, world: World, view: AgentView, prompt: str, note: Note, *, now: bool = False) -> AgentView: ...
    def fail_over(self, world: World, view: AgentView, to: str, note: Note) -> AgentView: ...
    def fail_back(self, world: World, view: AgentView, note: Note) -> AgentView: ...
    def unsaved(self, world: World, view: AgentView) -> str: ...
    def screen(self, world: World, view: AgentView, *, colours: bool) -> str: ...
    def attach_argv(self, world: World, view: AgentView) -> list[str]: ...
    def log_lines(
        self, world: World, view: AgentView, *, since: float | None, grep: re.Pattern[str] | None, follow: bool
    ) -> Iterator[LogLine]: ...
    def raw_output(self, world: World, view: AgentView) -> Iterator[bytes]: ...


def host_of(view: AgentView) -> Host:
    if view.host:
        from agentdeck.engine.fleet import acts

        return acts
    from agentdeck.engine.lifecycle import here

    return here


def tell(world: World, view: AgentView, text: str, note: Note) -> bool:
    """Give the agent a message, or let one that has ended go on with it; return whether it has it already."""
    host = host_of(view)
    if view.alive:
        return host.send(world, view, text)
    host.resume(world, view, text, note)
    return True
