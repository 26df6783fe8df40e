"""Write docs/configuration.md and docs/profiles.md from the program's models: `python scripts/reference.py [--check]`.

What a key means is the docstring below it in the model, so the two can't differ.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from agentdeck.core.config import config as models
from agentdeck.core.config.meaning import default_of, model_of, said_of, type_of
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
        inner, many = model_of(field.annotation)
        if inner is not None:
            here = (*path, field.alias or name, *(("NAME",) if many else ()))
            yield here, inner
            yield from _tables(inner, here)


def _free(model: type[BaseModel]) -> list[str]:
    """The tables whose keys are the person's own names."""
    said, _ = said_of(model)
    lines = []
    for name, field in model.model_fields.items():
        if model_of(field.annotation)[0] is None:
            value = type_of(field.annotation).removeprefix("table of ")
            lines += [
                f"## `[{name}]`{_mark(model, (name,))}",
                "",
                f"{_cell(said.get(name, ''))} You choose the keys; each value: {value}.",
                "",
            ]
    return lines


def _table(path: tuple[str, ...], model: type[BaseModel]) -> list[str]:
    said, seconds = said_of(model)
    lines = [f"## `[{'.'.join(path)}]`", ""] if path else ["## At its top", ""]
    if model.__doc__ and model.__doc__ != BaseModel.__doc__:
        lines += [" ".join(inspect.cleandoc(model.__doc__).split()), ""]
    rows = []
    for name, field in model.model_fields.items():
        if model_of(field.annotation)[0] is None:
            key = field.alias or name
            value = "seconds" if name in seconds else type_of(field.annotation)
            mark = _mark(model, (*path, key))
            rows.append(f"| `{key}`{mark} | {value} | {_default(field)} | {_cell(said.get(name, ''))} |")
    return [*lines, "| key | value | default | |", "|---|---|---|---|", *rows, ""] if rows else lines


def _mark(model: type[BaseModel], path: tuple[str, ...]) -> str:
    """What stands behind a key that a repository's file can't use without approval."""
    return " †" if issubclass(model, Section) and key_of(path).reach is not Reach.HARMLESS else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    told = default_of(field)
    return f"`{told}`" if told else "needed" if field.is_required() else "none"


def main() -> int:
    for path, text in pages().items():
        if "--check" not in sys.argv[1:]:
            path.write_text(text, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
