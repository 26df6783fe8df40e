"""What there is to choose from for a new agent."""

from __future__ import annotations

from agentdeck.core.frozen import dataclass
from agentdeck.system.config.profiles import AUTO

__all__ = ["AUTO", "ProfileChoice", "StartChoices"]


@dataclass(frozen=True, slots=True)
class ProfileChoice:
    name: str
    title: str
    installed: bool
    install: str = ""
    """The command that installs it."""
    models: tuple[str, ...] = ()
    """The models that it knows by name."""
    takes_model: bool = False
    """Whether it can be told which model to use."""
    model: str = ""
    """The model of new agents, unless a tier names one; empty: the CLI's own."""


@dataclass(frozen=True, slots=True)
class StartChoices:
    profiles: tuple[ProfileChoice, ...] = ()
    """Those that are installed first."""
    auto: str = ""
    """The profile that `auto` means here; empty where no agent CLI is installed."""
    default: str = ""
    """The configured profile where it is installed; else `auto`, or the scripted one."""
    tiers: tuple[tuple[str, str], ...] = ()
    """Each with its chain in words."""
    tier: str = ""
    """The configured tier."""
    branches: tuple[str, ...] = ()
    base: str = ""
    """The configured branch that new agents start from; empty for the one that is checked out."""
    box: str = "off"
    """The configured mode of their box."""
    no_box: str = ""
    """Why agents can't have a full box here, in a sentence; empty where they can."""
