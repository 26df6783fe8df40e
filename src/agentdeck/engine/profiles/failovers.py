"""When another provider than its tier's first one, or another profile than its own, served an agent, and which of its
commits hold work of that time."""

from __future__ import annotations

from collections.abc import Sequence

from agentdeck.core.agents.agent import Agent
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.engine.views.providers import MarkedCommit, TimeFailedOver
from agentdeck.engine.worktrees.heads import work_of
from agentdeck.engine.world import World


def failovers(world: World, agent: Agent) -> list[TimeFailedOver]:
    """All of them, oldest first; one without commits changed nothing that is on the branch now."""
    found = _times(world, agent.name)
    if not found:
        return []
    if found[-1].end is None and not world.lives(agent.name):
        found[-1] = replace(found[-1], end=world.store.status(agent.name).ended or found[-1].start)
    commits = _commits(world, agent)
    marked: list[TimeFailedOver] = []
    for over in found:
        before, inside = agent.created, []
        for commit in commits:
            # git keeps whole seconds: what may have been in that time is taken to have been.
            if commit.at + 1 > over.start and (over.end is None or before < over.end):
                inside.append(commit)
            before = commit.at
        marked.append(replace(over, commits=tuple(inside)))
    return marked


def backups(world: World, agent: Agent) -> tuple[str, ...]:
    """The models, as `provider:model`, and the profiles that made commits of the branch in place of the agent's own."""
    made = [each for each in failovers(world, agent) if each.commits]
    return tuple(dict.fromkeys(f"{each.provider}:{each.model}".removesuffix(":") for each in made))


def _times(world: World, name: str) -> list[TimeFailedOver]:
    events = world.store.events(name)
    return sorted([*_by_provider(events), *_by_profile(events)], key=lambda each: each.start)


def _by_profile(events: Sequence[Event]) -> list[TimeFailedOver]:
    """Those that a fault caused; what a person chose is no failover."""
    found: list[TimeFailedOver] = []
    for event in events:
        moved = event.kind in (EventKind.AGENT_FAILED_OVER, EventKind.AGENT_FAILED_BACK)
        if moved and found and found[-1].end is None:
            found[-1] = replace(found[-1], end=event.at)
        if event.kind == EventKind.AGENT_FAILED_OVER and event.data.get("fault"):
            found.append(TimeFailedOver(event.at, None, str(event.data["to"]), "", str(event.data.get("why", ""))))
    return found


_ENDS = (EventKind.PROVIDER_FAILED_OVER, EventKind.PROVIDER_FAILED_BACK, EventKind.PROVIDER_EXHAUSTED)


def _by_provider(events: Sequence[Event]) -> list[TimeFailedOver]:
    found: list[TimeFailedOver] = []
    for event in events:
        if event.kind in _ENDS and found and found[-1].end is None:
            found[-1] = replace(found[-1], end=event.at)
        if event.kind == EventKind.PROVIDER_FAILED_OVER:
            provider, model, reason = (str(event.data.get(key, "")) for key in ("provider", "model", "reason"))
            found.append(TimeFailedOver(event.at, None, provider, model, reason))
    return found


def _commits(world: World, agent: Agent) -> list[MarkedCommit]:
    lease = agent.worktree
    tip = work_of(world, agent).tip if lease is not None else None
    if lease is None or tip is None:
        return []
    span = f"{lease.base_commit}..{tip}"
    listed = world.repo.run("log", "--first-parent", "--reverse", "--format=%H%x00%ct%x00%s", span)
    rows = [line.split("\0") for line in listed.text.split("\n")] if listed else []
    return [MarkedCommit(row[0], row[2], float(row[1])) for row in rows if len(row) == 3]
