"""Load the configuration: `agentdeck.toml` at the repository's root, over the user's own file, over the defaults."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.errors import ConfigError
from agentdeck.system.files import sign
from agentdeck.system.tomlfile import TomlFile, config_error, dotted, problems_of, read_toml

if TYPE_CHECKING:
    from agentdeck.core.config import Config
    from agentdeck.core.tomllines import TomlPath

DECK_FILE = "agentdeck.toml"
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Settings:
    config: Config
    origins: dict[str, str]
    """Where each value comes from, by its dotted key: `agentdeck.toml:12`, `~/.config/agentdeck/config.toml:3`,
    `default`."""


def load(root: Path, *, environ: Mapping[str, str] | None = None) -> Settings:
    """The configuration of the repository at `root`. Tables are merged key by key; lists and values replace.

    Raise ConfigError, which names every mistake by file, line and key.
    """
    from pydantic import ValidationError

    from agentdeck.core.config import Config

    environ = os.environ if environ is None else environ
    files = [_user_file(environ), read_toml(root / DECK_FILE, DECK_FILE)]
    merged = _Merged([file for file in files if file is not None])
    try:
        config = Config.model_validate(merged.data)
    except ValidationError as error:
        problems = problems_of(error, Config, merged.data, merged.place)
        shown = {problem.place.rpartition(":")[0] for problem in problems}
        raise config_error(problems, " and ".join(sorted(shown))) from error
    values = config.model_dump(mode="json", by_alias=True)
    return Settings(config, {dotted(path): merged.origin(path) for path, _ in leaves(values)})


def signs(root: Path) -> tuple[tuple[int, ...], ...]:
    """Others whenever a file was written that the configuration or the profiles are read from."""
    folder = user_folder(os.environ)
    own = f"{folder}/profiles" if folder is not None else ""
    try:
        profiles = sorted(os.listdir(own)) if own else []  # noqa: PTH208 - asked by every deed and every look
    except OSError:
        profiles = []
    places = (f"{root}/{DECK_FILE}", f"{folder}/config.toml", *(f"{own}/{name}" for name in profiles))
    return tuple(sign(place) for place in places)


def peek(root: Path, *path: str) -> Any:
    """One value as the files write it, unchecked; None where none of them can be read and has it."""
    value: Any = None
    with contextlib.suppress(ConfigError, OSError):
        for file in (_user_file(os.environ), read_toml(root / DECK_FILE, DECK_FILE)):
            found: Any = file.data if file is not None else {}
            for key in path:
                found = found.get(key) if isinstance(found, dict) else None
            value = found if found is not None else value
    return value


def leaves(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with its path; an empty table is a value."""
    for key, value in table.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def user_folder(environ: Mapping[str, str]) -> Path | None:
    """Where the user's own files for agentdeck lie; None for a user without a home."""
    folder, home = Path(environ.get("XDG_CONFIG_HOME") or ""), _home(environ)
    if folder.is_absolute():
        return folder / "agentdeck"
    return home / ".config" / "agentdeck" if home is not None else None


def _user_file(environ: Mapping[str, str]) -> TomlFile | None:
    folder, home = user_folder(environ), _home(environ)
    if folder is None:
        return None
    path = folder / "config.toml"
    shown = f"~/{path.relative_to(home)}" if home is not None and path.is_relative_to(home) else str(path)
    return read_toml(path, shown)


def _home(environ: Mapping[str, str]) -> Path | None:
    """The user's home; cron and containers may know of none."""
    if named := environ.get("HOME"):
        return Path(named)
    try:
        return Path.home()
    except RuntimeError:
        return None


class _Merged:
    """The files as one table, later ones over earlier ones, and the place each key came from."""

    def __init__(self, files: Sequence[TomlFile]) -> None:
        self.data: dict[str, Any] = {}
        self.files = files
        self.sources: dict[TomlPath, TomlFile] = {}
        for file in files:
            self._merge(self.data, file.data, file, ())

    def _merge(self, into: dict[str, Any], table: Mapping[str, Any], file: TomlFile, path: tuple[str, ...]) -> None:
        for key, value in table.items():
            here = (*path, key)
            self.sources[here] = file
            if isinstance(value, dict) and isinstance(into.get(key), dict):
                self._merge(into[key], value, file, here)
            elif isinstance(value, dict):
                into[key] = {}
                self._merge(into[key], value, file, here)
            else:
                into[key] = value

    def _source(self, path: Sequence[str | int]) -> TomlFile | None:
        found = (self.sources.get(tuple(path[:length])) for length in range(len(path), 0, -1))
        return next((file for file in found if file is not None), None)

    def place(self, path: Sequence[str | int]) -> str:
        file = self._source(path)
        return file.place(path) if file is not None else self.files[-1].shown

    def origin(self, path: Sequence[str | int]) -> str:
        file = self.sources.get(tuple(path))
        return file.place(path) if file is not None else DEFAULT
