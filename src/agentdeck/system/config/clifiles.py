"""What a person has told an agent CLI in its own files. They are read, never written."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from agentdeck.core.transcripts.reading import items
from agentdeck.system.files.files import from_json


def codex_config(variables: Mapping[str, str]) -> dict[str, Any]:
    """Codex' own `config.toml`, as an agent with these variables finds it; empty where it can't be read."""
    try:
        return tomllib.loads((_home(variables, "CODEX_HOME", ".codex") / "config.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def codex_writable_roots(variables: Mapping[str, str]) -> tuple[str, ...]:
    """The folders that the person lets Codex' sandbox write."""
    section = codex_config(variables).get("sandbox_workspace_write")
    roots = section.get("writable_roots") if isinstance(section, dict) else None
    return tuple(str(root) for root in roots) if isinstance(roots, list) else ()


def has_login(files: str, names: Sequence[str], paths: Sequence[str], variables: Mapping[str, str]) -> bool:
    """Whether one of the variables or files with a login is there, or where it may be elsewhere."""
    if sys.platform == "darwin" or any(fnmatch(each, name) and variables[each] for each in variables for name in names):
        return True  # a Mac has its keychain
    if any(place is not None and place.exists() for place in (_expanded(path, variables) for path in paths)):
        return True
    if files == "codex":
        config = codex_config(variables)
        return config.get("model_provider", "openai") != "openai" or "profile" in config
    if files == "claude":
        settings = read_object(_home(variables, "CLAUDE_CONFIG_DIR", ".claude") / "settings.json")
        state = read_object(_home(variables, "CLAUDE_CONFIG_DIR", "") / ".claude.json")
        told = settings.get("env")
        keys = [each for each in told if fnmatch(each, "*_KEY") or fnmatch(each, "*_TOKEN")] if told else ()
        return "apiKeyHelper" in settings or "primaryApiKey" in state or bool(keys)
    return False


def _expanded(path: str, variables: Mapping[str, str]) -> Path | None:
    head, _, rest = path.partition("/")
    root = variables.get("HOME" if head == "~" else head.removeprefix("$"))
    return Path(root) / rest if root else None


def trusts(files: str, variables: Mapping[str, str], root: Path) -> bool:
    """Whether the person has trusted the main checkout at `root` in the CLI's own file; of a CLI that looks there by
    itself for a worktree, it is not asked."""
    if files != "gemini":
        return False
    told = read_object(_home(variables, "GEMINI_CLI_HOME", "") / ".gemini" / "trustedFolders.json")
    parents = {Path(path).parent for path, level in told.items() if level == "TRUST_PARENT"}
    folders = {Path(path) for path, level in told.items() if level == "TRUST_FOLDER"} | parents
    refused = {Path(path) for path, level in told.items() if level == "DO_NOT_TRUST"}
    places = (root, *root.parents)
    return any(place in folders for place in places) and not any(place in refused for place in places)


def allows_edits(files: str, variables: Mapping[str, str], root: Path) -> bool:
    """Whether the person's own settings let the CLI edit files without a question."""
    if files == "codex":
        return codex_config(variables).get("sandbox_mode") in ("workspace-write", "danger-full-access")
    if files != "claude":
        return False
    home = _home(variables, "CLAUDE_CONFIG_DIR", ".claude")
    places = (home / "settings.json", root / ".claude/settings.json", root / ".claude/settings.local.json")
    told = [_permissions(place) for place in places]
    allowed = [str(rule).split("(")[0] for each in told for rule in items(each.get("allow"))]
    modes = {each.get("defaultMode") for each in told}
    return bool(modes & {"acceptEdits", "bypassPermissions"}) or bool({"Edit", "Write"} & set(allowed))


def status_line(files: str, variables: Mapping[str, str], worktree: Path) -> dict[str, Any]:
    """The status line that the person, or else the repository, has set for the CLI; empty where there is none."""
    if files != "claude":
        return {}
    own, here = _home(variables, "CLAUDE_CONFIG_DIR", ".claude"), worktree / ".claude"
    places = (here / "settings.local.json", here / "settings.json", own / "settings.json")
    found = (read_object(place).get("statusLine") for place in places)
    return next((each for each in found if isinstance(each, dict) and isinstance(each.get("command"), str)), {})


def _permissions(path: Path) -> dict[str, Any]:
    found = read_object(path).get("permissions")
    return found if isinstance(found, dict) else {}


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in the file; {} where there is none that can be read."""
    try:
        found = from_json(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _home(variables: Mapping[str, str], variable: str, folder: str) -> Path:
    return Path(variables.get(variable) or Path(variables.get("HOME") or "/") / folder)
