"""The one screen that one works in: header, list of agents, the selected one below or beside, keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.css.query import NoMatches
from textual.geometry import Size
from textual.widgets import Input

from agentdeck.core.agents.agent import State
from agentdeck.core.text.text import plain
from agentdeck.tui.acts.actions import ActionFollower, Actions
from agentdeck.tui.feed.snapshot import FeedSnapshot, Row
from agentdeck.tui.keys.keys import KEYS, bound
from agentdeck.tui.list.cards import LINES
from agentdeck.tui.list.detail import TABS, Detail
from agentdeck.tui.list.foot import ListFoot
from agentdeck.tui.list.frame import Frame
from agentdeck.tui.list.header import DeckHeader, KeyBar, ListHead, Problems
from agentdeck.tui.list.hints import FILTERING, hints_for, show_activity
from agentdeck.tui.list.messages import MessageLine
from agentdeck.tui.list.order import Grouping, Only, Order, arrange
from agentdeck.tui.list.overview import Overview
from agentdeck.tui.list.table import AgentTable
from agentdeck.tui.list.welcome import Welcome
from agentdeck.tui.screens.deckverbs import DeckVerbs
from agentdeck.tui.screens.views import ViewVerbs

if TYPE_CHECKING:
    from agentdeck.core.merging.radar import RadarReport
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views import AgentView

_BESIDE = 160
"""From so many columns on, the selected agent stands beside the list and not below it."""


_HIGH = 40
"""From so many rows on, its changes stand below its screen then."""
_OVERVIEW = 14
"""Lines that the overview below the cards gets at most."""
_SHARE = 0.45
"""The part of the rows that the list gets at most where it stands above."""


class DeckScreen(ActionFollower, DeckVerbs, ViewVerbs):
    """Shows snapshots; asks nobody for anything that takes time."""

    BINDINGS: ClassVar[list[BindingType]] = [each for keys in KEYS.values() for each in bound(keys)]

    def __init__(self, deck: Deck, actions: Actions, first: FeedSnapshot) -> None:
        super().__init__()
        self.deck, self.actions = deck, actions
        self.snapshot = first
        self.order, self.grouping, self.filter = Order.URGENCY, Grouping.NONE, ""
        self.only: Only | None = None
        """The states that are shown; None: all."""
        self._was_seen = False
        self._box: Input | None = None
        """The filter's, once one was wanted."""
        self._wanted = ""
        """The agent to select as soon as it is there: one that was started just now, unless the person filters."""

    def compose(self) -> ComposeResult:
        # Known before the first layout, so that nothing is laid out twice before it is seen.
        self.set_class(self._is_beside(self.app.size), "-beside", update=False)
        yield DeckHeader(self.deck.root.name, id="top")
        yield Problems(id="problems")
        with Container(id="body"):
            with Frame(id="list"):
                yield ListHead(self.deck.root.name, id="header")
                with Vertical(id="rows", classes="frame--sides"):
                    yield AgentTable(id="agents")
                yield Overview(self.deck, id="overview")
                yield ListFoot(id="foot")
            yield Detail(self.deck, id="detail")
        yield MessageLine(id="messages")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self.query_one(Problems).display = False
        self.query_one(AgentTable).focus()
        self._use_room(self.app.size)
        self.show(self.snapshot)
        self.set_interval(1.0, self._tick)

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        event.refresh_styles, self._was_seen = self._was_seen, True  # each part was styled as it was mounted

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(self._is_beside(event.size), "-beside")
        self._use_room(event.size)
        self.call_after_refresh(self._fit_list)

    @staticmethod
    def _is_beside(size: Size) -> bool:
        return size.width >= _BESIDE

    def _use_room(self, size: Size) -> None:
        beside = self._is_beside(size)
        self.query_one(AgentTable).use_cards(beside)
        self.query_one(Detail).grow(large=beside and size.height >= _HIGH)

    # What is shown

    def show(self, shot: FeedSnapshot) -> None:
        """Show this snapshot; parts that are the same as before are not touched."""
        old, self.snapshot = self.snapshot, shot
        try:
            headers = [self.query_one(f"#{id}", DeckHeader) for id in ("top", "header")]
            self.query_one("#keys")
        except NoMatches:  # not composed yet, or not any more
            return
        for header in headers:
            header.snapshot = shot
        self.query_one(Problems).lines = shot.problems
        is_empty = not shot.rows
        self.set_class(is_empty, "-empty")
        if is_empty and not self.query("#welcome"):
            self.query_one("#rows").mount(Container(Welcome(self.deck.root.name), id="welcome"))
        if shot is old or shot.rows != old.rows:  # else only the header's facts have changed
            self._arrange()
        if self._wanted and shot.row(self._wanted):
            self._go_to(self._wanted)
            self._wanted = ""
        self._show_selected()

    @property
    def _filters(self) -> bool:
        """Whether a person types a filter."""
        return self._box is not None and self._box.display and self._box.has_focus

    @property
    def _box_lines(self) -> int:
        return int(self._box is not None and self._box.display)

    def _arrange(self) -> None:
        lines = arrange(self.snapshot.rows, self.order, self.grouping, self.filter, self.only)
        self.query_one(AgentTable).show(lines, self.order)
        self._fit_list()

    def _fit_list(self) -> None:
        """Below the list stands what is read: the list has the lines that its agents need, and not half of all."""
        frame, table = self.query_one("#list"), self.query_one(AgentTable)
        wanted = table.virtual_size.height + self._box_lines + 2
        room = self.query_one("#body").size.height or self.app.size.height - 2 - self.has_class("-beside")
        self._show_overview(room)
        if self.has_class("-beside") or self.has_class("-empty"):
            frame.styles.height = "1fr"
            return
        frame.styles.height = max(4 + self._box_lines, min(wanted, round(_SHARE * room)))

    def _show_overview(self, room: int) -> None:
        """Below the cards, where whole ones leave lines free."""
        table = self.query_one(AgentTable)
        beside = self.has_class("-beside") and not self.has_class("-empty")
        taken = LINES * len(table.rows) + len(table.lines) - len(table.rows) + self._box_lines + 2
        views = [row.view for row in table.rows] if beside else []
        self.query_one(Overview).show(views, self.snapshot.radar, min(_OVERVIEW, room - taken) if beside else 0)

    def _show_selected(self) -> None:
        row = self.selected_row()
        detail = self.query_one(Detail)
        detail.show(row.view if row else None)
        needy = self.snapshot.needy
        asking = [each for each in needy if each.state is State.WAITING]
        others = any(each is not row for each in asking)
        detail.ask(row.question if row else None, _more_questions(row), others=others)
        detail.count(_counts_of(row))
        self._foot()
        if self._filters:
            self.query_one(KeyBar).hints = FILTERING
            return
        marked = len(self.query_one(AgentTable).marked)
        keymap = self.app._keymap  # Textual has no other way to ask for it
        self.query_one(KeyBar).hints = hints_for(
            row,
            tab=detail.active if detail.has_keys() else "",
            marked=marked,
            asks=bool(asking),
            needy=any(each is not row for each in needy),
            can_cancel=self.actions.can_cancel,
            keymap=keymap,
        )

    def _foot(self) -> None:
        table, foot = self.query_one(AgentTable), self.query_one(ListFoot)
        foot.shown, foot.all, foot.marked = len(table.rows), len(self.snapshot.rows), len(table.marked)
        foot.order, foot.grouping = str(self.order), str(self.grouping)
        foot.narrowed = " ".join(filter(None, (str(self.only or ""), f"“{self.filter}”" if self.filter else "")))

    def _tick(self) -> None:
        if self.app.screen is self:
            self.query_one(AgentTable).tick()

    def selected_row(self) -> Row | None:
        name = self.query_one(AgentTable).selected
        return self.snapshot.row(name) if name else None

    def marked_rows(self) -> Sequence[Row]:
        marked = self.query_one(AgentTable).marked
        return [row for row in self.snapshot.rows if row.name in marked]

    @on(AgentTable.Selected)
    @on(AgentTable.Marked)
    def _selected(self) -> None:
        self._show_selected()

    @on(AgentTable.Opened)
    def _opened(self) -> None:
        self.action_attach()

    @on(KeyBar.Pressed)
    async def _pressed(self, event: KeyBar.Pressed) -> None:
        await self.run_action(event.action)

    def begun(self, name: str) -> None:
        if not self._filters:  # else what the person types there would go to the list
            self._wanted = name

    def progress(self, text: str, *, can_cancel: bool) -> None:
        show_activity(self, text, can_cancel=can_cancel)
        self._show_selected()

    def views_now(self) -> Sequence[AgentView]:
        return [row.view for row in self.snapshot.rows]

    def newest_radar(self) -> RadarReport | None:
        return self.snapshot.radar

    # Going from one to the other

    def _go_to(self, name: str) -> None:
        table = self.query_one(AgentTable)
        if name not in [row.name for row in table.rows]:
            self.only = None
            self._set_filter("")
        table.select(name)

    def action_next_needy(self) -> None:
        rows = arrange(self.snapshot.rows, self.order, self.grouping)
        names = [row.name for row in rows if isinstance(row, Row)]
        needy = [row.name for row in rows if isinstance(row, Row) and row.needs_person]
        if not needy:
            self.tell("No agent needs you now.")
            return
        selected = self.query_one(AgentTable).selected
        at = names.index(selected) if selected in names else -1
        self._go_to(next((name for name in needy if names.index(name) > at), needy[0]))

    def action_mark(self) -> None:
        self.query_one(AgentTable).toggle_mark()

    def action_mark_all(self) -> None:
        self.query_one(AgentTable).mark_all()

    def action_open(self) -> None:
        self.action_attach()

    def action_choose(self, number: int) -> None:
        """Choose this option of what the selected agent asks."""
        row = self.selected_row()
        question = row.view.status.question if row is not None and row.view.alive else None
        if row is not None and (question is None or not question.options):
            self.tell(f"{row.name} offers no options to choose from; numbers answer questions.", warn=True)
        elif row is not None and question is not None and question.multiple:
            self.action_inbox(row.name)
        elif row is not None:
            self.action_answer(str(number))

    async def action_turn(self, by: int) -> None:
        """Open the next tab, or the previous one."""
        tabs = list(TABS)
        await self.action_tab(tabs[(tabs.index(self.query_one(Detail).active) + by) % len(tabs)])

    async def action_tab(self, tab: str) -> None:
        detail = self.query_one(Detail)
        had_keys = detail.has_keys()
        await detail.open_tab(tab)
        if had_keys or self.has_class("-zoomed"):  # the zoom may not have its keys yet
            detail.focus_pane()

    def action_focus_pane(self) -> None:
        self.query_one(Detail).focus_pane()

    def action_zoom(self) -> None:
        self.toggle_class("-zoomed")
        if self.has_class("-zoomed"):
            self.query_one(Detail).focus_pane()
        else:
            self.call_after_refresh(self._to_list)

    def action_back(self) -> None:
        """One step back: out of a tab, out of the zoom, then the filter goes, then the marks."""
        table = self.query_one(AgentTable)
        if self.selections:
            self.clear_selection()
            return
        if self._filters:
            self._set_filter("")
        elif self.has_class("-zoomed"):
            self.remove_class("-zoomed")
        elif not table.has_focus:
            pass
        elif self.filter or self.only:
            self.only = None
            self._set_filter("")
        else:
            table.unmark()
        # What was hidden takes no keys before the screen is laid out anew.
        self.call_after_refresh(self._to_list)

    def _to_list(self) -> None:
        if not self._filters:  # it may have been opened by the next key
            self.query_one(AgentTable).focus()

    # Filter, order, groups

    async def action_find(self) -> None:
        if self._box is None:
            self._box = Input(placeholder="filter by name, state, branch, task …", id="filter", compact=True)
            await self.query_one("#rows").mount(self._box, after="#agents")
        self._box.display, self._wanted = True, ""
        self._fit_list()
        self.set_focus(self._box)

    def _set_filter(self, text: str) -> None:
        if self._box is not None:
            with self.prevent(Input.Changed):
                self._box.value = text
            self._box.display = bool(text)
        self.filter = text
        self._arrange()
        self._show_selected()

    @on(Input.Changed, "#filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        self.filter = event.value
        self._arrange()
        self._show_selected()

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _keys_elsewhere(self) -> None:
        if self.query("#header"):
            self._show_selected()

    @on(Input.Submitted, "#filter")
    def action_filter_done(self) -> None:
        assert self._box is not None
        self._box.display = bool(self.filter)
        self._fit_list()
        self.query_one(AgentTable).focus()

    def action_only(self, wanted: str) -> None:
        """Show only the agents that stand so; all where only those are shown already."""
        self.only = None if self.only == wanted else Only(wanted)
        self._arrange()
        self._show_selected()

    def action_jump(self) -> None:
        from agentdeck.tui.dialogs.jump import LABELS, Jump

        table = self.query_one(AgentTable)
        labelled = table.label(LABELS)

        def answer(label: str | None) -> None:
            table.label("")
            if label in labelled:
                table.select(labelled[label])

        self.app.push_screen(Jump(), answer)

    def action_order(self) -> None:
        orders = list(Order)
        self.order = orders[(orders.index(self.order) + 1) % len(orders)]
        self._arrange()
        self.tell(f"Sorted by {self.order}.")

    def action_group(self) -> None:
        groupings = list(Grouping)
        self.grouping = groupings[(groupings.index(self.grouping) + 1) % len(groupings)]
        self._arrange()
        self.tell("Not grouped." if self.grouping is Grouping.NONE else f"Grouped by {self.grouping}.")

    # The program

    def action_help(self) -> None:
        from agentdeck.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.app._keymap))

    def action_copy(self) -> None:
        text = self.get_selected_text()
        if text:
            self.app.copy_to_clipboard(text)
            count = len(text.splitlines())
            self.tell(f"Copied {count} line{'' if count == 1 else 's'}.")
        else:
            self.tell("Nothing is selected; drag over text, or press {look.select} in a tab.", warn=True)

    def action_select(self) -> None:
        self.tell("Go into a tab first: {look.pane}, then {look.select}.", warn=True)

    def action_settings(self) -> None:
        from agentdeck.tui.screens.settings import SettingsScreen

        self.app.push_screen(SettingsScreen(self.deck, self.actions))

    def action_theme(self) -> None:
        dark = self.app.current_theme.dark
        self.app.theme = "textual-light" if dark else "textual-dark"

    def action_quit(self) -> None:
        self.app.exit()

    def go_to(self, name: str) -> None:
        """Select the agent of that name, also where the filter hides it."""
        self._go_to(plain(name))


def _more_questions(row: Row | None) -> int:
    return max(0, len(row.view.status.questions) - 1) if row else 0


def _counts_of(row: Row | None) -> dict[str, str]:
    """How many files and commits the tabs have to show."""
    facts = row.facts if row else None
    counts = {"Diff": facts.files, "Commits": facts.ahead} if facts is not None else {}
    return {tab: str(count) for tab, count in counts.items() if count}
