"""A span for each request, sent to a collector that the user's environment names."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.token_usage import Usage
from agentdeck.gateway.traces import Traces, attributes
from agentdeck.system.gateway.ledger import LedgerRecord
from tests.gateway.upstream import playing
from tests.support.collector import collector

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
SECRET = "the words of the prompt"


def values(span: Any) -> dict[str, Any]:
    kinds = ("string_value", "int_value", "double_value")
    return {
        each.key: next((getattr(each.value, kind) for kind in kinds if each.value.HasField(kind)), None)
        for each in span.attributes
    }


def test_each_request_is_a_span_without_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        async with playing(tmp_path) as play:
            for _ in range(2):
                body = {"model": "claude-x", "messages": [{"role": "user", "content": SECRET}]}
                async with play.client.post(play.url(Api.MESSAGES), json=body) as answer:
                    assert answer.status == 200

    with collector() as (url, spans):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        asyncio.run(ask())
        assert len(spans) == 2
    (first, _) = spans
    found = values(first)
    assert first.name == "chat big-model" and first.kind == 3  # CLIENT
    assert (found["gen_ai.request.model"], found["gen_ai.response.model"]) == ("claude-x", "big-model")
    assert found["gen_ai.provider.name"] == "main" and found["gen_ai.usage.input_tokens"] > 0
    assert first.end_time_unix_nano >= first.start_time_unix_nano
    assert SECRET not in str(spans)


def test_nobody_asks_and_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    traces = Traces()
    traces.add(LedgerRecord(1.0, "d", "a", "", "messages", "m"))
    traces.close()


def test_a_collector_that_is_not_there_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    traces = Traces()
    traces.add(LedgerRecord(1.0, "d", "a", "", "messages", "m"))
    traces.close()


def test_input_counts_what_a_cache_gave_and_a_fault_is_named() -> None:
    used = Usage(10, 5, 100, 20)
    record = LedgerRecord(1.0, "d", "a", "deep", "messages", "m", "p", "n", "error", 529, used, cost=0.5)
    found = attributes(record)
    assert found["gen_ai.usage.input_tokens"] == 130 and found["error.type"] == "529"
    assert (found["agentdeck.tier"], found["agentdeck.cost.usd"]) == ("deep", 0.5)
    assert "gen_ai.response.time_to_first_chunk" not in found
    assert "error.type" not in attributes(LedgerRecord(1.0, "d", "a", "", "chat", "m", "p", "n", "ok", 200))
