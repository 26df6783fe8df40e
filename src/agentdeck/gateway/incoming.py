"""What a client asks for: the token and the path of its URL, and its body as it was meant."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from aiohttp import web

from agentdeck.core.providers.apis import PATHS, Api
from agentdeck.gateway import answers, bodies
from agentdeck.gateway.answers import Refused
from agentdeck.system.gateway.tokens import BEARER_HEADER

_APIS = {path: api for api, path in PATHS.items()} | {"/messages/count_tokens": Api.MESSAGES}
_GEMINI = re.compile(r"/models/(?!\.)[\w.-]+:(?:generateContent|streamGenerateContent|countTokens)", re.ASCII)
_VERTEX = "/v1beta1/publishers/google"
"""Before the path of the same request where Gemini CLI takes us for Vertex AI."""
_MODELS = re.compile(r"/models(?:/(?:[\w.:@+~-]|%2F|%3A|%40)+)*", re.ASCII | re.IGNORECASE)
"""The list of models, and what is below it. It is sent on as it came, and with a key that is not the agent's: so it may
lead to nothing else."""

BODY_SECONDS = 60.0
"""Within which a request's body has to be there; its head has as long as a connection may rest."""


def token_and_path(request: web.Request) -> tuple[str, str]:
    """The token, from its header or the URL, and the path after it and after `/v1` or `/v1beta`, escaped as it came."""
    token, path = request.headers.get(BEARER_HEADER, ""), request.rel_url.raw_path
    if not token:
        token, _, rest = path.removeprefix("/").partition("/")
        path = "/" + rest
    path = path.removeprefix(_VERTEX) if path.startswith(f"{_VERTEX}/models/") else path
    if path.startswith("/v1beta/models"):
        return token, path.removeprefix("/v1beta")
    if path == "/v1" or path.startswith("/v1/"):
        path = path.removeprefix("/v1") or "/"
    return token, path


def api_of(request: web.Request, path: str) -> Api:
    """The format in which the client speaks, and wants to be answered."""
    if _GEMINI.fullmatch(path) or "x-goog-api-key" in request.headers:
        return Api.GEMINI
    return _APIS.get(path) or (Api.MESSAGES if "anthropic-version" in request.headers else Api.CHAT)


def check_served(request: web.Request, path: str, api: Api) -> None:
    """Raise Refused for all but a request for an answer, and one for the models."""
    if request.method == "POST" and (path in _APIS or _GEMINI.fullmatch(path)):
        return
    if request.method in ("GET", "HEAD") and _MODELS.fullmatch(path) and ".." not in path:
        return
    message = f"AgentDeck's gateway doesn't serve {request.method} {path[:200]}"
    if "Upgrade" in request.headers:
        message += " as another protocol than HTTP"
    raise Refused(answers.refused(api, 404, f"{message}."))


async def body_of(request: web.Request, api: Api, most: int) -> tuple[bytes, dict[str, Any]]:
    """The request's body without its compression, and decoded; `{}` where it is no JSON object.

    Raise Refused for one of more than `most` bytes, or in an encoding that we don't know."""
    too_large = Refused(answers.refused(api, 413, f"The request is too large: at most {most:,} bytes are taken."))
    if (request.content_length or 0) > most:
        raise too_large
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.content.iter_any():
                data += piece
                if len(data) > most:
                    raise too_large
        body = bodies.plain(bytes(data), request.headers.get("Content-Encoding", ""), most)
    except TimeoutError:
        raise Refused(answers.refused(api, 408, "The request's body did not come in time.")) from None
    except web.RequestPayloadError:
        raise Refused(answers.refused(api, 400, "The request's body is broken.")) from None
    except ValueError as error:
        raise Refused(answers.refused(api, 415, f"The request's body {error}.")) from None
    if len(body) > most:
        raise too_large
    try:
        document = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        document = {}
    return body, document if isinstance(document, dict) else {}
