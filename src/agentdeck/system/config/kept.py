"""What was validated once is kept in the user's own folder, and validated again only when what it was read from, or the
program, is another one.

It is never kept in a repository: what is kept there came with it, and nobody has approved it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from agentdeck import __version__
from agentdeck.core.text.hashes import sha256
from agentdeck.errors import DeckError
from agentdeck.system.files.files import private_folder, read_json, sign, state_home, write_json

Found = TypeVar("Found")
_CODE = Path(__file__).parents[2] / "core" / "config"


def mark(*parts: str | bytes) -> str:
    """Stands for `parts`, and for the program that reads them."""
    code = [f"{file.name} {sign(file)}" for file in sorted(_CODE.glob("*.py"))]
    whole = sha256()
    for part in (__version__, *code, *parts):
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogateescape")
        whole.update(b"%d " % len(data) + data)
    return whole.hexdigest()


def recall(name: str, of: str, parse: Callable[[Any], Found]) -> Found | None:
    """What `remember` kept as `name` of what the mark `of` stands for; None where there is nothing of that."""
    with suppress(DeckError, OSError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        found = read_json(_place(name))
        if found["of"] == of:
            return parse(found["value"])
    return None


def remember(name: str, of: str, value: Any) -> None:
    """Keep `value`; where it can't be kept, it is validated again the next time."""
    with suppress(DeckError, OSError, TypeError, ValueError, RecursionError):
        path = _place(name)
        private_folder(path.parent)
        write_json(path, {"of": of, "value": value}, durable=False)


def _place(name: str) -> Path:
    return state_home() / "kept" / f"{name}.json"
