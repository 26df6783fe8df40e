"""Agents that have done their work and ended: what a landing is about."""

from __future__ import annotations

import shlex

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import AgentView, StartRequest
from tests.support.decks import Bench
from tests.support.retry import eventually


def finished(
    bench: Bench, name: str, files: dict[str, str], *, commit: bool = True, base: str | None = None
) -> AgentView:
    """An agent that wrote `files` and, with `commit`, committed them."""
    lines = []
    for path, text in files.items():
        folder = path.rpartition("/")[0] or "."
        lines.append(f"mkdir -p {shlex.quote(folder)} && printf %s {shlex.quote(text)} > {shlex.quote(path)}")
    if commit and files:
        lines.append(f"git add -A && git commit -qm {shlex.quote(f'{name}: write')}")
    script = " && ".join(lines) or "true"
    deck = bench.deck()
    deck.start(StartRequest(name=name, task=f"Let {name} write", argv=("sh", "-c", script), base=base))
    view = deck.wait(name)
    assert view.state is State.DONE, view.reason
    eventually(lambda: not deck.agent(name).alive)  # its runner outlives its state by a moment
    return view
