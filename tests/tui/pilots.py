"""Drive the dashboard on a real deck, without a terminal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from textual.pilot import Pilot
from textual.screen import Screen

from agentdeck.core.agents.agent import State
from agentdeck.core.text.text import columns
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.tui.app import DeckApp
from agentdeck.tui.screens.deck import DeckScreen
from tests.support.decks import Bench
from tests.support.retry import eventually

Script = Callable[["Driver"], Awaitable[None]]
Found = TypeVar("Found")


class Driver:
    """The app under test, with what tests ask of it."""

    def __init__(self, pilot: Pilot[None], app: DeckApp) -> None:
        self.pilot, self.app = pilot, app

    @property
    def screen(self) -> DeckScreen:
        return self.app.deck_screen

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def click(self, text: str) -> None:
        """Click on the last place of the screen that shows the text."""
        lines = self.text().splitlines()
        y = max(at for at, line in enumerate(lines) if text in line)
        await self.pilot.click(offset=(columns(lines[y][: lines[y].index(text)]), y))

    async def until(self, check: Callable[[], Found], timeout: float = 15.0) -> Found:
        """As `eventually`, with the app going on meanwhile."""
        deadline = time.monotonic() + timeout
        while not (found := check()):
            if time.monotonic() > deadline:
                raise AssertionError(f"still {found!r}; the screen:\n{self.text()}")
            await self.pilot.pause(0.02)
        return found

    async def sees(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.text() for text in texts))

    async def state(self, name: str, state: State) -> None:
        """Wait until the dashboard itself knows that the agent stands so."""

        def stands() -> bool:
            row = self.screen.snapshot.row(name)
            return row is not None and row.state is state

        await self.until(stands)

    def text(self) -> str:
        """What is on the screen, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    def shows(self, kind: type[Screen[Any]]) -> None:
        """Fail unless a screen of that kind is on top."""
        assert isinstance(self.app.screen, kind), self.app.screen

    def notices(self) -> str:
        return "\n".join(notice.text for notice in self.app.notices)


def drive(deck: Deck, script: Script, size: tuple[int, int] = (120, 36)) -> DeckApp:
    """Run `script` over the dashboard of `deck`; errors inside of the app fail the test."""
    app = DeckApp(deck)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await script(Driver(pilot, app))

    try:
        asyncio.run(run())
    finally:
        app.actions.finish()
    return app


def begin(bench: Bench, name: str, script: str = "exec sleep 1000", **fields: object) -> AgentView:
    return bench.deck().start(StartRequest(name=name, argv=("sh", "-c", script), **fields))  # type: ignore[arg-type]


def stands(bench: Bench, name: str, state: State) -> None:
    """Wait until the agent stands so in the store."""
    eventually(lambda: bench.deck().agent(name).state is state)
