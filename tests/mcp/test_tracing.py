"""Spans of the tools' calls, sent to a collector that the user's environment names."""

from __future__ import annotations

import pytest

from tests.mcp.test_server import Call, play
from tests.support.collector import collector
from tests.support.decks import Bench
from tests.support.retry import eventually

pytest.importorskip("fastmcp", reason="the extra agentdeck[mcp] is not installed")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra agentdeck[otel] is not installed")


def test_each_call_is_a_span(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(call: Call) -> None:
        await call("list_agents")

    with collector() as (url, spans):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        play(bench, act)
        eventually(lambda: any("list_agents" in span.name for span in spans), 15)
