"""The tables `[schedule.NAME]`: what is started by the clock."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from agentdeck.core.config.section import Section
from agentdeck.core.schedules.slots import check_cron
from agentdeck.core.text.durations import parse_duration


def _zone(text: str) -> str:
    try:
        if text:
            ZoneInfo(text)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"“{text}” is not a time zone such as “Europe/Berlin”") from error
    return text


def _span(text: str) -> str:
    if text != "no":
        parse_duration(text)
    return text


Span = Annotated[str, AfterValidator(_span)]


class ScheduleConfig(Section):
    """One schedule. Nothing runs before `agentdeck schedule install`."""

    cron: Annotated[str, AfterValidator(check_cron)]
    """Five fields as in a crontab, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`."""
    zone: Annotated[str, AfterValidator(_zone)] = ""
    """Its time zone, such as `Europe/Berlin`; empty: the machine's. A time that a change of the clock leaves out comes
    right after it, and one that comes twice counts once."""
    task: str = ""
    """The task of the agent that is started."""
    file: str = ""
    """In place of a task: a file of tasks, as for `agentdeck run -f`, relative to the repository."""
    agent: str = ""
    """Its profile; empty: the configured one."""
    tier: str = ""
    """Its tier; empty: the configured one."""
    model: str = ""
    """The model its CLI uses; empty: as its profile, its tier or its CLI says."""
    permission: Literal["", "ask", "edit"] = ""
    """What it may do without asking; empty: as configured. `all` is to be said twice, so a schedule can't have it."""
    timeout: Span = "no"
    """How long it may run, such as `2h`; `no`: as configured."""
    headless: bool = True
    """Whether it runs without a screen; else one that asks waits for a person."""
    catch_up: Span = "no"
    """How old a slot may be that was missed, such as `6h`, to run once after all; `no`: it is only told."""
    overlap: Literal["skip", "queue"] = "skip"
    """What happens to a slot while the last run still works."""
    jitter: Span = "no"
    """It starts up to so much later, the same each time, so that not all of them start at once."""

    @model_validator(mode="after")
    def _one_job(self) -> ScheduleConfig:
        if bool(self.task.strip()) == bool(self.file):
            raise ValueError("a schedule has either a task or a file")
        if self.file and (self.agent or self.tier or self.model or self.permission):
            raise ValueError("with a file, its tasks say agent, tier, model and permission")
        return self


Schedules = dict[Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?$")], ScheduleConfig]
