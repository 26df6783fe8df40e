"""The placeholders in the values of `[agent.env]`, which make a variable each agent's own."""

from __future__ import annotations

from collections.abc import Mapping

from agentdeck.core.text.patterns import late

NAMES = ("name", "port", "index", "worktree", "branch")
# ${HOME} is another program's to expand.
_FOUND = late(r"\{\{(\w+)\}\}|(?<!\$)\{([A-Za-z_]\w*)\}")


def used(text: str) -> set[str]:
    return {match[2] for match in _FOUND.finditer(text) if match[2]}


def check(text: str) -> str:
    """Return `text`; raise ValueError where a placeholder in it is none of ours."""
    for name in sorted(used(text) - set(NAMES)):
        known = ", ".join(f"{{{each}}}" for each in NAMES)
        raise ValueError(
            f"{{{name}}} is not a placeholder; the placeholders are {known}, and {{{{{name}}}}} stands for itself"
        )
    return text


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with its placeholders filled; `{{name}}` stands for `{name}`."""
    return _FOUND.sub(lambda match: f"{{{match[1]}}}" if match[1] else values[match[2]], text)
