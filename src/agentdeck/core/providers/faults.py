"""What a provider's answer says about the provider: whether to wait, to go on to the next, or to tell the caller.

Every function is pure. Sources: the error pages of Anthropic, OpenAI, Gemini and OpenRouter, and what their servers and
llama.cpp, vLLM and Ollama were seen to send.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from agentdeck.core.frozen import dataclass
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.overflow import Overflow, overflow
from agentdeck.core.text.durations import UNITS


class FaultKind(StrEnum):
    """What a fault asks for."""

    TRANSIENT = "transient"
    """Refused, reset, 5xx, overloaded, too slow: the next in the chain at once; counts against the breaker."""
    LIMITED = "limited"
    """A rate limit: the same again after a wait, then the next."""
    EXHAUSTED = "exhausted"
    """Quota or credit is used up: the next at once, and not this one again before the reset."""
    DENIED = "denied"
    """The credentials were refused: the next if it has credentials of its own, else the caller's."""
    NO_MODEL = "no model"
    """The provider does not have the model, or not this API: the next; says nothing about the provider's health."""
    TOO_LONG = "too long"
    """The prompt is larger than the model's context: the next one that is known to hold more, else the caller's."""
    SIGNATURE = "signature"
    """Thinking blocks that another provider wrote: the same once more without them."""
    NO_PICTURES = "no pictures"
    """The model takes no pictures: the same once more with a word in place of each. Says nothing about its health."""
    CALLER = "caller"
    """The request itself is wrong: passed through as it came."""


@dataclass(frozen=True, slots=True)
class ProviderFault:
    """One failed attempt. `retry_after` is in seconds from now; None where the provider named no time."""

    kind: FaultKind
    reason: str
    """A few words of ours with the provider's error code; never text that the provider wrote."""
    retry_after: float | None = None
    slow: bool = False
    """Whether it was a time-out: one of these costs as much as many refusals."""
    lasting: bool = False
    """Whether it stays until a person changes something: a key, a payment, the name of a model, the request."""
    overflow: Overflow | None = None
    """The sizes that a TOO_LONG names."""

    @property
    def holds(self) -> bool:
        """Whether nobody asks with the same credentials for a while after it."""
        return self.kind in (FaultKind.LIMITED, FaultKind.EXHAUSTED, FaultKind.DENIED)


@dataclass(frozen=True, slots=True)
class _Error:
    code: str
    """Error type and code as the provider names them, lower case, joined by a blank."""
    message: str
    raw: str
    resets: float | None = None


_EXHAUSTED_CODES = frozenset(
    (
        "insufficient_quota credit_balance_exhausted organization_spend_limit_exceeded project_spend_limit_exceeded "
        "organization_usage_limit_exceeded enforced_spend_limit_reached usage_limit_reached billing_error"
    ).split()
)
_UNPAID = frozenset({"insufficient_quota", "credit_balance_exhausted", "billing_error"})
_LASTING = frozenset({FaultKind.DENIED, FaultKind.NO_MODEL, FaultKind.CALLER, FaultKind.TOO_LONG})
_SAID = {
    FaultKind.LIMITED: "rate limit",
    FaultKind.EXHAUSTED: "no credit or quota left",
    FaultKind.DENIED: "key refused",
    FaultKind.NO_MODEL: "model not found",
    FaultKind.TOO_LONG: "prompt too long",
    FaultKind.NO_PICTURES: "pictures refused",
    FaultKind.SIGNATURE: "thinking of another provider refused",
    FaultKind.CALLER: "request refused",
}
_LIMITED_CODES = frozenset({"rate_limit_exceeded", "slow_down", "rate_limit_error"})
_SPENT = re.compile(
    r"credit balance is too low|(?:usage|spend(?:ing)?) limits?\b|insufficient (?:credit|balance)", re.IGNORECASE
)
_CREDIT = re.compile(
    r"credit balance is too low|insufficient (?:credits?|balance|funds|quota)\b|out of credits"
    r"|no credits? (?:left|remaining)"
    r"|(?:used|exhausted) (?:all|your) (?:of your )?(?:available |remaining )?credits|exceeded your current quota"
    r"|payment required",
    re.IGNORECASE,
)
_UNKNOWN_MODEL = re.compile(
    r"\bmodel\b[^.]{0,120}\b(?:does ?n.t exist|does not exist|not found|is not (?:available|supported))"
    r"|\b(?:not a valid|unknown|invalid|no such) model\b",
    re.IGNORECASE,
)
_MODEL_CODES = frozenset({"model_not_found", "invalid_model", "model_not_available", "unknown_model"})
_CALLERS_OBJECT = re.compile(r"response|conversation|file|item|cached|container|vector", re.IGNORECASE)
"""What a caller names in a request, and a provider may not find."""
_DAILY = re.compile(r"PerDay|limit: 0\b")
_SIGNATURE = re.compile(r"invalid\W+signature\W+in\W+thinking\W+block", re.IGNORECASE)
_NO_PICTURES = re.compile(
    r"image input is not supported|\bmmproj\b|does not support (?:image|vision|multimodal)|"
    r"no endpoints found that support image input|unknown variant `image_url`",
    re.IGNORECASE,
)
"""As llama.cpp, Ollama, vLLM, OpenRouter and DeepSeek say it; the first with status 500."""
_THOUGHT_SIGNATURE = re.compile(r"thought.?signature", re.IGNORECASE)
_ENCRYPTED = re.compile(r"encrypted content.*could not be (?:verified|decrypted)", re.IGNORECASE | re.DOTALL)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|h|m|s)", re.IGNORECASE)
_TRY_AGAIN = re.compile(r"try again in ((?:\d+(?:\.\d+)?\s*(?:ms|h|m|s)\s*)+)", re.IGNORECASE)
_WORD = re.compile(r"[a-z][a-z_]{2,59}")
"""What an error code looks like, and a key does not."""
_LONGEST = 31 * 86400.0
"""No provider names a reset further away than a month; a bigger number is a mistake of theirs."""

