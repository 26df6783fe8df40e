"""The names of profiles with an account, and what lies between two of them. Standard library only, for the runner."""

from __future__ import annotations

from collections.abc import Collection

ACCOUNT, PROVIDER, PROFILE, WAIT = "account", "provider", "profile", "wait"
"""The steps of `failover.order`."""
USUAL = "default"
"""The login that a CLI has without us, as an account."""


def lane_name(profile: str, account: str) -> str:
    return f"{profile}@{account}"


def cli_of(name: str) -> str:
    """The profile without its account."""
    return name.partition("@")[0]


def account_of(name: str) -> str:
    return name.partition("@")[2] or USUAL


def step_between(left: str, to: str, tiers: Collection[str]) -> str:
    """What it is to go from one profile to another; `tiers` are those that a tier serves."""
    if cli_of(left) != cli_of(to):
        return PROFILE
    return PROVIDER if to in tiers else ACCOUNT
