"""OpenTelemetry traces of the tools' calls, which FastMCP makes, where the user's environment asks for them."""

from __future__ import annotations

from agentdeck.system.machine.host import tracer_provider


def start_tracing() -> None:
    """Needs the extra `agentdeck[otel]`; without it, or without an endpoint, nothing is exported."""
    provider = tracer_provider("agentdeck-mcp")
    if provider is not None:
        from opentelemetry import trace

        trace.set_tracer_provider(provider)
