"""JSON Schema as each provider takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_MANY = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
_ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")


def for_tool(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a tool's arguments: an object, whatever was left unsaid, without the marks of one client."""
    found = mapped(schema, _without_marks)
    if found.get("type") != "object":
        found = {"type": "object", **({} if "type" in found else found)}
    return {"type": "object", "properties": {}, **found}


def mapped(schema: Mapping[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """`schema` with `change` done to it and to every schema within it, from the inside out."""
    found = dict(schema)
    for key in _MANY:
        if isinstance(many := found.get(key), list):
            found[key] = [mapped(each, change) if isinstance(each, dict) else each for each in many]
    for key in _NAMED:
        if isinstance(named := found.get(key), dict):
            found[key] = {
                name: mapped(each, change) if isinstance(each, dict) else each for name, each in named.items()
            }
    for key in _ONE:
        if isinstance(one := found.get(key), dict):
            found[key] = mapped(one, change)
    return change(found)


def _without_marks(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("$schema", "encrypted")}
