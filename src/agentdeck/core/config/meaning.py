"""What each key of the configuration and of profiles means, in words: the docstring below it in its model, its values
and its default. Slow to load: for the settings screen and the reference pages only."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from agentdeck.core.config.section import Section
from agentdeck.core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    text: str
    values: str
    """What it can be, such as “text” or the words that there are, in backquotes."""
    default: str
    """As JSON; empty: none, or it is needed."""


def meaning_of(model: type[BaseModel], path: tuple[str, ...]) -> Meaning | None:
    """What the key at `path` below the table `model` means; None where it is no key of it. A key of a table whose keys
    are the person's own means what that table does."""
    if not path:
        return None
    fields = {field.alias or name: (name, field) for name, field in model.model_fields.items()}
    if path[0] not in fields:
        return None
    name, field = fields[path[0]]
    inner, many = model_of(field.annotation)
    if inner is not None:
        return meaning_of(inner, path[2 if many else 1 :])
    said, seconds = said_of(model)
    values = "seconds" if name in seconds else type_of(field.annotation)
    return Meaning(said.get(name, ""), values, default_of(field))


def model_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model that a key holds a table of, and whether it holds many of them by name."""
    annotation = bare_of(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) is tuple and isinstance(get_args(annotation)[0], type):
        return model_of(get_args(annotation)[0])
    if get_origin(annotation) is dict:
        inner, _ = model_of(get_args(annotation)[1])
        return inner, True
    if get_origin(annotation) in (Union, types.UnionType):
        return next((found for each in get_args(annotation) if (found := model_of(each))[0]), (None, False))
    return None, False


def said_of(model: type[BaseModel]) -> tuple[dict[str, str], set[str]]:
    """The docstring below each key in the model's source and its bases', and the keys that are annotated as seconds."""
    said, seconds = dict[str, str](), set[str]()
    for each in reversed(model.__mro__):
        if issubclass(each, BaseModel) and each not in (BaseModel, Section):
            _read(each, said, seconds)
    return said, seconds


def _read(model: type[BaseModel], said: dict[str, str], seconds: set[str]) -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(tree, ast.ClassDef)
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        if any(word in ast.unparse(node.annotation) for word in ("Seconds", "Duration")):
            seconds.add(node.target.id)
        if isinstance(after, ast.Expr):
            said[node.target.id] = " ".join(ast.literal_eval(after.value).split())


def default_of(field: FieldInfo) -> str:
    """The default as JSON; empty where there is none."""
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, tuple):
        value = list(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def bare_of(annotation: Any) -> Any:
    return bare_of(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def type_of(annotation: Any) -> str:
    bare = bare_of(annotation)
    origin, words = get_origin(bare), get_args(bare)
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in words)
    if origin in (Union, types.UnionType):
        return " or ".join(type_of(word) for word in words if word is not types.NoneType)
    if origin in (list, tuple, set):
        inner = words[0] if words else str
        return (
            f"{len(words)} × {type_of(inner)}" if origin is tuple and ... not in words else f"list of {type_of(inner)}"
        )
    if origin is dict:
        return f"table of {type_of(words[1])}"
    if isinstance(bare, type) and issubclass(bare, Enum):
        return ", ".join(f"`{member.value}`" for member in bare)
    return {str: "text", int: "number", float: "number", bool: "true or false"}.get(bare, getattr(bare, "__name__", ""))
