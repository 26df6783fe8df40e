"""What a repository's configuration can't say, approved or not: where keys go and what is written outside of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from agentdeck.core.config.config import Config
from agentdeck.core.config.presets import PARTIAL, PRESETS
from agentdeck.core.frozen import dataclass

_VARIABLE = re.compile(r"\$(?:\w+|\{\w+\})")
_OWN_FILE = "~/.config/agentdeck/config.toml"


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A value that only the user's own file may have. `text` goes on from the key."""

    path: tuple[str, ...]
    text: str
    hint: str = f"Put it into your own {_OWN_FILE}."


def misplaced(config: Config, repository: Mapping[str, Any], own: Mapping[str, Any], root: str) -> Iterator[Misplaced]:
    """What the repository's file may not say. `config` is the merged one, `root` the repository's folder."""
    for path, what in _OWN_KEYS.items():
        if _has(repository, path):
            yield Misplaced(path, what)
    yield from _keys(config, repository, own)
    yield from _database(config, repository, own)
    for path, base in ((("worktree", "path"), root), (("env_file", "path"), ""), (("database", "path"), "")):
        value = _at(repository, path)
        if isinstance(value, str) and value and value != _at(own, path) and _leaves(value, base):
            where = "the repository" if base else "the worktree"
            yield Misplaced(path, f"leads out of {where}; only your own file may do that")


_OWN_KEYS = {
    ("trust",): "is not allowed in a repository's file: a repository can't trust itself",
    ("notify",): "says where notices go; only your own file may do that",
    ("fleet",): "says where agents run; only your own file may do that",
    ("accounts",): "says which accounts are yours; only your own file may do that",
    ("box", "read"): "shows agents more of your files; only your own file may do that",
    ("box", "write"): "shows agents more of your files; only your own file may do that",
}


def _has(table: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    *steps, name = path
    value = _at(table, tuple(steps))
    return isinstance(value, dict) and name in value


def _at(table: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = table
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _leaves(value: str, base: str) -> bool:
    """Whether the path `value` lies outside of the folder `base`; of one that is not known yet, where that is empty."""
    if value.startswith("~") or (not base and value.startswith("/")):
        return True
    base = base or "/worktree"
    filled = value.replace("{name}", "name").replace("{repo}", "repo")
    whole = os.path.normpath(os.path.join(base, filled))  # noqa: PTH118 - a text, not a file
    return not whole.startswith(f"{base.rstrip('/')}/")


def _keys(config: Config, repository: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[Misplaced]:
    """Providers that would get a key, or the login of an agent's CLI, at an address which the repository chose."""
    written = _at(repository, ("providers",))
    published = {url for preset in PRESETS.values() for url in _urls(preset)}
    bound = set(_bindings(own))
    for name in written if isinstance(written, dict) else ():
        provider = config.providers[name]
        if "key_command" in written[name]:
            yield Misplaced(("providers", name, "key_command"), "runs a command; only your own file may do that")
        key = provider.key_env or provider.login_key_env
        urls = [provider.base_url, *provider.base_urls.values()]
        strange = [url for url in urls if url not in published and (url, key) not in bound]
        if strange and (key or provider.uses_own_login):
            what = f"the key {key}" if key else "the login of the agents' own programs"
            keys = ("base_url", "base_urls", "key_env", "login_key_env")
            chosen = next((each for each in keys if each in written[name]), "")
            path = ("providers", name, chosen) if chosen else ("providers", name)
            yield Misplaced(path, f"sends {what} to {strange[0]}; only your own file may do that")


def _urls(table: Mapping[str, Any]) -> list[str]:
    more = table.get("base_urls")
    found = [table.get("base_url", ""), *(more.values() if isinstance(more, dict) else ())]
    return [str(url).rstrip("/") for url in found if url]


def _bindings(own: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The addresses that the user's own file names, each with the variable of its key."""
    tables = _at(own, ("providers",))
    for name, table in (tables if isinstance(tables, dict) else {}).items():
        whole = {**(PRESETS.get(name) or PARTIAL.get(name) or {}), **table}
        key = str(whole.get("key_env", "") or whole.get("login_key_env", ""))
        yield from ((url, key) for url in _urls(whole))


def _database(config: Config, repository: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[Misplaced]:
    path = ("database", "url")
    url = _at(repository, path)
    if not isinstance(url, str) or not _VARIABLE.search(url) or url == _at(own, path):
        return
    if _VARIABLE.fullmatch(url) or _stays_here(url):
        return
    hint = f'Put the whole address into one variable, as url = "$NAME", or put it into your own {_OWN_FILE}.'
    yield Misplaced(path, "sends a variable to an address of its choice; only your own file may do that", hint)


def _stays_here(url: str) -> bool:
    """Whether the server is on this machine, or named by a variable of the person's."""
    rest = url.partition("://")[2]
    place = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    host = re.sub(r":\d*$", "", place)
    if "://" not in url or "host" in rest.partition("?")[2].lower():
        return False
    return host in ("", "localhost") or bool(_VARIABLE.fullmatch(host)) or _is_loopback(host.strip("[]"))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
