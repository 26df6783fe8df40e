"""llm-rosetta between a client of one format and a provider of another, in an environment of its own.

One JSON line in: `{"client", "provider", "request", "answer"}`, where `answer` is the provider's document, or null for
the request alone. One out: `{"sent"}`, the request as the provider gets it, or `{"got"}`, the client's document, or
`{"error"}`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

NAMES = {"messages": "anthropic", "chat": "openai_chat", "responses": "openai_responses", "gemini": "google_generate"}


def made(rosetta: Any, job: dict[str, Any]) -> dict[str, Any]:
    client, provider = NAMES[job["client"]], NAMES[job["provider"]]
    if job["answer"] is None:
        return {"sent": as_sent(rosetta.convert(job["request"], provider, client))}
    return {"got": rosetta.convert_response(job["answer"], job["request"], client, provider)}


def as_sent(document: dict[str, Any]) -> dict[str, Any]:
    """The document as Google's client sends it, for which llm-rosetta writes it."""
    config = document.pop("config", None)
    if config is None:
        return document
    beside = {key: config.pop(key) for key in ("tools", "tool_config", "system_instruction") if key in config}
    if isinstance(system := beside.get("system_instruction"), str):
        beside["system_instruction"] = {"parts": [{"text": system}]}
    return {**document, **beside, "generation_config": config}


def main() -> None:
    rosetta = importlib.import_module("llm_rosetta")
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing of its own between the answers
    for line in sys.stdin:
        job = json.loads(line)
        try:
            found = made(rosetta, job)
        except Exception as error:  # noqa: BLE001 whatever it raises is what it says
            found = {"error": f"{type(error).__name__}: {error}"[:600]}
        told.write(json.dumps({**found, "number": job["number"]}, default=str) + "\n")
        told.flush()


if __name__ == "__main__":
    main()
