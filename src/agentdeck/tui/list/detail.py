"""What can be seen of the selected agent: a tab bar and, below, one pane a tab, made when it is first looked at."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Protocol, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from agentdeck.core.question import Question
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.tui.list.asks import Asks, AsksLine
from agentdeck.tui.list.companion import Companion
from agentdeck.tui.list.frame import Frame
from agentdeck.tui.list.tabs import TabBar, TabKeys

TABS = {
    "Screen": "agentdeck.tui.panes.screen:ScreenPane",
    "Log": "agentdeck.tui.panes.log:LogPane",
    "Diff": "agentdeck.tui.panes.diff:DiffPane",
    "Commits": "agentdeck.tui.panes.commits:CommitsPane",
    "Env": "agentdeck.tui.panes.env:EnvPane",
    "Usage": "agentdeck.tui.panes.usage:UsagePane",
    "Events": "agentdeck.tui.panes.events:EventsPane",
}
"""Where each tab's pane comes from. Together they take longer to import than the first paint may."""


class Pane(Protocol):
    """A widget that shows one side of an agent. Neither call waits for anything."""

    def show(self, view: AgentView | None) -> None: ...

    def set_active(self, active: bool) -> None: ...


class Detail(Frame):
    """Shows one agent in one tab. Only the pane that is seen is told that it is active."""

    def __init__(self, deck: Deck, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._deck = deck
        self._view: AgentView | None = None
        self._panes: dict[str, Widget] = {}
        self._is_large = False
        self.active = "Screen"

    def compose(self) -> ComposeResult:
        yield TabBar(list(TABS), id="tabs")
        yield ContentSwitcher(id="panes", classes="frame--sides")
        yield Companion(self._deck, id="companion")
        with Vertical(id="asking"):
            yield AsksLine()
            yield Asks(id="asks", classes="frame--sides")
        yield TabKeys(id="tab-keys")

    def on_mount(self) -> None:
        self.query_one("#asking").display = False
        self._name_tab()

    def show(self, view: AgentView | None) -> None:
        """Show this agent, or that there is none."""
        if view == self._view:
            return
        self._view = view
        if view is not None and not self._panes:
            self.call_later(self.open_tab, self.active)
        self._name_agent(view)
        self._accompany()
        for tab, pane in self._panes.items():
            if tab == self.active:
                cast(Pane, pane).show(view)

    async def open_tab(self, tab: str) -> None:
        """Show this tab; before there was any agent it is only remembered, for a pane needs a deck that was used."""
        if self._view is None and not self._panes:
            self.active = tab
            self._name_tab()
            return
        if tab in self._panes and self.active == tab:
            return
        if self._panes:
            cast(Pane, self._panes[self.active]).set_active(False)
        self.active = tab
        switcher = self.query_one(ContentSwitcher)
        if tab not in self._panes:
            self._panes[tab] = pane = _make(tab, self._deck)
            pane.id = f"pane-{tab.lower()}"
            await switcher.mount(pane)
        switcher.current = f"pane-{tab.lower()}"
        self._name_tab()
        shown = cast(Pane, self._panes[tab])
        # A pane that was not seen was not told of what happened meanwhile.
        shown.show(self._view)
        shown.set_active(True)

    def grow(self, *, large: bool) -> None:
        """Whether there is room for the changes below what is looked at."""
        self._is_large = large
        self._accompany()

    def _accompany(self) -> None:
        self.query_one(Companion).accompany(self._view, wanted=self._is_large and self.active != "Diff")

    def ask(self, question: Question | None, more: int, *, others: bool) -> None:
        """Show what the agent asks, and whether another one needs a person; None takes it away."""
        asks = self.query_one(Asks)
        asks.question, asks.more, asks.others = question, more, others

    def count(self, counts: Mapping[str, str]) -> None:
        """Show numbers beside the words of tabs."""
        self.query_one(TabBar).counts = counts
        self.query_one(Companion).expect(changes="Diff" in counts)

    def _name_agent(self, view: AgentView | None) -> None:
        bar = self.query_one(TabBar)
        bar.agent = view.name if view else ""
        bar.model = " ".join(filter(None, (view.profile, view.model.removeprefix(f"{view.profile}-")))) if view else ""
        bar.state = (("live", "$text-success") if view.alive else ("ended", "$foreground 60%")) if view else ("", "")

    def _name_tab(self) -> None:
        self.query_one(TabBar).active = self.active
        self._accompany()
        pane = self._panes.get(self.active)
        self.query_one(TabKeys).keys = getattr(pane, "KEYS", ())

    def keys_here(self, here: bool) -> None:
        super().keys_here(here)
        self.query_one(TabKeys).here = here

    def focus_pane(self) -> None:
        """Put the keys into the pane that is seen, or into the first thing in it that takes them."""
        pane = self._panes.get(self.active)
        if pane is None:
            return
        shown = (each for each in pane.walk_children(Widget, with_self=True) if each.display)
        target = next((each for each in shown if each.focusable), None)
        if target is not None:
            target.focus()

    def has_keys(self) -> bool:
        """Whether the keys are in one of the panes."""
        return self.has_focus_within

    @on(TabBar.Chosen)
    async def _chosen(self, event: TabBar.Chosen) -> None:
        event.stop()
        await self.open_tab(event.tab)


def _make(tab: str, deck: Deck) -> Widget:
    module, _, name = TABS[tab].partition(":")
    made = getattr(importlib.import_module(module), name)(deck)
    assert isinstance(made, Widget)
    return made
