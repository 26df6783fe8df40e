"""What the Deck gives is frozen, and can be written as JSON."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any

import pytest

from agentdeck.engine import views
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.documents import to_json
from agentdeck.engine.views.landings import LandRequest
from agentdeck.engine.views.review import Comment
from tests.support.decks import Bench
from tests.support.finished import finished


def every_value() -> Iterator[type[Any]]:
    for name in ["", *(f".{each.name}" for each in pkgutil.iter_modules(views.__path__))]:
        module = importlib.import_module(f"{views.__name__}{name}")
        for each in vars(module).values():
            if isinstance(each, type) and is_dataclass(each) and each.__module__.startswith("agentdeck.engine"):
                yield each


@pytest.mark.parametrize("kind", sorted(set(every_value()), key=str))
def test_every_value_is_frozen(kind: Any) -> None:
    assert kind.__dataclass_params__.frozen


def test_what_a_host_reads_can_be_written_as_json(bench: Bench) -> None:
    deck = bench.deck()
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    bench.write("new.txt", "new\n", cwd=deck.agent("fix").worktree)
    view = deck.agent("fix")
    deck.review.comment("fix", Comment("fix.txt", 1, "Why?"))
    landed = deck.land(LandRequest(("fix",), commit="Fix it", dry_run=True))
    deck.remove("fix")
    read = {
        "agents": [view],
        "holdings": deck.holdings(view),
        "diff": deck.review.diff(deck.start(StartRequest(name="two", argv=("true",)))),
        "facts": deck.review.facts(deck.agent("two")),
        "radar": deck.radar.look(),
        "marks": deck.radar.marks(deck.agents()),
        "landing": landed,
        "steps": deck.history.steps(),
        "stale": deck.history.stale(),
        "gateway": deck.providers.gateway(),
        "spending": deck.providers.spending("agent"),
        "costs": deck.providers.costs(),
        "choices": deck.choices.for_start(),
        "trust": deck.trust.standing(),
        "ports": deck.ports(),
        "checks": deck.doctor(),
        "events": deck.events("two"),
    }
    written = json.loads(json.dumps(to_json(read)))
    assert (written["agents"][0]["name"], written["agents"][0]["env"]) == ("fix", [])
    assert [step["text"] for step in written["steps"]] == ["removed fix"]
    assert written["choices"]["default"]
    with pytest.raises(TypeError, match="ScreenReader is no value"):
        to_json(deck.terminals.screens())
