"""Who is calling: a token in the URL that each agent is given, or in a header where the URL would be seen by others.

A token names its agent and is signed with the gateway's own secret, so nothing needs to be registered and it outlives
a restart of the gateway.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

from agentdeck.core.frozen import dataclass, field
from agentdeck.core.providers.apis import Api
from agentdeck.errors import StoreError
from agentdeck.system.files.files import from_json, private_folder

_BYTES = 32
BEARER_HEADER = "x-agentdeck-token"


@dataclass(frozen=True, slots=True)
class Bearer:
    """The agent that a token was made for. Without an agent it is the operator's own: status and metrics."""

    deck: str = ""
    agent: str = ""
    tier: str = ""
    purse: str = field(default="", compare=False)
    """The agent out of whose budget it is paid, where that is another: the one at the top of its parents."""
    made: float = field(default=0.0, compare=False)
    """When the agent was made, in seconds since the epoch: an earlier one of its name had a budget of its own."""
    account: str = field(default="", compare=False)
    """The profile whose login it sends; empty: it sends none."""
    beside: tuple[str, ...] = field(default=(), compare=False)
    """The other accounts of its CLI that go on at a limit of that login before another provider does."""


OPERATOR = Bearer()


def secret(state: Path) -> bytes:
    """The secret kept in the folder `state`, made when there is none.

    OSError where it can't be read or made, StoreError where it is damaged: with an empty one anybody could sign tokens.
    """
    path = state / "secret"
    if not path.exists():
        _make(private_folder(state), path)
    found = path.read_bytes()
    if len(found) != _BYTES:
        raise StoreError(
            f"The gateway's secret {path} is damaged.",
            hint="Delete it, then stop and resume the agents that use the gateway: it signs their tokens.",
        )
    return found


def _make(state: Path, path: Path) -> None:
    draft = state / f".secret.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
        # A link never replaces a file, so that of two processes at their first start one secret wins, whole.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def mint(key: bytes, bearer: Bearer) -> str:
    """The token for `bearer`, safe in a URL; the same each time."""
    parts: list[object] = [bearer.deck, bearer.agent, bearer.tier]
    more: list[object] = [bearer.purse, bearer.made, bearer.account, bearer.beside]
    while more and not more[-1]:
        more.pop()
    parts += more
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    payload = _encode(text.encode("utf-8", "surrogateescape"))
    return f"{payload}.{_encode(_sign(key, payload))}"


def verify(key: bytes, token: str) -> Bearer | None:
    """Whom `token` was made for, or None where it is not one of ours."""
    payload, _, signature = token.partition(".")
    try:
        good = hmac.compare_digest(_sign(key, payload), base64.urlsafe_b64decode(signature + "=="))
        if not good:
            return None
        said = from_json(base64.urlsafe_b64decode(payload + "==").decode("utf-8", "surrogateescape"))
        deck, agent, tier, *more = said
        if len(more) > 3:
            more[3] = tuple(more[3])
    except (ValueError, binascii.Error):
        return None
    return Bearer(deck, agent, tier, *more)


def base_url(port: int, token: str, api: Api) -> str:
    """What an agent's CLI takes as its base URL: Anthropic's clients add `/v1` themselves, OpenAI's do not.

    Without a token it is for a client that sends `BEARER_HEADER`.
    """
    root = f"http://127.0.0.1:{port}" + (f"/{token}" if token else "")
    return root if api in (Api.MESSAGES, Api.GEMINI) else f"{root}/v1"


def _sign(key: bytes, payload: str) -> bytes:
    return hmac.digest(key, payload.encode("utf-8", "surrogateescape"), hashlib.sha256)[:16]


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
