"""What tables of the configuration and of profiles tell beside their values. No model is loaded for it, so that values
that were validated before can tell it too: see kept.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from agentdeck.core.agents.agent import Mode
from agentdeck.core.agents.orders import Detectors, Outcome
from agentdeck.core.agents.permission import LEVELS
from agentdeck.core.agents.prompts import GO_ON, fill, takes_prompt
from agentdeck.core.transcripts.formats import Place


class Lines(Protocol):
    """Command lines for one mode; see `CommandLines`."""

    @property
    def prompt(self) -> tuple[str, ...]: ...
    @property
    def bare(self) -> tuple[str, ...]: ...
    @property
    def resume(self) -> tuple[str, ...]: ...
    @property
    def resume_last(self) -> tuple[str, ...]: ...
    @property
    def resume_prompt(self) -> tuple[str, ...]: ...


class Granted(Protocol):
    """What a CLI is told on one level; see `Grant`."""

    @property
    def argv(self) -> tuple[str, ...]: ...
    @property
    def command_argv(self) -> tuple[str, ...]: ...
    @property
    def env(self) -> dict[str, str]: ...
    @property
    def settings(self) -> dict[str, Any]: ...


class ProviderBehaviour:
    if TYPE_CHECKING:
        base_url: str
        base_urls: Mapping[Any, str]
        key_env: str
        login_key_env: str
        key_command: str
        local: bool

    def url(self, api: str) -> str:
        """The address of the format `api`."""
        return self.base_urls.get(api, self.base_url)

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The variables that may hold a key of it."""
        return tuple(name for name in (self.key_env, self.login_key_env) if name)

    @property
    def uses_own_login(self) -> bool:
        """Whether the agent's own login goes to this provider."""
        return not self.key_env and not self.key_command and not self.local


class BudgetsBehaviour:
    if TYPE_CHECKING:
        agent: Any
        deck: Any
        day: Any

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        limits = (self.agent, self.deck, self.day)
        return any(limit.money is not None or limit.tokens is not None for limit in limits)


class PermissionsBehaviour:
    if TYPE_CHECKING:
        ask: Granted | None
        edit: Granted | None
        all: Granted | None

    def grant(self, level: str) -> Granted | None:
        return {"ask": self.ask, "edit": self.edit, "all": self.all}.get(level)

    @property
    def levels(self) -> tuple[str, ...]:
        return tuple(level for level in LEVELS if self.grant(level) is not None)


class ModelBehaviour:
    if TYPE_CHECKING:
        argv: tuple[str, ...]
        env: dict[str, str]

    @property
    def can_be_told(self) -> bool:
        return bool(self.argv or self.env)

    def told(self, model: str) -> tuple[tuple[str, ...], dict[str, str]]:
        """Words and variables that name `model`; none where it is empty."""
        if not model:
            return (), {}
        words = tuple(word.replace("{model}", model) for word in self.argv)
        return words, {name: value.replace("{model}", model) for name, value in self.env.items()}


class WiringBehaviour:
    if TYPE_CHECKING:
        env: dict[str, str]

    @property
    def needs_model(self) -> bool:
        return any("{model}" in value for value in self.env.values())


class ProfileBehaviour:
    if TYPE_CHECKING:
        name: str
        interactive: Lines | None
        headless: Lines | None
        screen: Any
        ended: Any
        reports: Any
        transcript: Any

    @property
    def detectors(self) -> Detectors:
        return Detectors(**vars(self.screen))

    @property
    def tells_idle(self) -> bool:
        """Whether it becomes known when the agent is idle, and a message need not be typed into its work."""
        return bool(self.reports.argv or self.screen.done)

    @property
    def outcome(self) -> Outcome:
        return Outcome(**vars(self.ended))

    @property
    def place(self) -> Place:
        return Place(**vars(self.transcript)) if self.transcript is not None else Place()

    def lines(self, mode: Mode) -> Lines:
        """The command lines for `mode`, or for the other one where this CLI has only that."""
        wanted, other = (self.interactive, self.headless)
        if mode is Mode.HEADLESS:
            wanted, other = other, wanted
        found = wanted or other
        if found is None:
            raise ValueError(f"the profile {self.name} has no command line")
        return found

    def argv(
        self,
        *,
        mode: Mode,
        prompt: str,
        session: str = "",
        resume: bool = False,
        settings: str = "",
        more: Sequence[str] = (),
    ) -> tuple[str, ...]:
        """The command line for a task, or for going on with it when `resume`; `more` goes after the program's name."""
        known, reports = bool(session), bool(settings)
        words = self.template(mode, prompt=bool(prompt), resume=resume, known=known, reports=reports)
        values = {"prompt": prompt or GO_ON, "session": session, "settings": settings}
        first, *rest = (fill(word, values) for word in words)
        return (first, *more, *rest)

    def template(
        self, mode: Mode, *, prompt: bool, resume: bool = False, known: bool = False, reports: bool = False
    ) -> tuple[str, ...]:
        """The command line with its placeholders; `known`: with the session's id."""
        words = self._words(mode, prompt=prompt, resume=resume, known=known)
        return (words[0], *(self.reports.argv if reports else ()), *words[1:])

    def _words(self, mode: Mode, *, prompt: bool, resume: bool, known: bool) -> tuple[str, ...]:
        lines = self.lines(mode)
        if resume and (words := (lines.resume if known else ()) or lines.resume_last):
            return (*words, *lines.resume_prompt) if prompt else words
        return lines.prompt if prompt or not lines.bare else lines.bare

    def typed_text(self, prompt: str, mode: Mode, *, resume: bool = False) -> str:
        """What is to be typed to the program because its command line does not take it; perhaps nothing."""
        words = self._words(mode, prompt=bool(prompt), resume=resume, known=True)
        return "" if takes_prompt(words) else prompt