_STATUS_OF_CODE = {
    "overloaded_error": 529,
    "server_is_overloaded": 503,
    "server_error": 500,
    "api_error": 500,
    "timeout_error": 504,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "slow_down": 429,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "billing_error": 402,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "context_length_exceeded": 400,
}


def of_response(api: Api, status: int, headers: Mapping[str, str], body: bytes, *, now: float) -> ProviderFault | None:
    """The fault in a complete answer, or None for a good one. `now` is seconds since the epoch, for reset times.

    A status below 400 whose body is nothing but an error, as some routers send it, is that error.
    """
    document = _document(body)
    if status < 400:
        return None if not _is_error(document) else of_event(api, document, now=now)
    lowered = {name.lower(): value for name, value in headers.items()}
    return _judge(api, status, lowered, _error(document, body), now=now)


def of_event(api: Api, data: Any, *, now: float) -> ProviderFault | None:
    """The fault in one decoded SSE event, or None where it is no error event."""
    if not _is_error(data):
        return None
    if isinstance(response := data.get("response"), dict):
        data = response
    error = _error(data, json.dumps(data).encode())
    codes = error.code.split()
    numbers = [int(code) for code in codes if code.isdigit() and 400 <= int(code) < 600]
    known = [_STATUS_OF_CODE[code] for code in codes if code in _STATUS_OF_CODE]
    exhausted = [429 for code in codes if code in _EXHAUSTED_CODES]
    return _judge(api, (exhausted + numbers + known + [500])[0], {}, error, now=now)


def message_of(body: bytes) -> str:
    """What the provider wrote about its error, for the caller; empty where it is no text."""
    return _error(_document(body), body).message[:2000]


def unreachable(reason: str) -> ProviderFault:
    """Refused, reset, or ended before its end."""
    return ProviderFault(FaultKind.TRANSIENT, reason)


def too_slow(what: str, seconds: float) -> ProviderFault:
    return ProviderFault(FaultKind.TRANSIENT, f"{what} within {seconds:g} s", slow=True)


def _judge(api: Api, status: int, headers: Mapping[str, str], error: _Error, *, now: float) -> ProviderFault:
    kind = _kind(api, status, headers, error)
    word = next((code for code in error.code.split() if _WORD.fullmatch(code) and not code.isdigit()), "")
    waits = kind in (FaultKind.LIMITED, FaultKind.EXHAUSTED, FaultKind.TRANSIENT)
    sizes = overflow(set(error.code.split()), error.message, error.raw) if kind is FaultKind.TOO_LONG else None
    after = _retry_after(headers, error, now) if waits else None
    unpaid = kind is FaultKind.EXHAUSTED and after is None and (status != 429 or _UNPAID & set(error.code.split()))
    said = _said(kind, status)
    reason = f"{said} ({status})" if not word or said in word.replace("_", " ") else f"{said} ({status} {word})"
    return ProviderFault(kind, reason, after, lasting=kind in _LASTING or bool(unpaid), overflow=sizes)


def _said(kind: FaultKind, status: int) -> str:
    if kind is FaultKind.TRANSIENT:
        return "overloaded" if status in (503, 529) else "server error"
    return _SAID[kind]


