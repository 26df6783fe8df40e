"""Ask the gateway's process, as its operator."""

from __future__ import annotations

import http.client
import json
from typing import Any

from agentdeck.errors import DeckError
from agentdeck.system.files.files import from_json
from agentdeck.system.gateway.files import GatewayFiles
from agentdeck.system.gateway.tokens import BEARER_HEADER, OPERATOR, mint, secret

_SECONDS = 10.0


def ask(
    files: GatewayFiles, method: str, path: str, body: dict[str, Any] | None = None, timeout: float = _SECONDS
) -> dict[str, Any]:
    """The JSON that the gateway answers with; raise DeckError where it does not answer."""
    try:
        found = from_json(text(files, method, path, body, timeout))
    except ValueError as error:
        raise DeckError("The gateway sent an unexpected answer.", detail=str(error)) from error
    return found if isinstance(found, dict) else {}


def text(
    files: GatewayFiles, method: str, path: str, body: dict[str, Any] | None = None, timeout: float = _SECONDS
) -> str:
    """What the gateway answers with; raise DeckError where it does not answer."""
    address = files.address()
    if address is None:
        raise DeckError("The gateway is not running.", hint="agentdeck gateway start")
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=timeout)
    try:
        headers = {BEARER_HEADER: mint(secret(files.state), OPERATOR), "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        found = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise DeckError("The gateway does not answer.", detail=str(error), hint="agentdeck gateway status") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise DeckError(f"The gateway refused {method} {path}.", detail=found[:2000])
    return found
