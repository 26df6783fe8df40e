"""`deck.accounts`: the person's logins of agent CLIs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agentdeck.engine.api.current import Current
from agentdeck.errors import NotFoundError, RefusedError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from agentdeck.engine.views.accounts import Account, AccountMeter
    from agentdeck.system.config.accounts import Lane


class DeckAccounts:
    def __init__(self, current: Current) -> None:
        self._current = current

    def all(self) -> list[Account]:
        """Those of the configuration, each CLI's usual one first; () where there are none."""
        from agentdeck.engine.profiles.accounts import accounts

        return accounts(self._current.world)

    @staticmethod
    def metered() -> list[AccountMeter]:
        """What is used of the limits of this user's accounts, as far as it is known; costs a look at a file for each,
        and no configuration."""
        from agentdeck.system.state.meters import Meters, folder

        try:
            found = Meters(folder()).all()
        except StoreError:  # a user without a home has none
            return []
        if not found:
            return []
        from agentdeck.engine.views.accounts import AccountMeter

        return [each for each in (AccountMeter(name, meter) for name, meter in sorted(found.items())) if each.text]

    def one(self, name: str) -> Account:
        """The account of that name, which may be that of its profile too."""
        lane = self._lane(name)
        return next(each for each in self.all() if each.name == lane.name)

    @property
    def wrong(self) -> dict[str, str]:
        """What is wrong with others, by their names."""
        return dict(self._current.world.wrong_accounts)

    def add(self, name: str, profile: str, *, key: str = "", tier: str = "", folder: str = "") -> None:
        """Write a new account into the user's own file, or find that it is there."""
        from agentdeck.system.config.editing import change

        world = self._current.world
        if name in world.safe_settings.config.accounts:
            return
        if not profile:
            raise NotFoundError(f"There is no account “{name}”.", hint=f"agentdeck accounts add {name} --agent claude")
        told = {"profile": profile, "key": key, "tier": tier, "folder": folder}
        change(world.root, ("accounts", name), {each: value for each, value in told.items() if value})
        if reason := self.wrong.get(name):
            change(self._current.world.root, ("accounts", name), None)
            raise RefusedError(f"“{name}” can't be an account: {reason}.", hint="agentdeck accounts --help")

    def login_command(self, name: str) -> list[str]:
        """The command by which a person logs in, in the account's own folder, which is made; empty where the account
        needs none."""
        return self._command(name, "login")

    def check_command(self, name: str) -> list[str]:
        """The command that says whether the CLI has a login; empty where it has none."""
        return self._command(name, "check")

    def _command(self, name: str, which: str) -> list[str]:
        from agentdeck.engine.profiles.accounts import prepare
        from agentdeck.system.config.profiles import require

        world, lane = self._current.world, self._lane(name)
        profile = require(world.profiles, lane.name, world.search_path)
        words = list(getattr(profile.account, which))
        if lane.folder is None or not words:
            return []
        prepare(world, lane)
        gone = [word for each in profile.env_unset if each in os.environ for word in ("-u", each)]
        return ["env", *gone, *(f"{key}={value}" for key, value in profile.env.items()), *words]

    def remove(self, name: str, *, login: bool = False) -> Path | None:
        """Take the account out of the user's own file; return the folder with its login where that stays. With `login`
        that is deleted too, if AgentDeck made it."""
        from agentdeck.engine.profiles.accounts import working
        from agentdeck.system.config.editing import change
        from agentdeck.system.files.files import delete, state_home

        world, lane = self._current.world, self._lane(name)
        users = [name for name, profile in working(world).items() if profile == lane.name]
        if users:
            hint = f"agentdeck failover {users[0]} --to {lane.base}"
            raise RefusedError(f"{users[0]} works with the account “{name}”.", hint=hint)
        change(world.root, ("accounts", name), None)
        if lane.folder is None or not lane.folder.exists():
            return None
        if login and lane.folder == state_home() / "accounts" / name:
            delete(lane.folder)
            return None
        return lane.folder

    def _lane(self, name: str) -> Lane:
        world = self._current.world
        lane = next((each for each in world.lanes.values() if name in (each.account, each.name)), None)
        if lane is None:
            reason = world.wrong_accounts.get(name)
            known = ", ".join(each.account for each in world.lanes.values())
            title = f"“{name}” can't be an account: {reason}." if reason else f"There is no account “{name}”."
            hint = f"Available: {known}." if known else f"agentdeck accounts add {name} --agent claude"
            raise NotFoundError(title, hint=hint)
        return lane
