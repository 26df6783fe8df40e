"""What an agent asks for, and how a provider is asked for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from multidict import CIMultiDict, CIMultiDictProxy

from agentdeck.core.frozen import dataclass
from agentdeck.core.providers.apis import Api
from agentdeck.gateway import bodies
from agentdeck.system.gateway.tokens import BEARER_HEADER

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import ProviderConfig

_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade "
    "proxy-connection".split()
)
_NOT_FORWARDED = _HOP | {
    "host",
    "content-length",
    "content-encoding",
    "accept-encoding",
    "expect",
    "cookie",
    BEARER_HEADER,
}
_CREDENTIALS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})
_GEMINI_MODEL = re.compile(r"/models/([^/:]+):")
NO_LOGIN = "agentdeck"
"""The key that profiles give to CLIs which want to see one."""
_CLIENT_ACCOUNT = frozenset({"openai-organization", "openai-project", "chatgpt-account-id"})
_NOT_RETURNED = _HOP | {"content-length", "alt-svc"}


@dataclass(slots=True)
class ProviderCall:
    """What an agent asks for. `body` is its JSON without compression."""

    api: Api
    method: str
    path: str
    """After the base URL, such as `/messages`."""
    query: str
    headers: CIMultiDictProxy[str]
    body: bytes
    document: dict[str, Any]
    """The decoded body; empty where it has none."""
    translated: bool = False
    """Whether it is our translation of what the agent asks for."""

    @property
    def model(self) -> str:
        if self.api is Api.GEMINI:
            return model_in(self.path)
        model = self.document.get("model")
        # JSON can hold half a character, which no file and no other program takes.
        return model.encode("utf-8", "replace").decode() if isinstance(model, str) else ""

    @property
    def has_login(self) -> bool:
        """Whether the agent sent a login, and not the word that its CLI was given in place of one."""
        given = [self.headers.get(name, "") for name in _CREDENTIALS]
        return any(each and each.removeprefix("Bearer ") != NO_LOGIN for each in given)

    @property
    def streams(self) -> bool:
        return self.document.get("stream") is True or ":streamGenerateContent" in self.path

    @property
    def is_inference(self) -> bool:
        return self.method == "POST" and not self.counts

    @property
    def counts(self) -> bool:
        """Whether it asks how many tokens a prompt has."""
        return self.path.endswith(("/count_tokens", ":countTokens"))

    @property
    def asks_usage(self) -> bool:
        options = self.document.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True


def returned_headers(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return _without(headers, _NOT_RETURNED)


def _without(headers: Mapping[str, str], dropped: frozenset[str]) -> CIMultiDict[str]:
    """`headers` without those in `dropped`, and without those that are meant for one connection only."""
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped | named)


def body_for(call: ProviderCall, model: str, usage_asked: bool) -> bytes:
    body = call.body
    if model and call.model and model != call.model and call.api is not Api.GEMINI:
        body = bodies.with_value(body, "model", model)
    if usage_asked:
        body = bodies.asking_usage(body, call.document)
    return body


def model_in(path: str) -> str:
    """The model that a path of the Gemini API names."""
    found = _GEMINI_MODEL.search(path)
    return unquote(found.group(1)) if found else ""


def path_for(call: ProviderCall, model: str) -> str:
    if call.api is not Api.GEMINI or not model:
        return call.path
    return _GEMINI_MODEL.sub(lambda _: f"/models/{quote(model, safe='')}:", call.path, count=1)


def query_of(call: ProviderCall) -> str:
    """The query without the key that some Gemini clients put into it."""
    pairs = [pair for pair in call.query.split("&") if pair and not pair.startswith("key=")]
    return "?" + "&".join(pairs) if pairs else ""


def headers_for(call: ProviderCall, provider: ProviderConfig, key: str) -> CIMultiDict[str]:
    login = frozenset() if provider.uses_own_login and not key else _CREDENTIALS | _CLIENT_ACCOUNT
    headers = _without(call.headers, _NOT_FORWARDED | login)
    if not call.is_inference and "Accept-Encoding" in call.headers:
        headers["Accept-Encoding"] = call.headers["Accept-Encoding"]
    if key:
        bearer = provider.key_header == "bearer" and call.api is not Api.GEMINI
        name = "x-goog-api-key" if call.api is Api.GEMINI else provider.key_header
        headers["Authorization" if bearer else name] = f"Bearer {key}" if bearer else key
    return headers
