"""OpenTelemetry traces of the tools' calls, which FastMCP makes, where the user's environment asks for them."""

from __future__ import annotations

import os
from importlib.util import find_spec

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def start_tracing() -> None:
    """Needs the extra `agentdeck[otel]`; without it, or without an endpoint, nothing is exported."""
    asked = any(os.environ.get(name) for name in _ENDPOINTS) and not os.environ.get("OTEL_SDK_DISABLED")
    if not asked or find_spec("opentelemetry.exporter") is None or find_spec("opentelemetry.sdk") is None:
        return
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", "agentdeck-mcp")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
