"""Careful access to JSON that somebody else wrote: a wrong type is as good as nothing."""

from __future__ import annotations

import json
from typing import Any


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def tables(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def texts(value: Any) -> list[str]:
    """A text, or a list of them."""
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def arguments_text(value: Any) -> str:
    """The arguments of a call as JSON text, however a server spelled them."""
    if isinstance(value, str):
        return value
    return "" if value is None else compact(value)


def arguments_table(value: str) -> dict[str, Any]:
    """The arguments of a call as an object; text that is none is kept, for it is what the model wrote."""
    if not value.strip():
        return {}
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return {"input": value}
    return found if isinstance(found, dict) else {"input": value}


def is_whole(arguments: str) -> bool:
    """Whether the arguments of a call are there to their end."""
    try:
        return isinstance(json.loads(arguments or "{}"), dict)
    except (ValueError, RecursionError):
        return False


def data_url(value: str) -> tuple[str, str]:
    """Media type and base64 of a data URL; two empty texts where it is none."""
    head, comma, data = value.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        return "", ""
    return head.removeprefix("data:").removesuffix(";base64").partition(";")[0], data
