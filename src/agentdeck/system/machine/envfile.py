"""Files of `KEY=VALUE` lines: the managed block in a worktree's env file, and files of the user's own to read."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

from agentdeck.core.text.patterns import late
from agentdeck.errors import ConfigError, RefusedError
from agentdeck.system.files.files import clear_abandoned, write_atomic

_BEGIN = "# >>> agentdeck: these lines are managed; put yours above them"
_BEGIN_JOINED = f"{_BEGIN} (there was no line end before)"
_BEGIN_MADE = "# >>> agentdeck: this file and these lines are managed; put yours above them"
_END = "# <<< agentdeck"
# Also as an editor leaves it that writes CRLF, or that drops the last line end.
_BLOCK = late(
    rf"(?:\r\n{re.escape(_BEGIN_JOINED)}(?=\r\n)|\n{re.escape(_BEGIN_JOINED)}"
    rf"|^{re.escape(_BEGIN)}|^{re.escape(_BEGIN_MADE)})\r?\n"
    rf"(?:.*?\n)??{re.escape(_END)}(?:\r?\n|\Z)",
    re.DOTALL | re.MULTILINE,
)
_QUOTED = late(r"\s*(?:export\s+)?[^\s=]+\s*=\s*\"")


def write(path: Path, variables: Mapping[str, str]) -> None:
    """Put `variables` into the managed block at the end of the file, where they win; the user's own lines stay.

    A symbolic link is followed, not replaced. Raise RefusedError for one that leads out of its folder: other worktrees
    share what it leads to.
    """
    target = path.resolve()
    if _is_shared(path):
        raise RefusedError(
            f"{path} is a link to {target}, a shared file; an agent's variables don't belong there.",
            hint="Copy it instead ([worktree] copy in agentdeck.toml), or set env_file.path to another file, or to “”.",
        )
    # It would look like the agent's own work.
    clear_abandoned(target)
    exists = target.exists()
    old = _read(target) if exists else ""
    made = not exists or _BEGIN_MADE in old
    own = _BLOCK.sub("", old, count=1)
    joined = bool(own) and not own.endswith("\n")
    begin = f"\n{_BEGIN_JOINED}" if joined else _BEGIN_MADE if made else _BEGIN
    lines = "".join(f"{name}={quote(value)}\n" for name, value in variables.items())
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = target.stat().st_mode & 0o777 if exists else 0o600
    write_atomic(target, f"{own}{begin}\n{lines}{_END}\n", mode)


def remove(path: Path) -> None:
    """Take the managed block away again; the whole file where we made it and nothing else is in it."""
    target = path.resolve()
    if not target.exists() or _is_shared(path):
        return
    old = _read(target)
    own = _BLOCK.sub("", old, count=1)
    if not own and _BEGIN_MADE in old:
        target.unlink()
    elif own != old:
        write_atomic(target, own, target.stat().st_mode & 0o777)


def _is_shared(path: Path) -> bool:
    return path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve())


def quote(value: str) -> str:
    """`value` so that a shell and every common dotenv reader take it for itself."""
    if re.fullmatch(r"[A-Za-z0-9_./:@%+,=-]+", value):
        return value
    if "'" not in value and "\\" not in value:
        return f"'{value}'"
    escaped = re.sub(r'(["\\$`])', r"\\\1", value)
    return f'"{escaped}"'


def parse(text: str, origin: str = "the file") -> dict[str, str]:
    """The variables of a file's `text`; raise ConfigError naming `origin` and the line that can't be read.

    Nothing is expanded: `$HOME` stays `$HOME`.
    """
    from dotenv.parser import parse_stream

    found = {}
    for binding in parse_stream(io.StringIO(text.removeprefix("\ufeff"))):
        if binding.error or (binding.key is not None and binding.value is None):
            raise ConfigError(
                f"Line {binding.original.line} of {origin} can't be read.",
                hint="A line is KEY=VALUE; quote the value if needed.",
            )
        if binding.key is not None and binding.value is not None:
            quoted = _QUOTED.match(binding.original.string)
            found[binding.key] = re.sub(r"\\([$`])", r"\1", binding.value) if quoted else binding.value
    return found


def source(path: Path) -> dict[str, str]:
    """The variables of the user's env file at `path`; raise ConfigError where it is missing or can't be read."""
    try:
        text = _read(path)
    except OSError as error:
        raise ConfigError(
            f"The env file {path} can't be read.",
            detail=error.strerror or str(error),
            hint="agent.env_file names it.",
        ) from error
    return parse(text, str(path))


def _read(path: Path) -> str:
    # newline="": the user's line ends stay what they are.
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()
