"""The grid: up to nine live screens at once, those that need a person first, each of them answerable."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Grid, Vertical
from textual.content import Content
from textual.reactive import Reactive
from textual.widget import Widget
from textual.widgets import Static

from agentdeck.core.text.text import plain
from agentdeck.engine.deck import Deck
from agentdeck.tui.acts.actions import Actions
from agentdeck.tui.acts.verbs import AgentVerbs
from agentdeck.tui.feed.snapshot import FeedSnapshot, Row
from agentdeck.tui.keys.keys import BACK, BY_ID, CANCEL, HELP, NEXT, OPEN, OPTIONS, QUIT, bound
from agentdeck.tui.list.asks import Asks
from agentdeck.tui.list.frame import BOTTOM, TOP, Frame, FrameLine, Piece
from agentdeck.tui.list.header import COLOURS, KeyBar
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.list.messages import MessageLine
from agentdeck.tui.list.order import Grouping, Order, arrange
from agentdeck.tui.panes.screen import ScreenPane
from agentdeck.tui.screens.listing import Beside

if TYPE_CHECKING:
    from agentdeck.engine.views.terminal import ScreenReader

MOST = 9
_EVERY = 1.0


class CellLine(FrameLine):
    """Who a cell shows, and how that agent stands."""

    row: Row | None = None

    def pieces(self, room: int) -> tuple[Sequence[Piece], Sequence[Piece], Sequence[Piece]]:
        row = self.row
        if row is None:
            return (), (), ()
        state = f"{row.state.glyph} {row.state}"
        return [(plain(row.name), "$foreground bold")], (), [(state, COLOURS[row.state])]


class CellScreen(ScreenPane):
    """One agent's screen; all cells share one connection."""

    def __init__(self, deck: Deck, reader: ScreenReader) -> None:
        super().__init__(deck)
        self._reader = reader

    async def on_unmount(self) -> None:
        self._unwatch()


class Cell(Frame, can_focus=True):
    def __init__(self, deck: Deck, reader: ScreenReader, row: Row) -> None:
        super().__init__()
        self.agent = row.name
        self._screen = CellScreen(deck, reader)
        self._first = row

    def compose(self) -> ComposeResult:
        yield CellLine(TOP)
        self._screen.add_class("frame--sides")
        yield self._screen
        with Vertical(classes="frame--sides asking"):
            yield Asks()
        yield CellLine(BOTTOM, id="bottom")

    def on_mount(self) -> None:
        self.query_one("TerminalView").can_focus = False
        self.show(self._first, others=False)
        self._screen.set_active(True)

    def show(self, row: Row | None, *, others: bool) -> None:
        """`others`: whether another agent needs a person."""
        if row is None or not self.is_mounted:
            return
        line = self.query(CellLine).first(CellLine)
        is_first, old, line.row = line.row is None, line.row or row, row
        if is_first or row.state is not old.state:
            line.refresh()
        if is_first or row.view != old.view:  # whatever is printed reaches it by itself
            self._screen.show(row.view)
        asks = self.query_one(Asks)
        asks.question = row.view.status.question if row.view.alive else None
        asks.more, asks.others = len(row.view.status.questions) - 1, others

    def watch_has_focus(self, has_focus: bool) -> None:
        self.keys_here(has_focus)  # no other rule asks for the focus of a cell


