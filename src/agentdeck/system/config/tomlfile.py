"""Read TOML files, and tell what is wrong in one by file, line and key."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

from agentdeck.core.frozen import dataclass
from agentdeck.errors import ConfigError
from agentdeck.system.files.files import opened

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from agentdeck.core.config.tomllines import TomlPath


_LARGEST = 1024 * 1024


@dataclass(frozen=True)
class TomlFile:
    """A TOML file that was read. `shown` is how people know it: `agentdeck.toml`, `~/.config/…`."""

    shown: str
    text: str
    data: dict[str, Any]

    @cached_property
    def lines(self) -> dict[TomlPath, int]:
        from agentdeck.core.config.tomllines import lines_of

        return lines_of(self.text)

    def place(self, path: Sequence[str | int]) -> str:
        """`file:line` of a key, or of the nearest table around it that is named in the file."""
        for length in range(len(path), 0, -1):
            if (line := self.lines.get(tuple(path[:length]))) is not None:
                return f"{self.shown}:{line}"
        return self.shown


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: `place` is `file:line`, `text` goes on from the key, `hint` says what would be right."""

    place: str
    text: str
    hint: str = ""


def read_toml(path: Path, shown: str) -> TomlFile | None:
    """Read the file at `path`; None without one. Raise ConfigError where it can't be read or is not TOML."""
    data = read_small(path, shown)
    return parse_toml(data, shown) if data is not None else None


def parse_toml(data: bytes, shown: str) -> TomlFile:
    """Raise ConfigError where `data` is not TOML."""
    import tomllib

    try:
        # A byte order mark is what Windows editors leave; tomllib refuses it.
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{shown}:{line} is not UTF-8 text.", hint="Save the file as UTF-8.") from error
    try:
        return TomlFile(shown, text.replace("\r\n", "\n"), tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        reason, line = _syntax_error(str(error), text)
        raise ConfigError(f"{shown}:{line} is not valid TOML.", detail=reason) from error
    except RecursionError as error:
        raise ConfigError(f"{shown} is nested too deeply.") from error


def read_small(path: Path, shown: str) -> bytes | None:
    """What the file at `path` holds; None without one. Raise ConfigError where it is not a file of a sensible size."""
    try:
        with opened(path) as file:
            data = file.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{shown} can't be read.", detail=error.strerror or str(error)) from error
    if len(data) > _LARGEST:
        raise ConfigError(f"{shown} is larger than {_LARGEST // 1024} KiB.")
    return data


def _syntax_error(message: str, text: str) -> tuple[str, int]:
    found = re.fullmatch(
        r"(?P<reason>.*?) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", message
    )
    if found is None:
        return message, 1
    if found["line"] is None:
        return f"{found['reason']}, at the end of the file", max(1, len(text.splitlines()))
    return f"{found['reason']}, in column {found['column']}", int(found["line"])


def config_error(problems: Sequence[Problem], shown: str) -> ConfigError:
    """One error for all mistakes found in `shown`."""
    if len(problems) == 1:
        problem = problems[0]
        return ConfigError(f"{problem.place}: {problem.text}.", hint=problem.hint)
    lines = [f"{each.place}: {each.text}" + (f" — {each.hint}" if each.hint else "") for each in problems]
    return ConfigError(f"There are {len(problems)} mistakes in {shown}.", detail="\n".join(lines))


def problems_of(
    error: ValidationError, model: type[BaseModel], data: Any, place: Callable[[Sequence[str | int]], str]
) -> list[Problem]:
    """What pydantic found wrong with `data`, in the order of the places."""
    from agentdeck.core.config.tomllines import dotted

    found: dict[tuple[str, str], Problem] = {}
    for each in _flat(error):
        path = each["loc"] if each["type"] == "missing" else _path_in(data, each["loc"])
        problem = _problem(each, path, model, place)
        # A key that may be of several types brings one error for each of them.
        found.setdefault((problem.place, dotted(path)), problem)
    return sorted(found.values(), key=lambda problem: _by_line(problem.place))


def _flat(error: ValidationError, path: TomlPath = ()) -> Iterator[dict[str, Any]]:
    """pydantic's errors; for those of a model that another model's validator made, the inner ones."""
    from pydantic import ValidationError

    for each in error.errors():
        loc = (*path, *each["loc"])
        inner = each.get("ctx", {}).get("error")
        if isinstance(inner, ValidationError):
            yield from _flat(inner, loc)
        else:
            yield {**each, "loc": loc}


def _path_in(data: Any, path: Sequence[str | int]) -> TomlPath:
    """`path` up to where it leaves `data`: pydantic goes on with the name of the type it tried."""
    for length, step in enumerate(path):
        if isinstance(data, dict) and step in data:
            data = data[step]
        elif isinstance(data, list) and isinstance(step, int):
            data = data[step] if step < len(data) else None
        else:
            return tuple(path[:length])
    return tuple(path)


def _by_line(place: str) -> tuple[str, int]:
    file, _, line = place.rpartition(":")
    return (file, int(line)) if line.isdigit() else (place, 0)


def _problem(
    error: dict[str, Any], path: TomlPath, model: type[BaseModel], place: Callable[[Sequence[str | int]], str]
) -> Problem:
    from agentdeck.core.config.tomllines import dotted

    name, hint = dotted(path), ""
    match error["type"]:
        case "extra_forbidden":
            text, hint = f"unknown key “{name}”", _nearest(str(path[-1]), _keys_at(model, path[:-1]))
        case "too_short":
            text = f"{name} has too few values"
        case "too_long":
            text = f"{name} has too many values"
        case "missing" if isinstance(path[-1], int):
            text = f"{dotted(path[:-1])} has too few values"
        case "missing":
            text = f"the key “{name}” is missing"
        case "value_error":
            text = f"{name}: {error['ctx']['error']}".removeprefix(": ")
        case kind:
            wanted = f"be {_WANTED[kind]}" if kind in _WANTED else _plain(error["msg"])
            text = f"{name} must {wanted}, not {_shown(error['input'])}"
    return Problem(place(path), text, hint)


_WANTED = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "finite_number": "a finite number",
}


def _plain(message: str) -> str:
    """pydantic's sentence as the end of ours: `one of “a” or “b”`."""
    words = re.sub(r"'([^']*)'", r"“\1”", message.removeprefix("Input should "))
    return words if words.startswith("be ") else f"be right: {words}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list" if len(value) > 4 else json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, str | int | float):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= 60 else f"{text[:59]}…"
    return str(value)


def _keys_at(model: type[BaseModel], path: Iterable[str | int]) -> list[str]:
    """The keys that the table at `path` may have; [] where it may have any."""
    steps = (step for step in path if isinstance(step, str))
    for step in steps:
        field = next((each for key, each in model.model_fields.items() if (each.alias or key) == step), None)
        inner = _inner_models(field.annotation) if field else []
        if field is None or not inner:
            return []
        if get_origin(field.annotation) is dict:
            next(steps, None)
        model = inner[0]
    return [field.alias or key for key, field in model.model_fields.items()]


def _inner_models(annotation: Any) -> list[type[BaseModel]]:
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _inner_models(argument)]


def _nearest(key: str, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(key.lower().replace("-", "_"), known, n=1, cutoff=0.55)
    if close:
        return f"did you mean “{close[0]}”?"
    return f"known keys: {', '.join(known)}" if known else ""
