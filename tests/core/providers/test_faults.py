from __future__ import annotations

import json
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.providers import faults
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.faults import FaultKind, ProviderFault

NOW = 1_800_000_000.0
ANTHROPIC, CHAT, RESPONSES = Api.MESSAGES, Api.CHAT, Api.RESPONSES


def judged(api: Api, status: int, error: Any = None, *, headers: dict[str, str] | None = None) -> ProviderFault:
    body = error if isinstance(error, bytes) else json.dumps({"error": error or {}}).encode()
    fault = faults.of_response(api, status, headers or {}, body, now=NOW)
    assert fault is not None
    return fault


def error(kind: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"type": kind, "message": message, **more}


GEMINI_MINUTE = {
    "code": 429,
    "status": "RESOURCE_EXHAUSTED",
    "message": "You exceeded your current quota",
    "details": [
        {"violations": [{"quotaId": "GenerateRequestsPerMinutePerProject-FreeTier"}]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"},
    ],
}
GEMINI_DAY = {**GEMINI_MINUTE, "details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]}]}
TABLE = [
    (ANTHROPIC, 429, error("rate_limit_error"), FaultKind.LIMITED),
    (
        ANTHROPIC,
        429,
        error("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}),
        FaultKind.EXHAUSTED,
    ),
    (ANTHROPIC, 400, error("invalid_request_error", "Your credit balance is too low to access"), FaultKind.EXHAUSTED),
    (ANTHROPIC, 400, error("invalid_request_error", "You have reached your API usage limits."), FaultKind.EXHAUSTED),
    (ANTHROPIC, 400, error("invalid_request_error", "max_tokens: required"), FaultKind.CALLER),
    (
        ANTHROPIC,
        400,
        error("invalid_request_error", "messages.3.content.0: Invalid `signature` in `thinking` block"),
        FaultKind.SIGNATURE,
    ),
    (ANTHROPIC, 402, error("billing_error"), FaultKind.EXHAUSTED),
    (ANTHROPIC, 401, error("authentication_error"), FaultKind.DENIED),
    (ANTHROPIC, 403, error("permission_error"), FaultKind.DENIED),
    (ANTHROPIC, 404, error("not_found_error", "model: claude-9"), FaultKind.NO_MODEL),
    (ANTHROPIC, 413, error("request_too_large"), FaultKind.CALLER),
    (ANTHROPIC, 422, error("x"), FaultKind.CALLER),
    *((ANTHROPIC, status, error("api_error"), FaultKind.TRANSIENT) for status in (408, 409, 500, 503, 504, 529)),
    (CHAT, 429, error("requests", code="rate_limit_exceeded"), FaultKind.LIMITED),
    *(
        (CHAT, 429, error("x", "You exceeded your current quota", code=code), FaultKind.EXHAUSTED)
        for code in (
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
        )
    ),
    (CHAT, 503, error("slow_down"), FaultKind.LIMITED),
    (CHAT, 400, error("invalid_request_error", "usage limit is no field", code="unknown"), FaultKind.CALLER),
    (CHAT, 400, error("x", code="context_length_exceeded"), FaultKind.TOO_LONG),
    (CHAT, 404, error("invalid_request_error", code="model_not_found"), FaultKind.NO_MODEL),
    (CHAT, 400, error("x", "gpt-9 is not a valid model ID"), FaultKind.NO_MODEL),
    (
        RESPONSES,
        404,
        error("x", "The model `gpt-9` does not exist or you have no access"),
        FaultKind.NO_MODEL,
    ),
    (CHAT, 404, b"<html>Not found</html>", FaultKind.NO_MODEL),
    (RESPONSES, 404, error("x", "Response with id 'resp_1' not found."), FaultKind.CALLER),
    (CHAT, 400, error("x", "Insufficient credits. Add more."), FaultKind.EXHAUSTED),
    (RESPONSES, 403, error("x", "Your team has used all available credits"), FaultKind.EXHAUSTED),
    (CHAT, 402, error("x", "Insufficient Balance"), FaultKind.EXHAUSTED),
    (CHAT, 502, b"<html>Bad gateway</html>", FaultKind.TRANSIENT),
    (CHAT, 429, b"[" + json.dumps({"error": GEMINI_MINUTE}).encode() + b"]", FaultKind.LIMITED),
    (CHAT, 429, GEMINI_MINUTE, FaultKind.LIMITED),
    (CHAT, 429, GEMINI_DAY, FaultKind.EXHAUSTED),
    (CHAT, 429, {"message": "… limit: 0, model: gemini-pro"}, FaultKind.EXHAUSTED),
    (CHAT, 402, {"code": 402, "message": "Insufficient credits"}, FaultKind.EXHAUSTED),
    (RESPONSES, 429, error("usage_limit_reached", resets_in_seconds=5400), FaultKind.EXHAUSTED),
]


@pytest.mark.parametrize(("api", "status", "body", "kind"), TABLE)
def test_kinds_of_answers(api: Api, status: int, body: Any, kind: FaultKind) -> None:
    assert judged(api, status, body).kind is kind


def test_a_server_without_the_model_is_passed_over_in_every_api() -> None:
    pulled = b'{"error": "model \\"qwen3\\" not found, try pulling it first"}'
    assert all(judged(api, 404, pulled).kind is FaultKind.NO_MODEL for api in Api)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": formatdate(NOW + 90, usegmt=True)}, 90.0),
        ({"retry-after": formatdate(NOW - 90, usegmt=True)}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e300"}, None),
        ({"anthropic-ratelimit-unified-reset": str(int(NOW) + 60)}, 60.0),
        ({}, None),
    ],
)
def test_reset_times_of_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert judged(ANTHROPIC, 429, error("rate_limit_error"), headers=headers).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (error("rate_limit_exceeded", "Please try again in 1.5s."), 1.5),
        (error("rate_limit_exceeded", "Please try again in 20ms."), 0.02),
        (error("rate_limit_exceeded", "Please try again in 6m0s."), 360.0),
        (error("usage_limit_reached", resets_in_seconds=5400), 5400.0),
        (GEMINI_MINUTE, 34.0),
        (GEMINI_DAY, None),
    ],
)
def test_reset_times_of_bodies(body: Any, seconds: float | None) -> None:
    assert judged(CHAT, 429, body).retry_after == seconds