class GridScreen(AgentVerbs, Beside):
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """As any screen has it; but the two cells whose frames change are painted anew, and not all nine."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bound([OPEN, NEXT, *OPTIONS, BACK, QUIT, CANCEL, HELP]),
        *bound(BY_ID[f"agent.{name}"] for name in ("type", "stop", "resume", "land", "yes", "no", "editor", "shell")),
        *bound(BY_ID[f"move.{name}"] for name in ("up", "down")),
    ]

    def __init__(self, deck: Deck, actions: Actions, newest: Callable[[], FeedSnapshot], first: str = "") -> None:
        """`newest` tells how the deck stands now; `first` is the agent that gets the keys, where it has a screen."""
        super().__init__()
        self.deck, self.actions, self._newest, self._first = deck, actions, newest, first
        self._reader: ScreenReader | None = None
        self._names: list[str] = []
        """The agents that have a cell; each keeps its place as long as it has a window."""
        self._heading = Content()

    def compose(self) -> ComposeResult:
        yield Static(id="heading")
        yield Grid(id="cells")
        yield MessageLine(id="messages")
        yield KeyBar(id="keys")

    async def on_mount(self) -> None:
        await self._look()
        self.set_interval(_EVERY, self._look)

    async def on_unmount(self) -> None:
        if self._reader is not None:
            await self._reader.close()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    async def _look(self) -> None:
        """Bring the cells up to date. An agent that has ended leaves its cell to one that has none."""
        shot = self._newest()
        rows = {row.name: row for row in shot.rows if row.view.alive}
        ordered = [row for row in arrange(shot.rows, Order.URGENCY, Grouping.NONE, "") if isinstance(row, Row)]
        waiting = [row.name for row in ordered if row.name in rows and row.name not in self._names]
        names = [name for name in self._names if name in rows]
        names += waiting[: MOST - len(names)]
        if names != self._names:
            self._names = names
            await self._fill(rows)
        needy = {row.name for row in shot.needy} & set(self._names)
        for cell in self.query(Cell):
            cell.show(rows.get(cell.agent), others=bool(needy - {cell.agent}))
        self._head(len(rows))
        self._show_hints()

    async def _fill(self, rows: dict[str, Row]) -> None:
        cells, focused = self.query_one("#cells"), self._focused()
        for cell in self.query(Cell):
            if cell.agent not in self._names:
                await cell.remove()
        known = {cell.agent for cell in self.query(Cell)}
        reader = self._reader = self._reader or self.deck.terminals.screens()
        await cells.mount(*(Cell(self.deck, reader, rows[name]) for name in self._names if name not in known))
        self._lay_out()
        wanted = next((name for name in (focused, self._first) if name in self._names), "")
        for cell in self.query(Cell):
            if cell.agent == (wanted or self._names[0]):
                cell.focus()

    def _lay_out(self) -> None:
        """As many columns as give the cells the shape of a terminal."""
        count = max(1, len(self._names))
        wide = self.size.width >= 3 * self.size.height
        columns = math.ceil(math.sqrt(count)) if wide or count > 4 else math.ceil(count / 2)
        grid = self.query_one("#cells", Grid)
        grid.styles.grid_size_columns = columns
        grid.styles.grid_size_rows = math.ceil(count / columns)

    def _head(self, count: int) -> None:
        more = f"{count} running" if count <= MOST else f"{MOST} of {count} running, those that need you first"
        text = more if count else "no agent is running"
        title = Content.styled(" Grid", "bold")
        where = Content.styled(f"  {plain(self.deck.root.name)}", "$foreground 60%")
        heading = Content("").join([title, where, Content(f"  {text}")])
        if heading != self._heading:
            self._heading = heading
            self.query_one("#heading", Static).update(heading, layout=False)

    def _show_hints(self) -> None:
        keymap, row = self.app._keymap, self.selected_row()
        question = row.view.status.question if row is not None else None
        names = [f"agent.{word}" for word in question.words] if question is not None else []
        names += [OPEN.id, "agent.type", "agent.stop", NEXT.id] if row is not None else []
        names = [CANCEL.id, *names] if self.actions.can_cancel else names
        self.query_one(KeyBar).hints = tuple(hint_of(name, keymap) for name in (*names, BACK.id, HELP.id, QUIT.id))

    # Which cell

    def _focused(self) -> str:
        return next((cell.agent for cell in self.query(Cell) if cell.has_focus), "")

    def selected_row(self) -> Row | None:
        name = self._focused()
        return self._newest().row(name) if name else None

    def marked_rows(self) -> Sequence[Row]:
        return ()

    @on(events.DescendantFocus)
    def _other_cell(self) -> None:
        if self.query("#keys"):
            self._show_hints()

    def action_move(self, by: int) -> None:
        """Go to the next cell, or the one before."""
        self._go_to(lambda cell: True, by)

    def action_next_needy(self) -> None:
        """Go to the next cell whose agent needs a person; to the next one where none does."""
        needy = {row.name for row in self._newest().needy}
        if not self._go_to(lambda cell: cell.agent in needy, 1):
            self.action_move(1)

    def _go_to(self, fits: Callable[[Cell], bool], by: int) -> bool:
        """Focus the next cell in that direction that fits; say whether there is one."""
        cells = list(self.query(Cell))
        at = next((number for number, cell in enumerate(cells) if cell.has_focus), -1 if by > 0 else 0)
        in_turn = (cells[(at + by * step) % len(cells)] for step in range(1, len(cells) + 1))
        found = next(filter(fits, in_turn), None)
        if found is not None:
            found.focus()
        return found is not None

    # Keys

    def action_choose(self, number: int) -> None:
        row = self.selected_row()
        question = row.view.status.question if row is not None else None
        if row is not None and question is not None and question.options and not question.multiple:
            self.action_answer(str(number))
        elif row is not None:
            self.tell(f"{row.name} offers no single choice; {{view.inbox}} shows all questions.", warn=True)

    def action_open(self) -> None:
        self.action_attach()
