"""Answers of the gateway's own, in each API's words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from aiohttp import web

from agentdeck.core.frozen import dataclass
from agentdeck.core.providers.apis import Api


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]

    def response(self) -> web.Response:
        return web.Response(status=self.status, headers=self.headers, body=self.body)


class Refused(Exception):
    """The request is answered by the gateway itself."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


def nobody_left(api: Api, targets: Sequence[str], reason: str, *, lasting: bool) -> Answer:
    """No provider of the chain can serve: the client shall stop at once and not retry.

    Claude Code heeds `x-should-retry` at a 429, but asks three times at a 529. Codex gives up at a 429 that names no
    time, and sleeps on one that does. Gemini CLI and chat clients retry every 429 and 5xx, some for minutes, and none a
    400; but opencode retries an error whose text holds a number such as 503 or words such as “server error” or “refused
    the connection”, so theirs names no reasons. Where the fault is `lasting`, no client is told of a limit that will
    pass.
    """
    message = "AgentDeck: no provider of the chain can serve this request"
    if api is Api.CHAT:
        message = f"{message}; tried: {', '.join(targets)}. “agentdeck gateway status” says why."
        return _answer(api, 400, "no_provider_left", message)
    if lasting or api is Api.GEMINI:
        kind = "invalid_request_error" if api is Api.MESSAGES else "no_provider_left"
        return _answer(api, 400, kind, f"{message}. {reason}")
    kind = "rate_limit_error" if api is Api.MESSAGES else "no_provider_left"
    return _answer(api, 429, kind, f"{message}. {reason}")


def too_long(api: Api, prompt: int, limit: int) -> Answer:
    """In the words by which each client sees that it has to shorten the conversation."""
    prompt = max(prompt, limit + 1)
    if api is Api.MESSAGES:
        return _answer(api, 400, "invalid_request_error", f"prompt is too long: {prompt} tokens > {limit} maximum")
    if api is Api.GEMINI:
        text = f"The input token count ({prompt}) exceeds the maximum number of tokens allowed ({limit})."
        return _answer(api, 400, "", text)
    message = f"This model's maximum context length is {limit} tokens. However, your input has {prompt} tokens."
    return _answer(api, 400, "context_length_exceeded", message)


def out_of_budget(api: Api, reason: str) -> Answer:
    """As `nobody_left`: the client shall stop at once."""
    kind = "rate_limit_error" if api is Api.MESSAGES else "budget_spent"
    return _answer(api, 400 if api in (Api.CHAT, Api.GEMINI) else 429, kind, f"AgentDeck: {reason}.")


def refused(api: Api, status: int, message: str) -> Answer:
    """The request itself can't be served: no retry helps."""
    kinds = {401: "authentication_error", 404: "not_found_error", 413: "request_too_large"}
    return _answer(api, status, kinds.get(status, "invalid_request_error"), message)


def _answer(api: Api, status: int, kind: str, message: str) -> Answer:
    if api is Api.GEMINI:
        error: dict[str, object] = {
            "error": {"code": status, "message": message, "status": _STATUSES.get(status, "INTERNAL")}
        }
    elif api is Api.MESSAGES:
        error = {"type": "error", "error": {"type": kind, "message": message}}
    else:
        error = {"error": {"message": message, "type": kind, "param": None, "code": kind}}
    headers = {"content-type": "application/json", "x-should-retry": "false"}
    return Answer(status, json.dumps(error, ensure_ascii=False).encode(), headers)


def counted(api: Api, tokens: int) -> Answer:
    """The answer of `/v1/messages/count_tokens`, or of Gemini's `:countTokens`."""
    return document({"totalTokens" if api is Api.GEMINI else "input_tokens": tokens})


def document(value: dict[str, object]) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"content-type": "application/json"})
