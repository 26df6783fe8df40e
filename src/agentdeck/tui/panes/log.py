"""What the agent printed, line by line with its times: followed, searched, filtered."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import ClassVar

from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import BindingType

from agentdeck.core.text.text import cut, plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.terminal import MOST_LINES, LogChange, LogTail
from agentdeck.tui.keys.keys import BACK, FIND, IN_TABS, LOG, STEP, bound
from agentdeck.tui.panes.base import AgentPane
from agentdeck.tui.panes.loglines import LogView
from agentdeck.tui.panes.prompt import Prompt
from agentdeck.tui.panes.replay import Player
from agentdeck.tui.panes.screen import TerminalView

_PACE = 0.08
"""Seconds between two looks at a log that grows."""
_NEAR = 3
"""Rows from the beginning of what is held at which what is before it is read."""

Wish = Callable[[LogTail], LogChange]


class LogPane(AgentPane):
    """While it is not seen, nothing is read."""

    WATCHES = True
    KEYS: ClassVar = (
        ("look.filter", "search"),
        ("step.before step.next", "match"),
        ("log.filter", "only"),
        ("log.replay", "replay"),
        ("log.slower log.faster", "speed"),
        ("move.last", "follow"),
        ("look.wrap", "wrap"),
        ("move.first", "older"),
        ("program.back", "back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bound((FIND, *STEP, *IN_TABS[LOG], BACK))]

    def __init__(self, deck: Deck, *, id: str | None = None) -> None:
        super().__init__(deck, id=id)
        self._tail: LogTail | None = None
        self._path = ""
        self._reopens = True
        self._next_at = 0.0
        self._wish: Wish | None = None
        self._is_first = self._is_last = True
        self._searched = self._filtered = ""
        self._player: Player | None = None
        self._seeks = 0
        """The direction in which a match is sought that is not among the lines held; 0: none is."""

    def parts(self) -> ComposeResult:
        yield LogView()
        yield TerminalView()
        yield Prompt()

    @property
    def lines(self) -> LogView:
        return self.query_one(LogView)

    def on_mount(self) -> None:
        self.query_one(TerminalView).display = False
        super().on_mount()
        self.watch(self.lines, "scroll_y", self._scrolled, init=False)
        self.watch(self.lines, "follows", self._follows_changed, init=False)

    def changed_agent(self) -> None:
        self._reopens, self._wish, self._seeks = True, None, 0
        if self.is_mounted:
            self._end_replay()
            self.query_one(Prompt).cancel()
            self.lines.clear()
            self.say("")

    # Reading

    async def inquire(self, view: AgentView) -> LogChange:
        if self._wish is None:
            await asyncio.sleep(max(0.0, self._next_at - time.monotonic()))
        self._next_at = time.monotonic() + _PACE
        wish, self._wish = self._wish, None
        reopens, self._reopens = self._reopens, False
        return await asyncio.to_thread(self._read, view, wish, self.lines.follows, reopens)

    def _read(self, view: AgentView, wish: Wish | None, follows: bool, reopens: bool) -> LogChange:
        path = str(view.log or "")
        if reopens or path != self._path:
            if self._tail is not None:
                self._tail.close()
            self._tail, self._path = self.deck.terminals.log(view), path
        if self._tail is None:
            return LogChange(fresh=True, is_first=True)
        return wish(self._tail) if wish is not None else self._tail.newer(may_drop=follows)

    def found(self, view: AgentView, facts: LogChange) -> None:
        if self._reopens:
            self.look()
            return
        self._is_first, self._is_last = facts.is_first, facts.is_last
        self.lines.holds_end = facts.is_last
        self.lines.apply(facts)
        if self._seeks and (facts.before or facts.is_first):
            self._seek()
        elif not facts.dropped_after:
            self._fill()
        self._tell(view)

    def _fill(self) -> None:
        """Where few lines match, those that were not read yet may fill the screen."""
        has_room = self.lines.count < self.lines.size.height and len(self.lines.lines) < MOST_LINES // 2
        if has_room and self.lines.lines:
            self._older()

    def _older(self) -> None:
        if not self._is_first and self._wish is None:
            self._wish = LogTail.older
            self.look()

    def _scrolled(self, row: float) -> None:
        if self._seeks:
            return
        if row <= _NEAR and not self.lines.follows:
            self._older()
        elif not self._is_last and row >= self.lines.max_scroll_y - _NEAR and self._wish is None:
            self._wish = LogTail.newer
            self.look()

    def _follows_changed(self, follows: bool) -> None:
        if follows:
            self._seeks = 0
        if follows and not self._is_last:
            self._wish = LogTail.end
            self.look()
        elif self.view is not None:
            self._tell(self.view)

    # Telling

    def _tell(self, view: AgentView) -> None:
        if self._player is None:
            self.say("  ·  ".join(filter(None, (self._state(view), self._search_state(), self._filter_state()))))

    def _state(self, view: AgentView) -> str:
        if not self.lines.lines:
            return (
                f"{view.name} has nothing in its log yet; {{tab.screen}} shows its screen."
                if view.log
                else f"{view.name} never ran, so it has no log."
            )
        if self.lines.follows:
            return "" if view.alive else f"{view.name} has ended ({view.state})."
        if not self._is_last:
            return "▼ more below; press {move.last}"
        if not self.lines.unseen:
            return "▼ not following; press {move.last} to follow"
        return f"▼ {self.lines.unseen:,} new line{'s' if self.lines.unseen > 1 else ''} below; press {{move.last}}"

    def _search_state(self) -> str:
        if not self._searched:
            return ""
        at, count = self.lines.hits
        shown = f"“{cut(plain(self._searched), 24)}”"
        if self._seeks:
            return f"{shown}: searching further up …"
        where = "" if self._is_first else " here; {step.before} searches further up"
        return f"{shown}: {at} of {count:,}{where}" if count else f"{shown}: no match{where}"

    def _filter_state(self) -> str:
        if not self._filtered:
            return ""
        held = len(self.lines.lines)
        last = "" if self._is_first else " last"
        return f"only “{cut(plain(self._filtered), 24)}”: {self.lines.count:,} of the{last} {held:,} lines"

    # Keys

    def action_find(self) -> None:
        def answer(text: str | None) -> None:
            self.lines.focus()
            if text is not None:
                self._search(text)

        hint = "search for; empty ends the search"
        self.query_one(Prompt).ask("search:", answer, value=self._searched, hint=hint, changed=self._search)

    def _search(self, text: str | None) -> None:
        self._searched, self._seeks = text or "", 0
        self.lines.search(_pattern(self._searched))
        self._retell()

    def action_step(self, by: int) -> None:
        if not self._searched:
            self.action_find()
        elif not self.lines.step(by) and by < 0 and not self._is_first:
            self._seeks = -1
            self.lines.action_scroll_home()
            self._older()
        self._retell()

    def _seek(self) -> None:
        """Older lines came: is what was sought among them?"""
        if self.lines.step(self._seeks) or self._is_first:
            self._seeks = 0
        else:
            self._older()

    def action_filter(self) -> None:
        def answer(text: str | None) -> None:
            self.lines.focus()
            if text is not None:
                self._set_filter(text)

        hint = "filter lines; empty shows all"
        self.query_one(Prompt).ask("only:", answer, value=self._filtered, hint=hint, changed=self._set_filter)

    def _set_filter(self, text: str | None) -> None:
        self._filtered = text or ""
        self.lines.filter(_pattern(self._filtered))
        self._retell()
        self._fill()

    def _retell(self) -> None:
        if self.view is not None:
            self._tell(self.view)

    # The recording

    def set_active(self, active: bool) -> None:
        if not active:
            self._end_replay()
        super().set_active(active)

    def action_replay(self) -> None:
        if self.view is None:
            return
        if self._player is not None:
            self._player.toggle()
            return
        view = self.query_one(TerminalView)
        view.show_text([])
        view.follows = True
        view.display = True
        view.focus()
        self.lines.display = False
        self._player = Player(self.deck, self.view.name, view, self.say)
        self.run_worker(self._player.play(), group="replay")

    def _end_replay(self) -> None:
        if self._player is None:
            return
        self._player.stop()
        self._player = None
        view = self.query_one(TerminalView)
        self.lines.display = True
        if view.has_focus:
            self.lines.focus()
        view.display = False
        self._retell()

    async def on_unmount(self) -> None:
        if self._player is not None:
            self._player.stop()
        await super().on_unmount()

    def action_back(self) -> None:
        if self._player is None:
            raise SkipAction
        self._end_replay()

    def action_speed(self, by: int) -> None:
        if self._player is None:
            raise SkipAction
        self._player.faster(by)

    def action_skip(self, seconds: int) -> None:
        if self._player is None:
            raise SkipAction
        self._player.skip(seconds)

    def action_wrap(self) -> None:
        self.lines.wrap(not self.lines.wraps)


def _pattern(text: str) -> re.Pattern[bytes] | None:
    """The text itself, in any case unless it has capitals."""
    if not text:
        return None
    return re.compile(re.escape(text.encode("utf-8", "replace")), 0 if text != text.lower() else re.IGNORECASE)
