"""What all panes have in common: an agent to show, a thread to ask in, a line to say something in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.css.query import NoMatches
from textual.reactive import reactive
from textual.widget import Widget

from agentdeck.core.text.text import plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.tui.keys.keymap import with_keys
from agentdeck.tui.look.telling import sentence
from agentdeck.tui.panes.watching import SOON, AgentWatch

NO_AGENT = "No agent is selected."


class Line(Widget):
    """One line of text that says how things stand; takes no room while it is empty."""

    text = reactive("", layout=True)

    def render(self) -> Content:
        return Content(with_keys(self.text, self.app._keymap))

    def watch_text(self, text: str) -> None:
        self.display = bool(text)

    def on_mount(self) -> None:
        self.display = bool(self.text)


class AgentPane(Vertical):
    """One side of one agent. While it is seen, `find` is called in a thread whenever something may have moved, at most
    once at a time, and `found` gets what it returned, unless another agent is selected by then.
    """

    WATCHES = False
    """Whether everything the agent prints is a reason to look again; else a new status is, and being seen again."""

    WITHIN = SOON
    """Seconds in which that is noticed; each wakes the processor now and then."""

    KEYS: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Ids of keys that work in it, or keys as they are written, and a word or two for each."""

    def __init__(self, deck: Deck, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.deck = deck
        self.view: AgentView | None = None
        self.active = False
        self._asks = self._again = False
        self._watch: AgentWatch | None = None

    async def carry_out(self, work: Callable[[], str | None]) -> None:
        """Call `work` in a thread; what it returns, or raises, is told to the person who asked for it."""
        try:
            told = await asyncio.to_thread(work)
        except Exception as error:  # noqa: BLE001 - told to the person who asked for it
            self.app.notify(sentence(error), severity="error", markup=False)
        else:
            if told:
                self.app.notify(plain(told), markup=False)

    def compose(self) -> ComposeResult:
        yield from self.parts()
        yield Line(classes="pane--line")

    def parts(self) -> ComposeResult:
        """The widgets over the line."""
        yield from ()

    def say(self, text: str) -> None:
        """Show one sentence in the line below; an empty one takes it away."""
        if self.is_mounted:
            with suppress(NoMatches):
                self.query_one(Line).text = text

    def on_descendant_focus(self) -> None:
        # A rule with :focus-within on the pane does not reach its children at once.
        self.set_class(True, "-keys-here")

    def on_descendant_blur(self) -> None:
        self.set_class(self.has_focus_within, "-keys-here")

    # What the dashboard calls

    def show(self, view: AgentView | None) -> None:
        old, self.view = self.view, view
        if (old.name if old else None) != (view.name if view else None) or old is None:
            self._unwatch()
            self.changed_agent()
        self._attend()

    def set_active(self, active: bool) -> None:
        self.active = active
        self._attend()

    def on_mount(self) -> None:
        self.changed_agent()
        self._attend()

    async def on_unmount(self) -> None:
        self._unwatch()

    def _attend(self) -> None:
        if not self.is_mounted:
            return
        if not self.active or self.view is None:
            self._unwatch()
            if self.view is None:
                self.say(NO_AGENT)
            return
        if self.WATCHES and self._watch is None:
            loop = asyncio.get_running_loop()
            self._watch = AgentWatch(self.deck, self.view.name, lambda: _tell(loop, self.look), self.WITHIN)
        self.look()

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    # What panes fill in

    def changed_agent(self) -> None:
        """Forget what is shown: it is of another agent."""

    def find(self, view: AgentView) -> Any:
        """Called in a thread."""

    def found(self, view: AgentView, facts: Any) -> None:
        """Show what `find` returned."""

    def failed(self, view: AgentView, error: Exception) -> None:
        self.say(sentence(error))

    # Asking

    def look(self) -> None:
        """Look again, now or as soon as the look that is under way is over."""
        if not self.active or self.view is None or not self.is_attached:
            return
        if self._asks:
            self._again = True
            return
        self._asks = True
        # As a function: a coroutine that is made while the dashboard goes down would never be awaited.
        self.run_worker(self._ask, group="look", exit_on_error=True)  # type: ignore[arg-type]

    async def _ask(self) -> None:
        try:
            self._again = True
            while self._again and self.active and (view := self.view) is not None:
                self._again = False
                await self._ask_once(view)
        finally:
            self._asks = False

    async def _ask_once(self, view: AgentView) -> None:
        with suppress(NoMatches):  # a part of the pane is gone: the dashboard is going down
            facts, problem = None, None
            try:
                facts = await self.inquire(view)
            except NoMatches:
                raise
            except Exception as error:  # noqa: BLE001 - whatever an agent's files have become, the dashboard lives on
                problem = error
            if self.view is None or self.view.name != view.name:
                self._again = True
            elif not self.is_attached:
                return
            elif problem is not None:
                self.failed(view, problem)
            else:
                self.found(view, facts)

    async def inquire(self, view: AgentView) -> Any:
        return await asyncio.to_thread(self.find, view)


def _tell(loop: asyncio.AbstractEventLoop, call: Any) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
