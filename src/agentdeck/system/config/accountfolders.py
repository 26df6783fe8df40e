"""The folder of one account of an agent CLI: it has the person's settings, and a login of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from agentdeck.system.config.clifiles import read_object
from agentdeck.system.files.files import private_folder, write_json

_STATE = ".claude.json"
_KEPT = ("hasCompletedOnboarding", "lastOnboardingVersion", "theme", "editorMode", "autoUpdates", "installMethod")
"""What of Claude Code's state file goes along: no login, and nothing that tells whose it is."""
_SECRETS = ("env", "headers", "headersHelper", "oauth")
"""A tool server with one of these may hold a key, so it does not go along."""
_TRUST = ("hasTrustDialogAccepted", "hasClaudeMdExternalIncludesApproved", "allowedTools")


class Support(Protocol):
    @property
    def folder(self) -> str: ...
    @property
    def home(self) -> str: ...
    @property
    def links(self) -> Sequence[str]: ...


def usual_folder(support: Support, variables: Mapping[str, str]) -> Path | None:
    """The folder of the login that the CLI has without us."""
    if named := variables.get(support.folder):
        return Path(named)
    home = variables.get("HOME")
    return Path(home) / support.home.removeprefix("~/") if home and support.home else None


def prepare(folder: Path, support: Support, files: str, variables: Mapping[str, str], root: Path) -> None:
    """`variables` are those of the usual login, `root` the folder whose trust goes along."""
    private_folder(folder)
    own = usual_folder(support, variables)
    if own is None or os.path.realpath(own) == os.path.realpath(folder):
        return
    for name in support.links:
        source, link = own / name, folder / name
        if source.exists() and not os.path.lexists(link):
            with suppress(FileExistsError):
                link.symlink_to(source)
    if files == "claude":
        usual = own if variables.get(support.folder) else own.parent
        _settle(folder / _STATE, read_object(usual / _STATE), str(root))


def _settle(path: Path, own: Mapping[str, Any], root: str) -> None:
    """Let Claude Code know in this folder what the person told it in the usual one: no first questions, and the trust
    in `root`."""
    there = read_object(path)
    if path.exists() and not there:
        return  # it can't be read, and is not ours
    wanted = {name: own[name] for name in _KEPT if name in own and name not in there}
    servers = own.get("mcpServers")
    if isinstance(servers, dict) and "mcpServers" not in there:
        wanted["mcpServers"] = {name: each for name, each in servers.items() if not _holds_secret(each)}
    projects = there.get("projects")
    trusted = _trust(own, root)
    known = projects.get(root) if isinstance(projects, dict) else None
    if trusted and not (isinstance(known, dict) and known.get("hasTrustDialogAccepted")):
        before = known if isinstance(known, dict) else {}
        wanted["projects"] = {**(projects if isinstance(projects, dict) else {}), root: {**before, **trusted}}
    if wanted:
        write_json(path, {**there, **wanted})


def _trust(own: Mapping[str, Any], root: str) -> dict[str, Any]:
    projects = own.get("projects")
    found = projects.get(root) if isinstance(projects, dict) else None
    if not isinstance(found, dict) or not found.get("hasTrustDialogAccepted"):
        return {}
    return {name: found[name] for name in _TRUST if name in found}


def _holds_secret(server: Any) -> bool:
    return not isinstance(server, dict) or any(server.get(name) for name in _SECRETS)
