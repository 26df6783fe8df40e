"""Counters of the gateway in the text format of Prometheus."""

from __future__ import annotations

from collections import defaultdict

from agentdeck.system.gateway.ledger import LedgerRecord

_HELP = {
    "agentdeck_requests_total": "Requests by outcome.",
    "agentdeck_tokens_total": "Tokens by kind.",
    "agentdeck_attempts_total": "Attempts at providers.",
    "agentdeck_cost_dollars_total": "Cost of the requests whose price is known, in US dollars.",
    "agentdeck_request_seconds_total": "Seconds from a request's arrival to its end.",
}


class Metrics:
    """Since the process began."""

    def __init__(self) -> None:
        self._values: dict[str, defaultdict[str, float]] = {name: defaultdict(float) for name in _HELP}

    def add(self, record: LedgerRecord) -> None:
        who = {
            "deck": record.deck,
            "agent": record.agent,
            "tier": record.tier,
            "provider": record.provider,
            "model": record.model,
        }
        self._values["agentdeck_requests_total"][_labels(who | {"outcome": record.outcome})] += 1
        self._values["agentdeck_attempts_total"][_labels(who)] += record.attempts
        self._values["agentdeck_request_seconds_total"][_labels(who)] += record.seconds
        if record.cost is not None:
            self._values["agentdeck_cost_dollars_total"][_labels(who)] += record.cost
        usage = record.usage
        for kind in ("input", "output", "cache_read", "cache_write"):
            if count := getattr(usage, kind):
                self._values["agentdeck_tokens_total"][_labels(who | {"kind": kind})] += count

    def text(self, in_flight: int) -> str:
        lines = [
            "# HELP agentdeck_requests_in_flight Requests at providers now.",
            "# TYPE agentdeck_requests_in_flight gauge",
            f"agentdeck_requests_in_flight {in_flight}",
        ]
        for name, help_text in _HELP.items():
            lines += [f"# HELP {name} {help_text}", f"# TYPE {name} counter"]
            lines += [f"{name}{labels} {value:.15g}" for labels, value in sorted(self._values[name].items())]
        return "\n".join(lines) + "\n"


def _labels(values: dict[str, str]) -> str:
    def quoted(text: str) -> str:
        return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    return "{" + ",".join(f'{name}="{quoted(value)}"' for name, value in values.items()) + "}"