def test_a_provider_that_forbids_retries_is_exhausted() -> None:
    kinds = [
        judged(ANTHROPIC, 429, headers={"x-should-retry": "false"}).kind,
        judged(ANTHROPIC, 429, headers={"anthropic-ratelimit-unified-status": "rejected"}).kind,
    ]
    assert kinds == [FaultKind.EXHAUSTED] * 2


def test_a_good_answer_is_no_fault() -> None:
    good = json.dumps({"status": "completed", "error": None, "type": "message"}).encode()
    assert [faults.of_response(api, 200, {}, good, now=NOW) for api in Api] == [None] * 4


def test_an_error_under_a_good_status_is_that_error() -> None:
    body = json.dumps({"error": {"code": 502, "message": "upstream"}}).encode()
    fault = faults.of_response(CHAT, 200, {}, body, now=NOW)
    assert fault is not None
    assert fault.kind is FaultKind.TRANSIENT


@pytest.mark.parametrize(
    ("api", "data", "kind"),
    [
        (ANTHROPIC, {"type": "error", "error": error("overloaded_error")}, FaultKind.TRANSIENT),
        (ANTHROPIC, {"type": "error", "error": error("rate_limit_error")}, FaultKind.LIMITED),
        (ANTHROPIC, {"type": "error", "error": error("invalid_request_error")}, FaultKind.CALLER),
        (CHAT, {"error": {"code": 502, "message": "x"}, "choices": [{"finish_reason": "error"}]}, FaultKind.TRANSIENT),
        (CHAT, {"error": {"code": 429, "message": "x"}}, FaultKind.LIMITED),
        (
            RESPONSES,
            {"type": "response.failed", "response": {"error": {"code": "server_is_overloaded"}}},
            FaultKind.TRANSIENT,
        ),
        (
            RESPONSES,
            {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded"}}},
            FaultKind.LIMITED,
        ),
        (
            RESPONSES,
            {"type": "response.failed", "response": {"error": {"code": "insufficient_quota"}}},
            FaultKind.EXHAUSTED,
        ),
        (
            RESPONSES,
            {"type": "response.failed", "response": {"error": {"code": "context_length_exceeded"}}},
            FaultKind.TOO_LONG,
        ),
        (RESPONSES, {"type": "response.failed", "response": {}}, FaultKind.TRANSIENT),
        (RESPONSES, {"type": "error", "code": "server_error", "message": "x"}, FaultKind.TRANSIENT),
    ],
)
def test_kinds_of_events(api: Api, data: dict[str, Any], kind: FaultKind) -> None:
    fault = faults.of_event(api, data, now=NOW)
    assert fault is not None
    assert fault.kind is kind


@pytest.mark.parametrize(
    "data", [None, [], "x", {}, {"type": "ping"}, {"type": "response.created", "response": {"error": None}}]
)
def test_other_events_are_no_faults(data: Any) -> None:
    assert [faults.of_event(api, data, now=NOW) for api in Api] == [None] * 4


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "type", "code", "message", "details", "response", "status", "retryDelay"]), inner
        )
    ),
)


@given(
    st.sampled_from(list(Api)),
    st.integers(100, 599),
    st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "x-should-retry"]), st.text(max_size=12)),
    st.binary(max_size=60) | _json.map(lambda value: json.dumps(value).encode()),
)
def test_no_answer_is_beyond_judging(api: Api, status: int, headers: dict[str, str], body: bytes) -> None:
    fault = faults.of_response(api, status, headers, body, now=NOW)
    if status >= 400:
        assert fault is not None
    if fault is not None and fault.retry_after is not None:
        assert 0 <= fault.retry_after <= 31 * 86400
    if fault is not None:
        assert len(fault.reason) < 80
        assert fault.reason.isprintable()


@pytest.mark.parametrize("key", ["sk-ant-api03-Zq1", "AIzaSyD4", "Bearer abc", "0123456789abcdef"])
def test_reasons_never_quote_a_key(key: str) -> None:
    body = {"type": key, "code": key, "status": "overloaded", "message": f"wrong key {key}"}
    assert judged(CHAT, 500, body).reason == "server error (500 overloaded)"
