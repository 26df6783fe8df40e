"""What the first paint waits for: counted, for no test knows how fast its machine is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

from agentdeck.core.agents.agent import State
from agentdeck.tui.screens.deck import DeckScreen
from tests.support.cli import put_agent
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive

AFTER = {
    "agentdeck.cli.parser",
    "agentdeck.tui.dialogs.dialogs",
    "argparse",
    "hmac",
    "secrets",
    "textual.widgets._label",
    "wcwidth",
}
"""What is loaded when it is wanted."""
OWN = 160
"""Most modules of the program's own that it waits for."""
PAINTED = """
import json, os, sys
from agentdeck import __main__
from agentdeck.cli import main as cli
cli.somebody_answers = cli.is_terminal = lambda: True

def painted(everywhere):
    from agentdeck.tui.app import DeckApp
    from agentdeck.engine.deck import Deck

    class Watched(DeckApp):
        def _display(self, screen, renderable):
            super()._display(screen, renderable)
            if renderable is not None and screen.query("#agents"):
                self.exit()
                print(json.dumps(sorted(sys.modules)), flush=True)
                os._exit(0)

    Watched(Deck.find()).run(headless=True, size=(120, 36))

cli.main([], painted)
"""


def test_it_loads_nothing_that_it_does_not_show(bench: Bench) -> None:
    put_agent(bench.root, "one", state=State.DONE)
    done = subprocess.run([sys.executable, "-c", PAINTED], cwd=bench.root, capture_output=True, text=True, check=True)
    found = set(json.loads(done.stdout.splitlines()[-1]))
    assert "agentdeck.tui.list.table" in found
    assert found & AFTER == set()
    own = [name for name in found if name.startswith("agentdeck")]
    assert 100 < len(own) <= OWN, sorted(own)


@pytest.mark.parametrize(("size", "width"), [((200, 50), 64), ((120, 36), 120)])
def test_it_is_laid_out_as_it_stays(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], width: int
) -> None:
    begin(bench, "fix")
    widths, refresh = [], DeckScreen._compositor_refresh

    def noted(screen: DeckScreen) -> None:
        widths.append(screen.query_one("#list").size.width)
        refresh(screen)

    monkeypatch.setattr(DeckScreen, "_compositor_refresh", noted)

    async def script(on: Driver) -> None:
        await on.sees("fix", "quit")

    drive(bench.deck(), script, size)
    assert set(widths) == {width}


def test_no_part_is_styled_again_and_again_before_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(bench, "fix")
    styled, apply = Counter[str](), Stylesheet.apply
    before: list[Counter[str]] = []
    refresh = DeckScreen._compositor_refresh

    def counted(self: Stylesheet, node: DOMNode, **how: Any) -> None:
        styled[type(node).__name__] += type(node) is not DOMNode  # one that stands for a component class
        apply(self, node, **how)

    def noted(screen: DeckScreen) -> None:
        before.append(styled.copy())
        refresh(screen)

    monkeypatch.setattr(Stylesheet, "apply", counted)
    monkeypatch.setattr(DeckScreen, "_compositor_refresh", noted)

    async def script(on: Driver) -> None:
        await on.sees("fix", "quit")

    drive(bench.deck(), script, (200, 50))
    # When it is mounted, when it gets the keys, and when its frame is bright for that.
    assert before[0]["AgentTable"] <= 3
    assert 30 < before[0].total() <= 50, before[0]
