"""What an agent is told of the place it works in, beside its task. It holds no secret, for all see a command line."""

from __future__ import annotations

import json
from collections.abc import Sequence

from agentdeck.core.frozen import dataclass

WORDS = ("worktree", "branch", "ports", "database")
BUILT_IN = (
    "You work in the git worktree {worktree} on the branch {branch}. Other agents work on the same repository in "
    "worktrees of their own: edit no file outside of yours, stay on your branch, and leave other branches alone.",
    "When the work is done, commit it here with git add and git commit.",
    "Start servers only on your own ports: {ports}. PORT and the PORT_… variables hold them.",
    "The variable {database} holds the URL of a database of your own.",
)
"""One sentence or two a subject; those about what the agent does not have are left out."""


@dataclass(frozen=True, slots=True)
class Place:
    worktree: str
    branch: str = ""
    ports: Sequence[int] = ()
    database: str = ""
    """The name of the variable."""


def preamble(place: Place, own: str | None, sandbox: str) -> str:
    """The text; empty where the person wants none. `own` stands in place of the built-in sentences, `sandbox` is what
    the CLI's sandbox holds back."""
    values = {
        "worktree": place.worktree,
        "branch": place.branch or "HEAD, which is detached",
        "ports": ", ".join(map(str, place.ports)),
        "database": place.database,
    }
    if own is not None:
        return _filled(own, values).strip()
    told = [line for line in BUILT_IN if all(values[word] for word in WORDS if f"{{{word}}}" in line)]
    return " ".join(_filled(line, values) for line in (*told, sandbox) if line)


def words(template: Sequence[str], text: str, folder: str = "") -> tuple[str, ...]:
    """The words of a command line with the text in them, as `{preamble}` or, in JSON and so in TOML, `{quoted}`;
    `{folder}` is that of the files which hold it."""
    quoted = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    found = (
        word.replace("{folder}", folder).replace("{quoted}", quoted).replace("{preamble}", text) for word in template
    )
    return tuple(found) if text else ()


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text
