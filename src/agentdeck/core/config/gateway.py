"""The tables `[providers.NAME]`, `[tiers]` and `[gateway]`: who serves models, in what order, and how patiently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator

from agentdeck.core.config.behaviour import BudgetsBehaviour, ProviderBehaviour
from agentdeck.core.config.presets import PARTIAL, PRESETS
from agentdeck.core.config.section import Seconds, Section
from agentdeck.core.providers.apis import Api


class Timeouts(Section):
    """Seconds after which a provider counts as failed."""

    connect: Seconds = 10.0
    """Until the connection is open."""
    first_byte: Seconds = 30.0
    """Until the first byte of a stream. The last provider that is left gets as long as `idle`."""
    content: Seconds = 30.0
    """Until the first content of a stream, while another provider is left: its beginning and signs of life are none."""
    answer: Seconds = 600.0
    """Until the first byte of an answer that is not streamed; the server sends it when it is complete."""
    idle: Seconds = 180.0
    """Between two parts of an answer."""
    stalled: Seconds = 300.0
    """Between two parts with content, while only signs of life come."""


class Prices(Section):
    """Prices per million tokens, in US dollars."""

    input: Annotated[float, Field(ge=0)] = 0.0
    """Tokens sent."""
    output: Annotated[float, Field(ge=0)] = 0.0
    """Tokens received."""
    cache_read: Annotated[float, Field(ge=0)] = 0.0
    """Tokens read from the provider's cache."""
    cache_write: Annotated[float, Field(ge=0)] = 0.0
    """Tokens written to the provider's cache."""


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an http or https address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("the address contains more than host and path; put a key into a variable: key_env")
    return url.rstrip("/")


class ProviderConfig(ProviderBehaviour, Section):
    """An API that serves models. Known names have defaults: `agentdeck gateway presets`."""

    base_url: str
    """The address up to the version, such as `https://api.openai.com/v1`."""
    apis: Annotated[list[Annotated[Api, Field(strict=False)]], Field(min_length=1)]
    """The formats it speaks."""
    basic: list[Annotated[Api, Field(strict=False)]] = Field(default=[])
    """Those of its formats that it speaks only the basics of: a request that holds more is translated first."""
    base_urls: dict[Annotated[Api, Field(strict=False)], str] = Field(default={})
    """The addresses of formats that it serves somewhere else than at `base_url`."""
    key_env: str = ""
    """The environment variable of the gateway that holds the key. Empty: the login that the agent's own CLI sends is
    passed on, and only to this provider; a local server gets none."""
    login_key_env: str = ""
    """The variable with the key for the requests that the agent's own login is not for, where `key_env` is empty: those
    of agents that speak another format, and of CLIs that have no login."""
    key_command: str = ""
    """A shell command that prints the key, for keys that live an hour; it is asked again every few minutes. Only your
    own file may set it."""
    key_header: Literal["bearer", "x-api-key", "api-key", "x-goog-api-key"] = "bearer"
    """How the key is sent: as `Authorization: Bearer`, or in a header of this name."""
    local: bool = False
    """Whether it runs on this machine: it needs no key and costs nothing."""
    timeouts: Timeouts = Timeouts()
    max_concurrent: Annotated[int, Field(ge=0)] = 0
    """Parallel requests; 0: no limit. Further requests wait as at a rate limit."""
    count_tokens: bool = False
    """Whether the server answers `/v1/messages/count_tokens`; if not, the gateway estimates."""
    ask_usage: bool = True
    """Whether a chat stream is asked for its token counts where the agent did not ask."""
    contexts: dict[str, Annotated[int, Field(ge=1)]] = Field(default={})
    """How many tokens a model holds, by its name, where neither the server nor the published lists say it rightly."""
    prices: dict[str, Prices] = Field(default={})
    """Prices by model, where they differ from the published ones."""

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str) -> str:
        return _checked(url)

    @field_validator("base_urls")
    @classmethod
    def _addresses(cls, urls: dict[Api, str]) -> dict[Api, str]:
        return {api: _checked(url) for api, url in urls.items()}


def _with_presets(tables: Any) -> Any:
    if not isinstance(tables, Mapping):
        return tables
    merged: dict[str, Any] = {**PRESETS, **tables}
    for name, table in tables.items():
        if isinstance(table, Mapping) and (preset := PRESETS.get(name) or PARTIAL.get(name)):
            merged[name] = {**preset, **table}
            times = table.get("timeouts")
            if isinstance(times, Mapping) and "timeouts" in preset:
                merged[name]["timeouts"] = {**preset["timeouts"], **times}
    return merged


Providers = Annotated[dict[str, ProviderConfig], BeforeValidator(_with_presets)]


class GatewayConfig(Section):
    """When agents use the gateway, and how it handles a provider's faults."""

    use: Literal["auto", "always", "never"] = "auto"
    """`auto`: agents with a tier; `always`: every agent whose CLI can be pointed at it; `never`: none."""
    retry_budget: Annotated[float, Field(ge=0)] = 15.0
    """Seconds that one request may spend waiting between attempts, all providers together."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    """How often the same request is sent to one provider again."""
    backoff: Seconds = 0.5
    """The first wait if the provider names none; it doubles."""
    backoff_max: Seconds = 8.0
    """The longest such wait."""
    breaker_failures: Annotated[int, Field(ge=1)] = 3
    """Failures in a row after which a provider is paused; a time-out pauses it at once."""
    breaker_seconds: Seconds = 10.0
    """The first pause; it doubles each time the probe fails."""
    breaker_seconds_max: Seconds = 120.0
    """The longest pause for failures in a row."""
    exhausted_seconds: Seconds = 300.0
    """The pause of a provider without quota or credit that names no reset."""
    hold: Seconds = 5.0
    """How long to hold back a stream without content where no other provider is left."""
    keys: Literal["send", "home", "host"] = "send"
    """Where agents on other hosts get a tier's keys. `send`: they go to the host, into the memory of the gateway there;
    `home`: they stay here, and the agents ask this machine's gateway over ssh; `host`: the host has its own."""
    max_body_mb: Annotated[int, Field(ge=1)] = 64
    """The largest request."""


class Limit(Section):
    """A spending limit."""

    money: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """In US dollars; none: no limit."""
    tokens: Annotated[int, Field(ge=0)] | None = None
    """Of prompt (cached or not) and answer; none: no limit."""


class BudgetsConfig(BudgetsBehaviour, Section):
    """What agents may spend through the gateway, and what happens at the limit."""

    agent: Limit = Limit()
    """Each agent, in all its runs."""
    deck: Limit = Limit()
    """All agents of this repository, ever."""
    day: Limit = Limit()
    """All agents of this repository, in one day of the local calendar."""
    warn_at: Annotated[float, Field(gt=0, le=1)] = 0.8
    """The share of a budget at which an event warns."""
    at_limit: Literal["local", "pause", "stop"] = "pause"
    """`local`: the tier `local` serves from then on; `pause`: requests are refused, and the agent waits, until the
    budget is raised or the day is over; `stop`: the agent is stopped."""
    deep_share: Annotated[float, Field(ge=0, le=1)] | None = None
    """The share of all cost that the tier `deep` should have at most; `agentdeck spend` shows whether it has more."""


class Plan(Section):
    """What the gateway needs of one deck's configuration."""

    providers: Providers = Field(default={}, validate_default=True)
    tiers: dict[str, list[str] | Literal["auto"]] = Field(default={})
    gateway: GatewayConfig = GatewayConfig()
    budgets: BudgetsConfig = BudgetsConfig()
