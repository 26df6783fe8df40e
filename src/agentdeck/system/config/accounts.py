"""The accounts of the user's configuration as profiles: `claude@work` is Claude Code with the account `work`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.core.accounts.lanes import USUAL, lane_name
from agentdeck.core.frozen import dataclass
from agentdeck.system.files.files import home_path, state_home

if TYPE_CHECKING:
    from agentdeck.core.config.accounts import AccountConfig
    from agentdeck.core.config.profile import Profile


@dataclass(frozen=True, slots=True)
class Lane:
    """One account of a CLI."""

    name: str
    """Of its profile."""
    base: str
    """The profile of the CLI."""
    account: str
    folder: Path | None = None
    """The CLI's folder with the login; None for the usual one."""
    key: str = ""
    """The variable that holds its key."""
    tier: str = ""
    """The tier that serves it."""
    starts: bool = True


def lanes_of(
    profiles: Mapping[str, Profile], accounts: Mapping[str, AccountConfig]
) -> tuple[dict[str, Lane], dict[str, str]]:
    """The accounts by the names of their profiles, and what is wrong with others, by the account."""
    found: dict[str, Lane] = {}
    wrong: dict[str, str] = {}
    for account, config in accounts.items():
        profile = profiles.get(config.profile)
        support = profile.account if profile is not None else None
        if account == USUAL:
            wrong[account] = f"“{USUAL}” is the login that a CLI has already"
        elif profile is None or support is None:
            wrong[account] = f"there is no profile “{config.profile}”"
        elif config.key and not support.key:
            wrong[account] = f"{profile.title} takes no key from a variable"
        elif config.tier and profile.gateway is None:
            wrong[account] = f"{profile.title} can't be pointed at the gateway"
        elif not (config.key or config.tier or support.folder):
            wrong[account] = f"{profile.title} can't have several logins"
        else:
            name = lane_name(profile.name, account)
            folder = None if config.key or config.tier else _folder(account, config.folder)
            found[name] = Lane(name, profile.name, account, folder, config.key, config.tier, config.starts)
    return found, wrong


def _folder(account: str, configured: str) -> Path:
    return home_path(configured) if configured else state_home() / "accounts" / account


def profile_of(base: Profile, lane: Lane) -> Profile:
    """The profile of a CLI with that account. The login that the caller's variables hold is not the account's."""
    changed: dict[str, Any] = {"name": lane.name, "title": f"{base.title} ({lane.account})"}
    login = vars(base.login)
    if lane.folder is not None:
        own = [path for path in base.login.paths if path.startswith(f"${base.account.folder}")]
        how = f"run “agentdeck accounts add {lane.account}”" if base.login.how else ""
        login = {"how": how, "variables": (), "paths": tuple(own)}
        changed["env"] = {**base.env, base.account.folder: str(lane.folder)}
    elif lane.key:
        login = {"how": f"set {lane.key}", "variables": (base.account.key,), "paths": ()}
    if not lane.tier:
        changed["env_unset"] = (*base.env_unset, *base.login.variables)
    changed["login"] = _copy(base.login, login)
    made: Profile = _copy(base, changed)
    return made


def _copy(table: Any, changed: Mapping[str, Any]) -> Any:
    """`table`, a model or what is kept of one, with other values."""
    if hasattr(table, "model_copy"):
        return table.model_copy(update=dict(changed))
    return type(table)({**vars(table), **changed})
