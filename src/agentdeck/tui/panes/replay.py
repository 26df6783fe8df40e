"""Plays an agent's recording, as its terminal showed it, faster where one likes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from agentdeck.engine.deck import Deck
from agentdeck.engine.views.terminal import STAGE_WINDOW, Recording, ReplayStage, ScreenReader
from agentdeck.errors import DeckError
from agentdeck.tui.look.telling import sentence
from agentdeck.tui.panes.screen import TerminalView

SPEEDS = (1, 2, 4, 8)
_TICK = 0.06


class Player:
    """One recording that is being played into a view; `tell` gets a sentence whenever there is something new to say."""

    def __init__(self, deck: Deck, name: str, view: TerminalView, tell: Callable[[str], None]) -> None:
        self._deck, self._name, self._view, self._tell = deck, name, view, tell
        self.position = 0.0
        self.speed = 1
        self.paused = False
        self.seconds = 0.0
        self._fed = -1.0
        self._over = asyncio.Event()

    async def play(self) -> None:
        """Until it is told to stop; errors are told, not raised."""
        recording: Recording | None = None
        stage: ReplayStage | None = None
        reader: ScreenReader | None = None
        try:
            self._tell("Opening the recording …")
            recording = await asyncio.to_thread(self._deck.terminals.recording, self._name)
            self.seconds = recording.seconds
            stage = await asyncio.to_thread(self._deck.terminals.stage, recording)
            reader = self._deck.terminals.stage_screens(stage)
            await self._go_on(recording, stage, reader)
        except (DeckError, OSError) as error:
            self._tell(f"{sentence(error)} esc returns to the log.")
        finally:
            if reader is not None:
                await reader.close()
            if stage is not None:
                with suppress(DeckError, OSError):
                    await asyncio.to_thread(stage.close)
            if recording is not None:
                recording.close()

    async def _go_on(self, recording: Recording, stage: ReplayStage, reader: ScreenReader) -> None:
        last = time.monotonic()
        while not self._over.is_set():
            now = time.monotonic()
            if not self.paused:
                self.position = min(self.seconds, self.position + (now - last) * self.speed)
            last = now
            if self.position != self._fed:
                await asyncio.to_thread(self._feed, recording, stage)
            # What was fed just now may not be on its screen yet, so it is looked at all the time.
            capture = await reader.capture(STAGE_WINDOW)
            if self._over.is_set():
                return
            if capture is not None:
                self._view.show_capture(capture)
            self._tell(self.state())
            await asyncio.sleep(_TICK)

    def _feed(self, recording: Recording, stage: ReplayStage) -> None:
        target = self.position
        if target < self._fed or self._fed < 0:
            stage.clear()
            stage.resize(recording.size)
            self._fed = -1.0
        for kind, text in recording.between(self._fed, target):
            if kind == "o":
                stage.feed(text)
            elif kind == "r" and (size := _size(text)) is not None:
                stage.resize(size)
        self._fed = target

    def state(self) -> str:
        """How it stands, in a line."""
        at_end = self.position >= self.seconds
        word = "■ at its end" if at_end else "‖ paused" if self.paused else f"▶ {self.speed}x"
        share = self.position / self.seconds if self.seconds else 1.0
        bar = "━" * round(20 * share) + "─" * (20 - round(20 * share))
        return f"{word:<12}  {_clock(self.position)} {bar} {_clock(self.seconds)}"

    def toggle(self) -> None:
        """Pause it, or go on; at its end, begin again."""
        if self.position >= self.seconds:
            self.position, self.paused = 0.0, False
        else:
            self.paused = not self.paused

    def faster(self, by: int) -> None:
        at = SPEEDS.index(self.speed) + by
        self.speed = SPEEDS[max(0, min(len(SPEEDS) - 1, at))]

    def skip(self, seconds: float) -> None:
        self.position = max(0.0, min(self.seconds, self.position + seconds))

    def stop(self) -> None:
        self._over.set()


def _size(text: str) -> tuple[int, int] | None:
    columns, _, lines = text.partition("x")
    return (int(columns), int(lines)) if columns.isdigit() and lines.isdigit() else None


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
