"""An app that holds one pane and nothing else, on a real deck."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from textual.app import App, ComposeResult
from textual.pilot import Pilot as TextualPilot
from textual.widget import Widget

from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.tui.look.look import style_sheets
from agentdeck.tui.panes.base import AgentPane
from tests.support.decks import Bench

Held = TypeVar("Held", bound=AgentPane)
Found = TypeVar("Found")


class PaneApp(App[None], Generic[Held]):
    CSS_PATH = [path for path in style_sheets() if path.name == "panes.tcss"]  # noqa: RUF012 - as Textual declares it

    def __init__(self, pane: Held) -> None:
        super().__init__()
        self.pane = pane

    def compose(self) -> ComposeResult:
        yield self.pane


class Pilot(Generic[Held]):
    """The pane under test, with what tests ask of it."""

    def __init__(self, pilot: TextualPilot[None], pane: Held) -> None:
        self.pilot, self.pane = pilot, pane

    def lines(self) -> list[str]:
        strips = self.pane.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    def text(self) -> str:
        return "\n".join(self.lines())

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, check: Callable[[], Found], timeout: float = 15.0, pause: float = 0.02) -> Found:
        deadline = time.monotonic() + timeout
        while not (found := check()):
            if time.monotonic() > deadline:
                raise AssertionError(f"still {found!r}; the screen:\n{self.text()}")
            await asyncio.sleep(pause)
        return found

    async def sees(self, *texts: str, pause: float = 0.02) -> None:
        await self.until(lambda: all(text in self.text() for text in texts), pause=pause)

    async def open(self, view: AgentView, *texts: str) -> None:
        """Show the agent, wait until all of `texts` is seen, and put the keys into the pane."""
        self.pane.show(view)
        await self.sees(*texts)
        next(each for each in self.pane.walk_children(Widget) if each.focusable and each.display).focus()

    def follow(self, bench: Bench, name: str) -> None:
        """Show the agent as it stands now."""
        self.pane.show(bench.deck().agent(name))


def on_pane(
    kind: Callable[[Deck], Held],
    bench: Bench,
    script: Callable[[Pilot[Held]], Awaitable[None]],
    size: tuple[int, int] = (100, 24),
) -> None:
    """Run `script` over an active pane that shows no agent yet; errors inside of the app fail the test."""
    pane = kind(bench.deck())
    app = PaneApp(pane)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            pane.set_active(True)
            await script(Pilot(pilot, pane))

    asyncio.run(run())


def begin(bench: Bench, name: str, script: str = "exec sleep 1000", task: str = "") -> AgentView:
    return bench.deck().start(StartRequest(name=name, task=task, argv=("sh", "-c", script)))
