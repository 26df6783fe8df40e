"""What a settings file of an agent CLI, or of git, says, less what logs it in."""

from __future__ import annotations

import re
from typing import Any

_SECRET = re.compile(
    r"token|secret|passw|passphrase|credential|api[_-]?key|private[_-]?key|(?<!env)[_-]key$|^key$|oauth|helper"
    r"|authorization|bearer|cookie|headers$|^mcp_?servers$",
    re.IGNORECASE,
)
"""Of MCP's servers, the command lines and variables hold keys under any name."""
_LINE = re.compile(r"""\s*(?:export\s+|-\s+)?["']?(?P<key>[\w.-]+)["']?\s*[=:](?P<value>.*)""")
_PLAIN = re.compile(r"\s*(?:[\d_.+-]+|true|false)\s*,?\s*(?:#.*)?")
"""A limit of tokens, say, and no login."""
_INNER = re.compile(r"""["']?([\w.-]+)["']?\s*[=:]""")
_TABLE, _SERVER_TABLE = re.compile(r"\s*\["), re.compile(r"\s*\[+\s*mcp_?servers\b", re.IGNORECASE)
_QUOTED = re.compile(r"""\"[^"]*\"|'[^']*'""")
_GIT_SECRET = re.compile(r"\s*(?:extraheader|\S*(?:token|secret|passw|apikey)\S*)\s*=", re.IGNORECASE)
_IN_URL = re.compile(r"(\bhttps?://)[^/@\s\"]+@")


def without_secrets(value: Any) -> Any:
    """The JSON document without the keys that may hold a login."""
    if isinstance(value, dict):
        kept = {
            name: each for name, each in value.items() if isinstance(each, (int, float)) or not _SECRET.search(name)
        }
        return {name: without_secrets(each) for name, each in kept.items()}
    return [without_secrets(each) for each in value] if isinstance(value, list) else value


def without_secret_lines(text: str) -> str:
    """A settings file of lines, such as TOML, YAML or `NAME=VALUE`, without the keys that may hold a login. What such
    a key has in the lines below goes with it."""
    kept, depth, indent, in_servers, in_quotes = [], 0, -1, False, False
    for line in text.splitlines(keepends=True):
        here = len(line) - len(line.lstrip())
        if depth > 0 or in_quotes:
            depth, in_quotes = depth + _opened(line), in_quotes != _opens_quotes(line)
            continue
        if indent >= 0 and line.strip() and here + line.lstrip().startswith("- ") > indent:
            continue
        indent = -1
        if _TABLE.match(line):
            in_servers = _SERVER_TABLE.match(line) is not None
        found = _LINE.match(line)
        if found and _is_secret(found["key"], found["value"]):
            depth, indent, in_quotes = max(0, _opened(found["value"])), here, _opens_quotes(found["value"])
        elif not in_servers:
            kept.append(line)
    return "".join(kept)


def _is_secret(key: str, value: str) -> bool:
    inner = _INNER.findall(value) if value.lstrip().startswith("{") else []
    return not _PLAIN.fullmatch(value.rstrip("\n")) and any(_SECRET.search(each) for each in (key, *inner))


def _opened(text: str) -> int:
    """How many brackets it leaves open."""
    bare = _QUOTED.sub("", text)
    return sum(map(bare.count, "[{(")) - sum(map(bare.count, "]})"))


def _opens_quotes(text: str) -> bool:
    """Whether it begins, or ends, a text of several lines."""
    return any(text.count(each) % 2 for each in ('"""', "'''"))


def without_git_logins(text: str) -> str:
    """The configuration of git without headers, passwords and tokens, and without the ones in the addresses of
    remotes."""
    kept, drops = [], False
    for line in text.splitlines(keepends=True):
        goes_on, drops = drops, False
        if goes_on or _GIT_SECRET.match(line):
            drops = line.rstrip("\r\n").endswith("\\")  # its value goes on in the next line
        else:
            kept.append(_IN_URL.sub(r"\1", line))
    return "".join(kept)
