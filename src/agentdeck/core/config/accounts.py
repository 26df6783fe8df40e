"""The tables `[accounts.NAME]`: other logins of an agent CLI than its usual one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from agentdeck.core.config.section import Section


class AccountConfig(Section):
    """One account of yours. Whether its terms let you use it beside another one is yours to know."""

    profile: str
    """Whose CLI it is, such as `claude`. With this account it is the profile `claude@NAME`."""
    folder: str = ""
    """The CLI's folder with the login; empty: one that AgentDeck makes for it."""
    key: str = ""
    """In place of a login: the variable that holds an API key."""
    tier: str = ""
    """In place of a login: the tier whose providers serve it."""
    starts: bool = True
    """Whether new agents may begin with it; else it is only used when another account is at its limit."""

    @model_validator(mode="after")
    def _one_way(self) -> AccountConfig:
        if sum(map(bool, (self.folder, self.key, self.tier))) > 1:
            raise ValueError("an account has one of folder, key and tier")
        return self


Accounts = dict[Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?$")], AccountConfig]
