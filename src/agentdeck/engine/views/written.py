"""Values as JSON, for hosts that hand them on as they are. What the command line prints has keys of its own, which
docs/json.md promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any

from agentdeck.errors import DeckError


def to_json(value: Any) -> Any:
    """`value`, which the Deck gave, made of nothing but what `json.dumps` takes. Raise TypeError for what lives, as a
    reader of screens."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, DeckError):
        return {"title": value.title, "detail": value.detail, "hint": value.hint}
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(each) for each in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no value")