def _kind(api: Api, status: int, headers: Mapping[str, str], error: _Error) -> FaultKind:
    codes = set(error.code.split())
    kind = FaultKind.CALLER
    if codes & _EXHAUSTED_CODES or status == 402:
        kind = FaultKind.EXHAUSTED
    elif status == 429:
        kind = FaultKind.EXHAUSTED if _is_spent(headers, error) else FaultKind.LIMITED
    elif status in (400, 403) and (_CREDIT.search(error.message) or _is_anthropic_limit(api, status, error)):
        kind = FaultKind.EXHAUSTED
    elif status == 400 and _is_signature(api, error):
        kind = FaultKind.SIGNATURE
    elif overflow(codes, error.message) is not None:
        kind = FaultKind.TOO_LONG
    elif status not in (401, 403) and _NO_PICTURES.search(error.message):
        kind = FaultKind.NO_PICTURES
    elif status in (401, 403):
        kind = FaultKind.DENIED
    elif _misses_model(status, codes, error):
        kind = FaultKind.NO_MODEL
    elif status >= 500 or status in (408, 409):
        kind = FaultKind.LIMITED if codes & _LIMITED_CODES else FaultKind.TRANSIENT
    return kind


def _is_anthropic_limit(api: Api, status: int, error: _Error) -> bool:
    return api is Api.MESSAGES and status == 400 and _SPENT.search(error.message) is not None


def _misses_model(status: int, codes: set[str], error: _Error) -> bool:
    """Whether the tier names a model, or an address, that is not there."""
    if status in (404, 405):
        return bool(codes & _MODEL_CODES) or _names_model(error) or not _CALLERS_OBJECT.search(error.message)
    return status == 400 and bool(codes & _MODEL_CODES or _UNKNOWN_MODEL.search(error.message))


def _is_signature(api: Api, error: _Error) -> bool:
    if api is Api.RESPONSES:
        return "invalid_encrypted_content" in error.code or _ENCRYPTED.search(error.message) is not None
    if api is Api.GEMINI:
        return _THOUGHT_SIGNATURE.search(error.message) is not None
    return api is Api.MESSAGES and _SIGNATURE.search(error.message) is not None


def _is_spent(headers: Mapping[str, str], error: _Error) -> bool:
    if headers.get("x-should-retry", "").lower() == "false":
        return True
    if headers.get("anthropic-ratelimit-unified-status", "").lower() == "rejected":
        return True
    if _DAILY.search(error.raw):
        return True
    return _SPENT.search(error.message) is not None and "PerMinute" not in error.raw


def _names_model(error: _Error) -> bool:
    return "model" in error.code or "model" in error.message.lower() or "not_found_error" in error.code


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_error(data: Any) -> bool:
    if not isinstance(data, dict):
        return False
    if isinstance(response := data.get("response"), dict):
        return bool(response.get("error")) or data.get("type") == "response.failed"
    # A good Responses answer carries `"error": null` and its status.
    return bool(data.get("error")) or data.get("type") == "error" or data.get("object") == "error"


def _error(document: Any, body: bytes) -> _Error:
    """What all shapes have in common: `{"error": {…}}`, a list of it, `{"error": "text"}`, or the fields at the top."""
    raw = body[:65536].decode("utf-8", "replace")
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict):
        return _Error("", raw[:2000], raw)
    inner = document.get("error")
    if isinstance(inner, str):
        return _Error("", inner, raw)
    fields = inner if isinstance(inner, dict) else document
    details = fields.get("details")
    extra = details.get("error_code") if isinstance(details, dict) else None
    words = [fields.get(key) for key in ("code", "type", "status")] + [extra]
    plain = [str(word).lower() for word in words if isinstance(word, str | int) and word != "error"]
    code = " ".join(word for word in plain if not any(map(str.isspace, word)))
    message = fields.get("message")
    return _Error(code, message if isinstance(message, str) else "", raw, _resets(fields))


def _resets(fields: Mapping[str, Any]) -> float | None:
    """Seconds until the reset that the body names: Codex' `resets_in_seconds`, Gemini's `retryDelay`."""
    seconds = fields.get("resets_in_seconds")
    if isinstance(seconds, int | float):
        return float(seconds)
    details = fields.get("details")
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict) and isinstance(delay := detail.get("retryDelay"), str):
            return _duration(delay)
    return None


def _retry_after(headers: Mapping[str, str], error: _Error, now: float) -> float | None:
    found = _from_headers(headers, now)
    if found is None:
        found = error.resets
    if found is None and (again := _TRY_AGAIN.search(error.message)):
        found = _duration(again.group(1))
    if found is None or math.isnan(found):
        return None
    return min(max(found, 0.0), _LONGEST)


def _from_headers(headers: Mapping[str, str], now: float) -> float | None:
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    if (value := headers.get("retry-after")) is not None:
        if (seconds := _number(value)) is not None:
            return seconds
        try:
            return parsedate_to_datetime(value).timestamp() - now
        except (ValueError, OverflowError):
            return None
    if (epoch := _number(headers.get("anthropic-ratelimit-unified-reset"))) is not None:
        return epoch - now
    return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is None or abs(number) < 1e15 else None


def _duration(text: str) -> float | None:
    """Seconds in `1h2m3.5s`, `20ms`, `34s`; None where there is none."""
    parts = _DURATION.findall(text)
    return sum(float(number) * UNITS[unit.lower()] for number, unit in parts) if parts else None
