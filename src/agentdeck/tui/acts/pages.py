"""The pages that the command palette opens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

from agentdeck.core.text.text import cut
from agentdeck.engine.deck import Deck

_DAY = 24 * 3600.0
COMMANDS = """\
agentdeck bench suite.toml --tiers routine,trial   measure tiers on tasks with hidden checks
agentdeck pr --watch                               follow pull requests until all are merged or closed
agentdeck schedule install                         let the schedules of this repository run
agentdeck notify --test                            send a test notice to every address
agentdeck mcp                                      serve this deck's tools to an MCP client
agentdeck skill install                            teach Claude Code and Codex when to use AgentDeck
agentdeck lint AGENTS.md                           advice on what every agent is told
agentdeck audit --inventory                        the models in use, as YAML"""


def pages(deck: Deck, selected: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """What each is called, and its text; `selected` is the agent that is selected, or empty."""
    if selected:
        yield f"Brief of {selected}", lambda: "\n".join(deck.reports.brief(selected).lines())
    yield "Digest of the last day", lambda: "\n".join(deck.reports.digest(time.time() - _DAY).lines())
    yield "Record of landings", partial(deck.audit.csv, 0.0)
    yield "Pull requests", lambda: pull_requests(deck)
    yield "More commands", lambda: COMMANDS
    yield "Show the schedules", lambda: schedules(deck)


def pull_requests(deck: Deck) -> str:
    found = [f"{name}  {pull.short}  {pull.url}" for name, pull in deck.pulls.known().items()]
    return "\n".join(found) or "No agent has a pull request."


def schedules(deck: Deck) -> str:
    lines = []
    for each in deck.schedules.all():
        following = ", ".join(f"{slot:%a %d %b %H:%M}" for slot in each.following)
        lines += [
            f"{each.name}  {each.cron}  {cut(each.what, 60)}",
            f"  next: {following}",
            f"  last: {each.last or '–'}",
        ]
    if not lines:
        return "This repository has no schedules: see [schedule.NAME] in docs/configuration.md."
    installed = "They run." if deck.schedules.is_installed else "They don't run yet: agentdeck schedule install"
    return "\n".join([*lines, "", installed])
