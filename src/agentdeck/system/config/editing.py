"""Change single keys of the user's own configuration; comments, order and all else in the file stay."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentdeck.core.frozen import replace
from agentdeck.errors import ConfigError, RefusedError
from agentdeck.system.config.settings import DECK_FILE, read, user_folder
from agentdeck.system.config.tomlfile import parse_toml
from agentdeck.system.files.files import private_folder, write_atomic


def user_file() -> Path:
    folder = user_folder(os.environ)
    if folder is None:
        raise RefusedError("You have no home folder, so there is no file of yours to write to.", hint="Set HOME.")
    return folder / "config.toml"


def parsed(text: str) -> Any:
    """A value as TOML writes it. Raise ConfigError for what is none."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        (value,) = tomlkit.parse(f"value = {text}\n").unwrap().values()
        return value
    except (TOMLKitError, ValueError) as error:
        raise ConfigError(
            f"{text} is not a TOML value.", hint='Text has quotes: "dark". Lists: ["a", "b"]. Else true, false, 12.'
        ) from error


def change(root: Path, key: Sequence[str], value: Any) -> None:
    """Set `key` in the user's own file to `value`; None takes it out.

    Raise ConfigError, with nothing written, where the file can't be read or the configuration of the repository at
    `root` would not be valid with it. A link is followed: the file behind it is written.
    """
    path = user_file()
    place = Path(os.path.realpath(path))
    text = _changed(place, key, value)
    sources = read(root)
    replace(sources, own=parse_toml(text.encode(), str(path))).settings()
    private_folder(place.parent)
    write_atomic(place, text, place.stat().st_mode & 0o777 if place.exists() else 0o600)


def as_diff(root: Path, origin: str, key: Sequence[str], value: Any) -> str:
    """What setting `key` to `value` would change, as a patch, in the file that `origin` (`FILE:LINE`) names; in the
    repository's own where it names none. Nothing is written."""
    name = origin.rpartition(":")[0]
    place = root / name if name and (root / name).exists() else Path(name).expanduser()
    if not name or not place.exists():
        name, place = DECK_FILE, root / DECK_FILE
    before = place.read_text("utf-8") if place.exists() else ""
    after = _changed(place, key, value)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
    return "\n".join(lines)


def _changed(place: Path, key: Sequence[str], value: Any) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(place.read_text("utf-8")) if place.exists() else tomlkit.document()
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise ConfigError(f"{place} is not TOML, so nothing was written.", detail=str(error)) from error
    table: Any = document
    for part in key[:-1]:
        if part not in table and value is not None:
            table[part] = tomlkit.table()
        table = table.get(part, {})
    if value is not None:
        table[key[-1]] = value
    elif key[-1] in table:
        del table[key[-1]]
    return tomlkit.dumps(document)
