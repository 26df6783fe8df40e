"""The table `[notify]`: who is told when an agent needs a person."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from agentdeck.core.config.section import Section
from agentdeck.core.notices.quiet import check_span


def check_topic(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/?#]+/[-_A-Za-z0-9]{1,64}", text):
        raise ValueError("it is no address of an ntfy topic, such as https://ntfy.sh/a-long-secret")
    return text


Kind = Literal["waiting", "failed", "limited", "budget", "landed"]


class NotifyConfig(Section):
    """Notices of what agents need, on your phone or wherever you like; only your own file can have this table."""

    urls: list[str] = Field(default=[])
    """Where to, as addresses of Apprise: `ntfy://…`, `tgram://…`, `mailto://…`. Needs the extra `agentdeck[notify]`."""
    urls_env: str = ""
    """A variable with more of them, so that tokens need not lie in a file."""
    command: list[str] = Field(default=[])
    """A program that gets each notice as JSON on standard input, beside or in place of `urls`."""
    kinds: list[Kind] = Field(default=["waiting", "failed", "budget"], alias="for")
    """What is told: that an agent `waiting` asks you or a landing, `failed`, is `limited`, has spent its `budget`, or
    `landed`."""
    settle: Annotated[float, Field(ge=0, le=600)] = 20.0
    """Seconds for which it must last; what begins meanwhile comes with the same notice."""
    quiet: Annotated[str, AfterValidator(check_span)] = ""
    """Hours without notices, such as `22:00-07:00`; what came meanwhile is told with the first one afterwards."""
    urgent: list[Kind] = Field(default=["budget"])
    """What is told in these hours, too."""
    per_hour: Annotated[int, Field(ge=1)] = 20
    """The most notices in an hour; the others wait and come in one."""
    replies: Annotated[str, AfterValidator(check_topic)] = ""
    """A topic of ntfy, such as `https://ntfy.sh/a-long-secret`, to which you can send the number of a choice; the
    notice says how. Who can read your notices can answer too. Empty: nobody answers from outside."""
    detail: Literal["question", "name"] = "question"
    """`name`: no task and no text of a screen leaves the machine."""
