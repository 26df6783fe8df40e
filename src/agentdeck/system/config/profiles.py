"""Find profiles: those that ship with agentdeck, and the user's own over them.

Profiles are read from the program and from the user's own folder, never from a repository: a profile names commands
that run with the user's rights, and a repository may be anybody's.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.core.agents.agent import Mode
from agentdeck.core.text.hashes import sha256
from agentdeck.errors import ConfigError, MissingToolError, NotFoundError
from agentdeck.system.config.settings import user_folder
from agentdeck.system.config.tomlfile import TomlFile, config_error, parse_toml, problems_of, read_small
from agentdeck.system.files.files import private_folder, write_json
from agentdeck.system.machine.process import which

if TYPE_CHECKING:
    from agentdeck.core.config.profile import Profile

SHIPPED = Path(__file__).parents[2] / "profiles"
_CLAUDE_EVENTS = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PermissionRequest",
    "Notification",
    "Stop",
    "StopFailure",
    "SessionEnd",
)
_CODEX_EVENTS = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "PostToolUse",
    "Stop",
    "Interrupt",
    "SubagentStart",
    "SubagentStop",
)
_CODEX_TIMEOUT = 3
"""Seconds; some hooks get no more from Codex."""
_ANSWER_WITHIN = 7 * 24 * 3600
"""Seconds that a hook waits for a person's answer."""


def load_profiles(folder: Path | None = None) -> dict[str, Profile]:
    """All profiles by name. A file of the user's changes the keys it names, or is a new profile.

    Raise ConfigError naming the file and the key where one is wrong.
    """
    from agentdeck.core.config.kept import keep, kept
    from agentdeck.system.config.kept import mark, recall, remember

    own = user_folder(os.environ)
    places = [SHIPPED, folder or (own / "profiles" if own else None)]
    paths = [path for place in places if place is not None and place.is_dir() for path in sorted(place.glob("*.toml"))]
    texts = [(path, data) for path in paths if (data := read_small(path, str(path))) is not None]
    of = mark(*(part for path, data in texts for part in (os.fsencode(path), data)))
    found: dict[str, Profile] | None = recall("profiles", of, kept)
    if found is None:
        found = _validated([(path, parse_toml(data, str(path))) for path, data in texts])
        remember("profiles", of, keep(found))
    return found


def _validated(files: Iterable[tuple[Path, TomlFile]]) -> dict[str, Profile]:
    raw: dict[str, dict[str, Any]] = {}
    origin: dict[str, TomlFile] = {}
    for path, file in files:
        raw[path.stem] = _merged(raw.get(path.stem, {}), file.data)
        origin[path.stem] = file
    return {name: _profile(name, data, origin[name]) for name, data in raw.items()}


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _profile(name: str, data: dict[str, Any], file: TomlFile) -> Profile:
    from pydantic import ValidationError

    from agentdeck.core.config.profile import Profile

    try:
        profile = Profile.model_validate({"name": name, **data})
    except ValidationError as error:
        raise config_error(problems_of(error, Profile, data, file.place), file.shown) from error
    if profile.interactive is None and profile.headless is None:
        raise ConfigError(f"The profile {file.shown} has neither [interactive] nor [headless].")
    return profile


AUTO = "auto"
"""In place of a profile's name: the first one that is on this machine."""
_FIRST = ("claude", "codex")
_NO_AGENT = ("demo", "shell")
"""Profiles that are on every machine, and are never meant by `auto`."""


def choose(profiles: Mapping[str, Profile], name: str, path: str | None = None) -> str:
    """The name of the profile that `name` means: for `auto` the first one whose program is in `path`, else itself.
    Raise MissingToolError where `auto` finds none."""
    if name != AUTO or AUTO in profiles:
        return name
    for each in (*_FIRST, *sorted(profiles)):
        if each in profiles and each not in _NO_AGENT and found(profiles[each], path) is not None:
            return each
    raise MissingToolError(
        "No agent CLI is installed on this machine.",
        hint="“agentdeck doctor” says how to install one; the profile “demo” is a scripted agent to try.",
    )


