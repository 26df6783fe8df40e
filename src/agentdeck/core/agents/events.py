"""What happened, as values: one JSON line each in an agent's `events.jsonl` and on the standard output of `--json`."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Any, cast

from agentdeck.core.frozen import dataclass, field

_HANDED = ("from", "to", "fault", "until", "attempt", "why")
_SERVED = ("deck", "tier", "provider", "model", "primary", "reason", "since")
_SPENT = ("deck", "scope", "money", "tokens")


class EventKind(StrEnum):
    """Every kind of event, each with the keys of its `data`; a key with “?” may be absent. docs/json.md says what they
    mean."""

    keys: tuple[str, ...]

    def __new__(cls, value: str, *keys: str) -> EventKind:
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.keys = keys
        return kind

    AGENT_CREATED = "agent.created", "profile", "host?"
    AGENT_STOPPED = "agent.stopped"
    AGENT_REPAIRED = "agent.repaired"
    AGENT_REMOVED = "agent.removed", "trash", "step"
    AGENT_RESTORED = "agent.restored"
    AGENT_BACKING_OFF = "agent.backing_off", "profile", "fault", "until", "attempt"
    AGENT_FAILED_OVER = "agent.failed_over", *_HANDED
    AGENT_FAILED_BACK = "agent.failed_back", *_HANDED
    AGENT_FAILOVER_ENDED = "agent.failover_ended", "profile", "fault", "until", "attempt"
    STATE_CHANGED = "state.changed", "from", "to", "fault", "exit_code?"
    INPUT_SENT = "input.sent"
    INPUT_QUEUED = "input.queued"
    INPUT_UNSURE = "input.unsure"
    INPUT_WITHDRAWN = "input.withdrawn"
    RESOURCE_INTENDED = "resource.intended", "kind"
    RESOURCE_ACQUIRED = "resource.acquired", "kind"
    RESOURCE_RELEASED = "resource.released", "kind"
    PROCESSES_LEFT = "processes.left", "pids", "ports"
    SNAPSHOT_TAKEN = "snapshot.taken", "ref"
    IGNORED_LEFT = "ignored.left"
    WORK_COMMITTED = "work.committed", "commit"
    BRANCH_ADOPTED = "branch.adopted", "branch", "from", "own", "commit"
    BRANCH_KEPT = "branch.kept", "branch", "tip"
    BRANCH_PROPOSED = "branch.proposed", "url"
    PROPOSAL_PUSHED = "proposal.pushed", "commit"
    PROPOSAL_HANDED = "proposal.handed", "url"
    PROPOSAL_NEWS = "proposal.news", "url"
    BASE_MOVED = "base.moved", "branch", "old", "new"
    LANDING_GATE = "landing.gate", "gate", "commit"
    LANDING_AGAIN = "landing.again"
    LANDING_WAITING = "landing.waiting", "landing?"
    LANDING_REQUESTED = "landing.requested", "by"
    LANDING_HANDED = "landing.handed"
    LANDING_LANDED = "landing.landed", "landing", "step"
    LANDING_REFUSED = "landing.refused", "landing"
    REMOTE_PROGRESS = "remote.progress", "remote"
    """Many a second, told to who waits and kept nowhere."""
    RADAR_CONFLICT = "radar.conflict", "with", "paths"
    RADAR_CLEARED = "radar.cleared", "with"
    HOST_AWAITED = "host.awaited", "host"
    HOST_CHOSEN = "host.chosen", "host"
    RUN_QUEUED = "run.queued", "task"
    RUN_STARTED = "run.started", "task"
    RUN_ENDED = "run.ended", "task"
    RUN_SKIPPED = "run.skipped", "task"
    PRUNING = "pruning"
    PRUNED = "pruned", "kind", "room"
    PROVIDER_FAILED_OVER = "provider.failed_over", *_SERVED
    PROVIDER_FAILED_BACK = "provider.failed_back", *_SERVED
    PROVIDER_EXHAUSTED = "provider.exhausted", *_SERVED
    PROVIDER_SKIPPED = "provider.skipped", "deck", "provider", "model", "tokens", "holds"
    PROVIDER_TRANSLATED = "provider.translated", "deck", "provider", "model", "left_out"
    PROVIDER_LEFT_ALONE = "provider.left_alone", "provider", "address"
    PROVIDER_RECOVERED = "provider.recovered", "provider", "address"
    BUDGET_WARNED = "budget.warned", *_SPENT
    BUDGET_REACHED = "budget.reached", *_SPENT, "act"
    GATEWAY_CONFIGURED = "gateway.configured"
    GATEWAY_RESTARTED = "gateway.restarted"
    WARNING = "warning", "…?"
    """Its data is whatever helps with what it warns of."""


FAILOVERS = (EventKind.AGENT_FAILED_OVER, EventKind.PROVIDER_FAILED_OVER)
"""Another profile, or another provider, took over."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an agent, in the past tense.

    `at` is seconds since the epoch; `text` is the sentence for a person; `data` is for programs.
    """

    kind: EventKind
    agent: str
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    at: float = field(default_factory=time.time)

    def to_json(self) -> dict[str, Any]:
        return {"at": self.at, "kind": self.kind, "agent": self.agent, "text": self.text, "data": self.data}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Event:
        # A kind that another version wrote stays the plain word that it is.
        kind = cast("EventKind", _KINDS.get(data["kind"], data["kind"]))
        return cls(kind, data["agent"], data.get("text", ""), data.get("data", {}), data["at"])


_KINDS: dict[str, EventKind] = {kind.value: kind for kind in EventKind}
