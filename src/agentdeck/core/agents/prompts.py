"""What an agent CLI is told, as words on its command line. Standard library only, for the runner."""

from __future__ import annotations

import re
from collections.abc import Mapping

ARGUMENT_MAX = 100_000
"""Bytes of a prompt that go on a command line; Linux takes 131,071 for one argument (MAX_ARG_STRLEN)."""
GO_ON = "Go on with the task."
"""What is said on resuming a CLI that must be told something."""


_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh", "mksh", "ash", "tcsh", "csh", "nu", "xonsh"})


def fill(word: str, values: Mapping[str, str]) -> str:
    """`word` with its placeholders filled; braces that are none of ours, as in JSON, stay."""
    return re.sub(r"\{(prompt|session|settings)\}", lambda match: values[match[1]], word)


def takes_prompt(words: tuple[str, ...]) -> bool:
    """Whether a prompt goes on this command line; else it is typed."""
    return any("{prompt}" in word for word in words)


def is_shell(argv: tuple[str, ...]) -> bool:
    """Whether this starts a shell for a person to type to, which has a process group for each command."""
    name, words = argv[0].rpartition("/")[2].lstrip("-"), argv[1:]
    options = all(word.startswith("-") and (word.startswith("--") or "c" not in word) for word in words)
    return name in _SHELLS and options


def short_prompt(prompt: str, file: str) -> str:
    """`prompt` where it fits on a command line; else the request to read it from `file`."""
    if len(prompt.encode("utf-8", "surrogateescape")) <= ARGUMENT_MAX:
        return prompt
    return f"Read your task from the file {file} and do what it says."