def require(profiles: Mapping[str, Profile], name: str, path: str | None = None) -> Profile:
    """The profile of that name, whose program is in `path`."""
    if name not in profiles:
        raise NotFoundError(f"There is no profile “{name}”.", hint=f"Available: {', '.join(sorted(profiles))}.")
    profile = profiles[name]
    if found(profile, path) is None:
        others = [each.name for each in profiles.values() if each.name not in _NO_AGENT and found(each, path)]
        also = f" Installed are: {', '.join(sorted(others))}." if others else ""
        raise MissingToolError(
            f"{profile.title} is not installed: “{profile.command}” is not in PATH.",
            hint=f"Install it with “{profile.install}”.{also}",
        )
    return profile


def found(profile: Profile, path: str | None = None) -> Path | None:
    """Where in `path` (default: this process's) the profile's program is."""
    place = which(program_of(profile), path=path)
    return Path(place) if place else None


def program_of(profile: Profile) -> str:
    """The program's name or path: `{python}` is this interpreter, `{shell}` the user's shell."""
    return fill_program(profile.command)


def fill_program(word: str) -> str:
    if word == "{python}":
        return sys.executable
    return os.environ.get("SHELL") or "/bin/sh" if word == "{shell}" else word


def _hook(line: str, timeout: int) -> list[dict[str, Any]]:
    return [{"hooks": [{"type": "command", "command": line, "timeout": timeout}]}]


def wire_reports(
    profile: Profile, folder: Path, mode: Mode, more: Mapping[str, Any] | None = None, *, resumed: bool = True
) -> str:
    """Let the CLI's own hooks report into `folder`; return what `{settings}` stands for on its command line. `more` is
    what else its settings file says, and `resumed` whether the deck lets it go on after a limit."""
    script = str(SHIPPED / "report.sh")
    if profile.reports.kind == "claude":
        line = shlex.join(["/bin/sh", script, str(folder), "claude"])
        hooks: dict[str, Any] = dict.fromkeys(_CLAUDE_EVENTS, _hook(line, 5))
        if mode is Mode.INTERACTIVE:  # else nobody is there to answer, and it refuses by itself
            asking = shlex.join(["/bin/sh", str(SHIPPED / "ask.sh"), str(folder), "claude"])
            hooks["PermissionRequest"] = _hook(asking, _ANSWER_WITHIN)
            more = {**(more or {}), "statusLine": _status_line(folder, (more or {}).get("statusLine") or {})}
        path = private_folder(folder) / "claude-settings.json"
        # Else it would wake up by itself at its limit's reset, perhaps beside its successor.
        settings = {"autoContinueAtUsageLimit": False} if resumed else {}
        write_json(path, {**settings, **(more or {}), "hooks": hooks})
        return str(path)
    if profile.reports.kind == "codex":
        words = ["/bin/sh", script, str(folder), "codex"]
        return _codex_hooks(shlex.join(words)) if mode is Mode.INTERACTIVE else f"notify={json.dumps(words)}"
    return ""


def _status_line(folder: Path, own: Mapping[str, Any]) -> dict[str, Any]:
    """The status line that reports, and shows what the person's own one shows."""
    words = ["/bin/sh", str(SHIPPED / "status.sh"), str(folder), "claude", *filter(None, [own.get("command")])]
    return {**own, "type": "command", "command": shlex.join(words)}


def codex_hook_digest(event: str, line: str, timeout: int) -> str:
    """By which Codex knows a hook that a person has approved."""
    hook = {"async": False, "command": line, "timeout": timeout, "type": "command"}
    known = {"event_name": event, "hooks": [hook]}
    text = json.dumps(known, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _codex_hooks(line: str) -> str:
    """The setting that has Codex run `line` at each of its events, with the marks of approved hooks: else it asks about
    them first. No hook waits, for Codex shows its own dialog only when all have ended."""
    hooks, known = [], []
    for event in _CODEX_EVENTS:
        name = re.sub("(?<=[a-z])(?=[A-Z])", "_", event).lower()
        digest = codex_hook_digest(name, line, _CODEX_TIMEOUT)
        hooks.append(f'{event}=[{{hooks=[{{type="command",command={json.dumps(line)},timeout={_CODEX_TIMEOUT}}}]}}]')
        known.append(f'"/<session-flags>/config.toml:{name}:0:0"={{trusted_hash="sha256:{digest}"}}')
    return f"hooks={{{','.join(hooks)},state={{{','.join(known)}}}}}"
