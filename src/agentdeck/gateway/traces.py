"""A span for each request, after the conventions for generative AI, where the user's environment asks for traces.

Nothing of what is asked and answered is in a span: names, counts and times only. The conventions are in development;
the names here are those of version 1.37.
"""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any

from agentdeck.system.machine.telemetry import tracer_provider

if TYPE_CHECKING:
    from agentdeck.system.gateway.ledger import LedgerRecord

_NANO = 1_000_000_000
_PATIENCE = 1.5


class Traces:
    def __init__(self) -> None:
        self._provider = tracer_provider("agentdeck-gateway")
        self._tracer = self._provider.get_tracer("agentdeck.gateway") if self._provider is not None else None

    def add(self, record: LedgerRecord) -> None:
        """Export the request that has just ended; nothing where nobody wants it."""
        if self._tracer is None:
            return
        from opentelemetry.trace import SpanKind, Status, StatusCode

        begun, name, told = int(record.at * _NANO), f"chat {record.model or record.asked}", attributes(record)
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=told, start_time=begun)
        if record.outcome not in ("ok", "cancelled"):
            span.set_status(Status(StatusCode.ERROR))
        span.end(end_time=begun + int(record.seconds * _NANO))

    def close(self) -> None:
        """Send what was not sent yet; a collector that does not answer holds up the end for a moment only."""
        if self._provider is not None:
            sending = Thread(target=self._provider.shutdown, daemon=True)
            sending.start()
            sending.join(_PATIENCE)


def attributes(record: LedgerRecord) -> dict[str, Any]:
    used, failed = record.usage, record.outcome not in ("ok", "cancelled")
    found: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": record.provider,
        "gen_ai.request.model": record.asked,
        "gen_ai.response.model": record.model,
        "gen_ai.usage.input_tokens": used.prompt,
        "gen_ai.usage.output_tokens": used.output,
        "gen_ai.usage.cache_read.input_tokens": used.cache_read,
        "gen_ai.usage.cache_creation.input_tokens": used.cache_write,
        "gen_ai.agent.name": record.agent,
        "gen_ai.response.time_to_first_chunk": record.first_byte,
        "error.type": (str(record.status) if record.status >= 400 else record.outcome) if failed else "",
        "http.response.status_code": record.status,
        "agentdeck.deck": record.deck,
        "agentdeck.tier": record.tier,
        "agentdeck.cost.usd": record.cost,
        "agentdeck.attempts": record.attempts,
        "agentdeck.faults": record.faults,
    }
    return {name: value for name, value in found.items() if value not in ("", None, [])}
