"""Model servers on this machine: which models they list, and how fast a real completion is."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentdeck.core.frozen import dataclass
from agentdeck.system.files.files import from_json

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import ProviderConfig

_PROBE_SECONDS = 1.0
_TRY_SECONDS = 120.0
_TOKENS = 24


@dataclass(frozen=True, slots=True)
class ServerReport:
    """One local provider. `seconds` is how long a short completion took, `speed` its tokens a second."""

    provider: str
    base_url: str
    models: tuple[str, ...]
    """Empty where it does not answer."""
    ok: bool
    """Whether a completion came."""
    text: str
    seconds: float | None = None
    speed: float | None = None


def survey(providers: Mapping[str, ProviderConfig], *, only: str = "") -> list[ServerReport]:
    """Every local provider, or the one called `only`, each asked for a completion where it lists a model."""
    wanted = {name: each for name, each in providers.items() if only in ("", name)}
    # One after the other: they share the machine that they are measured on.
    return [_report(name, providers[name].base_url, found) for name, found in offered(wanted).items()]


def first_model(providers: Mapping[str, ProviderConfig]) -> str:
    """A model of the first local provider that answers; empty where none does."""
    return next((found[0] for found in offered(providers).values() if found), "")


def offered(providers: Mapping[str, ProviderConfig]) -> dict[str, tuple[str, ...]]:
    """What each local provider lists, all asked at once; () where it does not answer."""
    urls = {name: provider.base_url for name, provider in providers.items() if provider.local}
    if not urls:
        return {}
    with ThreadPoolExecutor(len(urls)) as pool:
        return dict(zip(urls, pool.map(models, urls.values()), strict=True))


def models(base_url: str, timeout: float = _PROBE_SECONDS, headers: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """What the server lists; () where it does not answer as a model server would. `headers` go with the request."""
    try:
        status, document = _request("GET", f"{base_url}/models", None, timeout, headers)
    except (OSError, http.client.HTTPException, ValueError):
        return ()
    listed = document.get("data") if status == 200 and isinstance(document, dict) else None
    entries = listed if isinstance(listed, list) else []
    names = [entry.get("id") for entry in entries if isinstance(entry, dict)]
    return tuple(name for name in names if isinstance(name, str) and name)


def context_of(base_url: str, model: str, timeout: float = _PROBE_SECONDS) -> int:
    """How many tokens the server holds for `model` as it runs now; 0 where it does not say."""
    root = base_url.removesuffix("/v1")
    for url, key in (
        (f"{root}/props", ""),
        (f"{base_url}/models", "data"),
        (f"{root}/api/v0/models", "data"),
        (f"{root}/api/ps", "models"),
    ):
        try:
            status, document = _request("GET", url, None, timeout)
        except ConnectionError:
            return 0
        except (OSError, http.client.HTTPException, ValueError):
            continue
        if status == 200 and isinstance(document, dict) and (found := _context_in(document, key, model)):
            return found
    return 0


def _context_in(document: dict[str, Any], key: str, model: str) -> int:
    """What llama.cpp, vLLM, LM Studio and Ollama say, each in a place of its own."""
    entries: list[Any] = [document.get("default_generation_settings")]
    if key:
        listed = document.get(key)
        listed = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        named = [each for each in listed if model in (each.get("id"), each.get("name"), each.get("model"))]
        entries = [*named, *(each.get("meta") for each in named)]
    for entry in entries:
        for name in ("n_ctx", "max_model_len", "loaded_context_length", "context_length"):
            if isinstance(entry, dict) and isinstance(size := entry.get(name), int) and size > 0:
                return size
    return 0


def _report(name: str, url: str, found: tuple[str, ...]) -> ServerReport:
    if not found:
        return ServerReport(name, url, (), False, "does not answer")
    body = {
        "model": found[0],
        "messages": [{"role": "user", "content": "Count from one to twenty."}],
        "max_tokens": _TOKENS,
    }
    began = time.monotonic()
    try:
        status, document = _request("POST", f"{url}/chat/completions", body, _TRY_SECONDS)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return ServerReport(name, url, found, False, f"no completion: {error}")
    seconds = time.monotonic() - began
    if status != 200 or not isinstance(document, dict) or not document.get("choices"):
        return ServerReport(name, url, found, False, f"no completion: {status}", seconds)
    usage = document.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    speed = count / seconds if isinstance(count, int) and count and seconds else None
    return ServerReport(name, url, found, True, "answers", seconds, speed)


def _request(
    method: str, url: str, body: dict[str, Any] | None, timeout: float, headers: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    try:
        told = {"Content-Type": "application/json", **(headers or {})}
        connection.request(method, parts.path, None if body is None else json.dumps(body), told)
        answer = connection.getresponse()
        return answer.status, from_json(answer.read() or b"null")
    finally:
        connection.close()
