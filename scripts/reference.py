"""Write docs/configuration.md and docs/profiles.md from the program's models: `python scripts/reference.py [--check]`.

What a key means is the docstring below it in the model, so the two can't differ.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
import types
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from agentdeck.core.config import config as models
from agentdeck.core.config.profile import Profile
from agentdeck.core.config.section import Section
from agentdeck.core.config.trust import Reach, key_of

DOCS = Path(__file__).parents[1] / "docs"
CONFIGURATION = """\
# Configuration

`agentdeck.toml` at the root of the repository overrides `~/.config/agentdeck/config.toml`, and both override the
defaults below: tables merge key by key, lists and values replace. You need no file. An unknown key or a wrong type is
an error that names the file, line and key (exit code 78). `agentdeck config` prints each value and its source.

Other people can write a repository's file, so what it runs, reaches or loosens is used only once you approve it with
`agentdeck trust`, and again when it changes. This applies to the keys marked with †, to `.worktreeinclude`
and to an `agent.env_file` inside the repository. Approved or not, a repository's file can't

- send the key of a `key_env`, or your agents' own login, to an address that is neither in your own file nor that of a
  known provider,
- put a variable into a `database.url` that leads to another machine; `url = "$NAME"` is fine,
- write outside of the repository (`worktree.path`) or the worktree (`env_file.path`, `database.path`),
- contain the table `[trust]`.

Put these settings into your own file.

`python scripts/reference.py` makes this page from the program's own models.
"""
PROFILES = """\
# Profiles

A profile tells how to start, resume and read one agent CLI, and how to connect it to the gateway: one TOML file per
CLI. Those in `src/agentdeck/profiles/` ship with the program and are the best examples. A file of the same name in
`~/.config/agentdeck/profiles/` overrides keys; one of a new name is a new profile. A repository can't contain
profiles: a profile names commands that run with your rights. `agentdeck doctor` lists the installed ones.

Only `title`, `command`, `install` and one command line are required. Command lines are lists of words, not shell lines:
AgentDeck looks up `command` in PATH to find the CLI; `{python}` is the Python that AgentDeck runs in.

`python scripts/reference.py` makes this page from the program's own models.
"""


def pages() -> dict[Path, str]:
    tables = [line for path, model in _tables(models.Config, ()) for line in _table(path, model)]
    top = [line for line in _table((), Profile) if "| `name` |" not in line]
    profiles = [line for path, model in _tables(Profile, ()) for line in _table(path, model)]
    return {
        DOCS / "configuration.md": "\n".join([CONFIGURATION, *tables, *_free(models.Config)]),
        DOCS / "profiles.md": "\n".join([PROFILES, *top, *profiles]),
    }


def _tables(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """Every table of the file, each after the one that it lies in."""
    for name, field in model.model_fields.items():
        inner, many = _model_of(field.annotation)
        if inner is not None:
            here = (*path, field.alias or name, *(("NAME",) if many else ()))
            yield here, inner
            yield from _tables(inner, here)


def _free(model: type[BaseModel]) -> list[str]:
    """The tables whose keys are the person's own names."""
    said, _ = _said(model)
    lines = []
    for name, field in model.model_fields.items():
        if _model_of(field.annotation)[0] is None:
            value = _type(field.annotation).removeprefix("table of ")
            lines += [
                f"## `[{name}]`{_mark(model, (name,))}",
                "",
                f"{said.get(name, '')} You choose the keys; each value: {value}.",
                "",
            ]
    return lines


def _model_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model that a key holds a table of, and whether it holds many of them by name."""
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) is tuple and isinstance(get_args(annotation)[0], type):
        return _model_of(get_args(annotation)[0])
    if get_origin(annotation) is dict:
        inner, _ = _model_of(get_args(annotation)[1])
        return inner, True
    if get_origin(annotation) in (Union, types.UnionType):
        return next((found for each in get_args(annotation) if (found := _model_of(each))[0]), (None, False))
    return None, False


def _table(path: tuple[str, ...], model: type[BaseModel]) -> list[str]:
    said, seconds = _said(model)
    lines = [f"## `[{'.'.join(path)}]`", ""] if path else ["## At its top", ""]
    if model.__doc__ and model.__doc__ != BaseModel.__doc__:
        lines += [" ".join(inspect.cleandoc(model.__doc__).split()), ""]
    rows = []
    for name, field in model.model_fields.items():
        if _model_of(field.annotation)[0] is None:
            key = field.alias or name
            value = "seconds" if name in seconds else _type(field.annotation)
            mark = _mark(model, (*path, key))
            rows.append(f"| `{key}`{mark} | {value} | {_default(field)} | {said.get(name, '')} |")
    return [*lines, "| key | value | default | |", "|---|---|---|---|", *rows, ""] if rows else lines


def _mark(model: type[BaseModel], path: tuple[str, ...]) -> str:
    """What stands behind a key that a repository's file can't use without approval."""
    return " †" if issubclass(model, Section) and key_of(path).reach is not Reach.HARMLESS else ""


def _said(model: type[BaseModel]) -> tuple[dict[str, str], set[str]]:
    """The docstring below each key in the model's source, and the keys that are annotated as seconds."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(tree, ast.ClassDef)
    said, seconds = {}, set()
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        if "Seconds" in ast.unparse(node.annotation):
            seconds.add(node.target.id)
        if isinstance(after, ast.Expr):
            said[node.target.id] = " ".join(ast.literal_eval(after.value).split()).replace("|", "\\|")
    return said, seconds


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return "none"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, tuple):
        value = list(value)
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"


def _bare(annotation: Any) -> Any:
    return _bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def _type(annotation: Any) -> str:
    bare = _bare(annotation)
    origin, words = get_origin(bare), get_args(bare)
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in words)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(word) for word in words if word is not types.NoneType)
    if origin in (list, tuple, set):
        inner = words[0] if words else str
        return f"{len(words)} × {_type(inner)}" if origin is tuple and ... not in words else f"list of {_type(inner)}"
    if origin is dict:
        return f"table of {_type(words[1])}"
    if isinstance(bare, type) and issubclass(bare, Enum):
        return ", ".join(f"`{member.value}`" for member in bare)
    return {str: "text", int: "number", float: "number", bool: "true or false"}.get(bare, getattr(bare, "__name__", ""))


def main() -> int:
    for path, text in pages().items():
        if "--check" not in sys.argv[1:]:
            path.write_text(text, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
