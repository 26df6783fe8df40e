"""What every part of the engine needs to know of one deck; made once, by `Deck.find`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from agentdeck.core.agents.events import Event
from agentdeck.core.agents.inheritance import inherited
from agentdeck.core.frozen import dataclass, field
from agentdeck.core.text.text import listed
from agentdeck.errors import ConfigError, DeckError, StoreError, UntrustedError
from agentdeck.system.files.files import home_path, state_home
from agentdeck.system.git.checkouts import main_folder
from agentdeck.system.git.repository import Repository
from agentdeck.system.state.store import Store
from agentdeck.system.terminal.tmux import Tmux

if TYPE_CHECKING:
    from agentdeck.core.config.config import RunnerConfig
    from agentdeck.core.config.profile import Profile
    from agentdeck.system.config.accounts import Lane
    from agentdeck.system.config.settings import Settings, Sources
    from agentdeck.system.config.trust import Approvals, ApprovalStanding
    from agentdeck.system.databases import Database
    from agentdeck.system.machine.ports import PortRegistry

Note = Callable[[Event], None]
"""Gets every event as it happens; the faces turn it into narration, JSON lines or messages."""

Given = ParamSpec("Given")
Got = TypeVar("Got")


def silent(event: Event) -> None:
    """The Note of a caller that wants none."""


@dataclass(frozen=True)
class World:
    repo: Repository
    root: Path
    """The main worktree's top; in a bare repository the folder its worktrees lie beside."""
    store: Store
    tmux: Tmux
    shown: tuple[str, ...] = ()
    """What boxes show beside all that is configured."""
    handed: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Keys for providers that another machine handed down to this one, in this process's memory only."""

    @classmethod
    def of(cls, repo: Repository) -> World:
        root = main_folder(repo)
        return cls(repo.at(root) if not repo.bare else repo, root, Store(repo.common / "agentdeck"), Tmux())

    @cached_property
    def deck(self) -> str:
        """A name for people and for tmux: the repository's folder and the deck's id."""
        return self.store.deck_name or deck_name(self.root, self.store.deck_id)

    @cached_property
    def sources(self) -> Sources:
        from agentdeck.system.config.settings import read

        return read(self.root)

    @cached_property
    def approvals(self) -> Approvals | None:
        """What this user has approved here; None for a user without a home, who can't have."""
        from agentdeck.system.config.trust import Approvals

        try:
            return Approvals(state_home() / "trust", self.repo.common)
        except StoreError:
            return None

    @property
    def watched(self) -> list[Path]:
        """The files beside the configuration's own whose change makes another configuration of it."""
        read = self.__dict__.get("sources")
        found = [self.approvals.path if self.approvals else None, read.env_file if read is not None else None]
        return [path for path in found if path is not None]

    @cached_property
    def standing(self) -> ApprovalStanding:
        """How the repository's configuration stands to what this user has approved; costs no model."""
        from agentdeck.system.config.trust import standing

        return standing(self.sources.sensitive, self.sources.own_data, self.approvals)

    @property
    def is_trusted(self) -> bool:
        """Whether all of the configuration may be used; not where it can't be read."""
        with suppress(ConfigError):
            return self.standing.counts
        return False

    def check_trust(self) -> None:
        """Raise UntrustedError where something of the configuration waits for approval, and ConfigError for mistakes in
        it, which nobody could approve."""
        if self.standing.counts:
            return
        self.sources.settings()
        state_home()  # a user without a home is told that, and not to approve what could not be kept
        keys = [change.key for change in self.standing.changes]
        raise UntrustedError(
            "You have not approved what this repository's configuration runs, reaches or loosens.",
            detail=f"not approved: {listed(keys)}",
            hint=trust_command(self.root),
        )

    @cached_property
    def settings(self) -> Settings:
        """The configuration, all of it approved: raise UntrustedError where some of it is not."""
        settings = self.sources.settings()
        self.check_trust()
        self.sources.remember(settings)
        return settings

    @cached_property
    def safe_settings(self) -> Settings:
        """The configuration without what nobody has approved, for all that only looks."""
        settings = self.sources.settings()
        if not self.standing.counts:
            return self.sources.harmless()
        self.sources.remember(settings)
        return settings

    @property
    def patience(self) -> RunnerConfig:
        """How a stop is to go; as by default where the configuration has mistakes, for an agent can always be
        stopped."""
        try:
            return self.safe_settings.config.runner
        except ConfigError:
            from agentdeck.core.config.config import RunnerConfig

            return RunnerConfig()

    @cached_property
    def profiles(self) -> dict[str, Profile]:
        """By name, those with an account of the person's too."""
        if not self.lanes:
            return self._own_profiles
        from agentdeck.system.config.accounts import profile_of

        base = self._own_profiles
        return {**base, **{name: profile_of(base[lane.base], lane) for name, lane in self.lanes.items()}}

    @cached_property
    def _own_profiles(self) -> dict[str, Profile]:
        from agentdeck.system.config.profiles import load_profiles

        return load_profiles()

    @property
    def lanes(self) -> dict[str, Lane]:
        """The accounts of the person's, by the names of their profiles."""
        return self._accounts[0]

    @property
    def wrong_accounts(self) -> dict[str, str]:
        """What is wrong with accounts of the configuration, by their names."""
        return self._accounts[1]

    @cached_property
    def _accounts(self) -> tuple[dict[str, Lane], dict[str, str]]:
        with suppress(ConfigError):
            if accounts := self.safe_settings.config.accounts:
                from agentdeck.system.config.accounts import lanes_of

                return lanes_of(self._own_profiles, accounts)
        return {}, {}

    @cached_property
    def ports(self) -> PortRegistry:
        from agentdeck.system.machine.ports import PortRegistry

        return PortRegistry(state_home() / "ports.json")

    @cached_property
    def database(self) -> Database | None:
        from agentdeck.system.databases import open_database

        return open_database(self.settings.config.database, self.root, state_home())

    def environment(self, own: Mapping[str, str] | None = None) -> dict[str, str]:
        """What the caller hands down, under the variables of the configured env file and of `[agent] env`: `own` is
        those with their placeholders filled. Raise ConfigError where that file can't be read."""
        config = self.settings.config
        passed, dropped = config.agent.pass_env, config.agent.drop_env
        merged = self._inherited(tuple(passed), tuple(dropped))
        if config.agent.env_file:
            from agentdeck.system.machine import envfile

            path = self.root / home_path(config.agent.env_file)
            text = self.settings.env_text
            merged |= envfile.source(path) if text is None else envfile.parse(text, str(path))
        return {**merged, **(config.agent.env if own is None else own)}

    def _inherited(self, passed: tuple[str, ...], dropped: tuple[str, ...]) -> dict[str, str]:
        told, last = dict(os.environ), self._kept_inherited.get((passed, dropped))
        if last is None or last[0] != told:
            last = told, inherited(told, passed=passed, dropped=dropped, own_venv=own_venv())
            self._kept_inherited[passed, dropped] = last
        return dict(last[1])

    @cached_property
    def _kept_inherited(self) -> dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[dict[str, str], dict[str, str]]]:
        """The environment that `inherited` was told last, with its answer: a start asks six times."""
        return {}

    @property
    def search_path(self) -> str | None:
        """Where agents' programs are looked for: their PATH, as far as it is known before one is started."""
        with suppress(DeckError):  # who starts one is told
            return self.environment().get("PATH")
        return None

    def note(self, event: Event, to: Note) -> None:
        """Write `event` down and tell it on."""
        self.store.append(event)
        to(event)

    def lives(self, name: str) -> bool:
        return self.store.runner_lives(name)


def in_one_look(act: Callable[Concatenate[World, Given], Got]) -> Callable[Concatenate[World, Given], Got]:
    """Let `act` be one look at the repository: see system/git/looks.py."""

    @wraps(act)
    def looking(world: World, /, *args: Given.args, **options: Given.kwargs) -> Got:
        with world.repo.one_look():
            return act(world, *args, **options)

    return looking


def trust_command(root: Path) -> str:
    """The command to type where the person is: PWD is the folder of their shell, whatever `-C` said."""
    here = Path(os.environ.get("PWD") or "/")
    if here.is_absolute() and Path(os.path.realpath(here)).is_relative_to(os.path.realpath(root)):
        return "agentdeck trust"
    return f"agentdeck -C {shlex.quote(str(root))} trust"


def deck_name(root: Path, deck_id: str) -> str:
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in root.name).strip("-")
    return f"{plain[:24] or 'deck'}-{deck_id}"


def own_venv() -> str:
    """The virtual environment that this process runs in; empty where it runs in none."""
    return sys.prefix if sys.prefix != sys.base_prefix else ""
