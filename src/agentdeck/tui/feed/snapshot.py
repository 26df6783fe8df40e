"""What the feed hands to the screen: the whole deck at one moment, as values that never change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property

from agentdeck.core.agents.agent import State
from agentdeck.core.frozen import dataclass, field
from agentdeck.core.merging.radar import Mark, RadarReport
from agentdeck.core.providers.serving import ProviderHealth
from agentdeck.core.question import Question
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.accounts import AccountMeter
from agentdeck.engine.views.review import GitFacts

SHOWN_SAMPLES = 5
"""How many samples of CPU and memory a row shows. Were more of them kept, rows would differ that look the same."""


@dataclass(frozen=True, slots=True)
class Load:
    """What an agent's processes use, and used lately."""

    cpu: float = 0.0
    """Percent of one processor."""
    memory: int = 0
    """Bytes, resident."""
    history: tuple[float, ...] = ()
    """CPU of the last samples, this one too, oldest first."""
    memory_history: tuple[float, ...] = ()


class Outcome(StrEnum):
    """What an agent has left, as far as git says."""

    READY = "ready"
    """Commits, and nothing that is not committed."""
    LOOSE = "loose"
    """Files that are not committed."""
    NOTHING = "nothing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Row:
    """One agent as the list shows it."""

    view: AgentView
    facts: GitFacts | None = None
    """None until they were computed for the first time."""
    load: Load | None = None
    cost: float | None = None
    """In US dollars."""
    mark: Mark | None = None
    """The worst that the radar says of it, and with whom; None where it did not look, or it has landed."""
    mark_holds: bool = True
    """Whether neither it nor its base is known to have moved since."""

    @property
    def name(self) -> str:
        return self.view.name

    @property
    def state(self) -> State:
        return self.view.state

    @property
    def outcome(self) -> Outcome:
        facts = self.facts
        if facts is None or facts.problem or facts.is_behind:
            return Outcome.UNKNOWN
        if facts.loose:
            return Outcome.LOOSE
        return Outcome.READY if facts.ahead else Outcome.NOTHING

    @property
    def is_idle(self) -> bool:
        """Whether it is at its prompt and has asked nothing."""
        return self.state is State.WAITING and self.view.status.is_idle

    @property
    def question(self) -> Question | None:
        """What it asks a person now."""
        return self.view.status.question if self.view.alive and not self.is_idle else None

    @property
    def is_lost(self) -> bool:
        """Whether its state says that it runs, and no runner is there."""
        return self.state.is_live and self.state is not State.STARTING and not self.view.alive

    @property
    def reason(self) -> str:
        """In words why it stands as it does; what went wrong with the machine comes first."""
        if self.is_lost:
            return "its runner is gone; resume it"
        if self.facts is not None and self.facts.problem:
            return self.facts.problem
        return self.view.trouble or self.view.reason

    @property
    def needs_person(self) -> bool:
        """Whether it asks something or has failed."""
        return self.state is State.FAILED or (self.state is State.WAITING and not self.view.status.is_idle)


@dataclass(frozen=True, slots=True)
class Machine:
    load: float = 0.0
    """Processes that want a processor, averaged over the last minute; whole ones, as they are shown."""
    processors: int = 1


@dataclass(frozen=True, slots=True)
class GatewayFacts:
    """How the providers fare, and what was spent, in US dollars."""

    providers: tuple[ProviderHealth, ...] = ()
    """() while no gateway runs."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """Of each agent that spent anything, in all its runs."""
    today: float = 0.0
    budget: float | None = None
    """For one day; None: no limit."""
    tokens: int = 0
    """Of all requests of today."""
    meters: tuple[AccountMeter, ...] = ()
    """What is used of the limits of accounts."""


@dataclass(frozen=True)
class FeedSnapshot:
    """The deck at one moment."""

    rows: tuple[Row, ...] = ()
    """In the order of their creation."""
    base: str = ""
    """The branch that new agents start from."""
    machine: Machine = field(default_factory=Machine)
    radar: RadarReport | None = None
    """What the radar found at its last look; None before."""
    gateway: GatewayFacts = field(default_factory=GatewayFacts)
    problems: tuple[str, ...] = ()
    """What of the deck can't be read or repaired, one sentence each with what to do."""
    gate: bool | None = None
    """Whether the last landing passed its gate; None where none had one."""

    def row(self, name: str) -> Row | None:
        return next((row for row in self.rows if row.name == name), None)

    @cached_property
    def needy(self) -> tuple[Row, ...]:
        """The agents that need a person."""
        return tuple(row for row in self.rows if row.needs_person)

    @cached_property
    def counts(self) -> Mapping[State, int]:
        """How many agents stand so; 0 is left out."""
        return Counter(row.state for row in self.rows)
