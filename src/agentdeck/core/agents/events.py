"""What happened, as values: one JSON line each in an agent's `events.jsonl` and on the standard output of `--json`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an agent, in the past tense.

    `kind` is a dotted word: `agent.created`, `agent.stopped`, `agent.repaired`, `agent.removed`, `agent.backing_off`,
    `agent.failed_over`, `agent.failed_back`, `agent.failover_ended`, `resource.intended`,
    `resource.acquired`, `resource.released`, `processes.left`,
    `branch.adopted`, `branch.kept`, `snapshot.taken`, `state.changed`, `input.sent`, `run.queued`,
    `run.started`, `run.ended`, `run.skipped`, `radar.conflict`, `radar.cleared`, `provider.failed_over`,
    `provider.failed_back`, `provider.exhausted`, `budget.warned`, `budget.reached`, `warning`.
    `at` is seconds since the epoch; `text` is the sentence for a person; `data` is for programs.
    """

    kind: str
    agent: str
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    at: float = field(default_factory=time.time)

    def to_json(self) -> dict[str, Any]:
        return {"at": self.at, "kind": self.kind, "agent": self.agent, "text": self.text, "data": self.data}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Event:
        return cls(data["kind"], data["agent"], data.get("text", ""), data.get("data", {}), data["at"])
