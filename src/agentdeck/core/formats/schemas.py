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


_NOT_IN_GEMINI = frozenset(
    "$id $schema $defs definitions patternProperties propertyNames additionalProperties dependentSchemas not if then "
    "else contains unevaluatedProperties strict encrypted examples deprecated readOnly writeOnly".split()
)
_DEEPEST = 32
"""References are followed so deep: what contains itself ends there as anything."""


def for_gemini(schema: Mapping[str, Any]) -> dict[str, Any]:
    """`schema` with its local references written out, and without the words that the API refuses."""
    defined = {
        f"#/{key}/{name}": each for key in ("$defs", "definitions") for name, each in _named(schema, key).items()
    }
    return mapped(_inlined(dict(schema), defined, 0), _gemini_words)


def _named(schema: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = schema.get(key)
    return found if isinstance(found, dict) else {}


def _inlined(value: Any, defined: Mapping[str, Any], depth: int) -> Any:
    if isinstance(value, list):
        return [_inlined(each, defined, depth) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(name := value.get("$ref"), str):
        rest = {key: each for key, each in value.items() if key != "$ref"}
        if depth >= _DEEPEST or not isinstance(meant := defined.get(name), dict):
            return rest
        return {**_inlined(meant, defined, depth + 1), **rest}
    kept = {key: each for key, each in value.items() if key not in ("$defs", "definitions")} if depth == 0 else value
    return {key: _inlined(each, defined, depth + 1) for key, each in kept.items()}


def _gemini_words(schema: dict[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in schema.items() if key not in _NOT_IN_GEMINI and not key.startswith("x-")}
    if "const" in found:
        found["enum"] = [found.pop("const")]
    properties, required = found.get("properties"), found.get("required")
    if isinstance(required, list):
        named = properties if isinstance(properties, dict) else {}
        found["required"] = [name for name in required if name in named]
        if not found["required"]:
            del found["required"]
    return found


def lower_types(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The API's own kind of schema, whose types are in capitals, as JSON Schema."""
    return mapped(schema, _lowered)


def _lowered(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    return {**schema, "type": kind.lower()} if isinstance(kind, str) else schema
