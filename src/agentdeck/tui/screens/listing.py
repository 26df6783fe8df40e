"""What the screens beside the main one have in common: a list, what is to be said of the selected line, keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.style import Style
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker, WorkerState

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.text import columns as columns_of
from agentdeck.core.text.text import cut, fit, pad, plain
from agentdeck.engine.deck import Deck
from agentdeck.tui.acts.actions import ActionFollower, Actions
from agentdeck.tui.keys.keymap import with_keys
from agentdeck.tui.keys.keys import BACK, CANCEL, HELP, MOVE, QUIT, bound
from agentdeck.tui.list.header import KeyBar, KeyHint, Piece
from agentdeck.tui.list.hints import hint_of, show_activity
from agentdeck.tui.list.messages import MessageLine
from agentdeck.tui.look.look import has_few_colours
from agentdeck.tui.look.telling import sentence

_BESIDE = 140
"""From so many columns on, what is said of the selected line stands beside the list and not below it."""
EDGES = 5
"""Columns beside a line: padding and the scroll bar."""


@dataclass(frozen=True, slots=True)
class ListingColumn:
    title: str
    least: int


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the list: a text and a style for each column."""

    key: str
    cells: tuple[Piece | tuple[Content, str], ...]


class Lines(OptionList):
    """Options of a line each. With 16 colours the selected one is inverted, which no style sheet can do."""

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if y + self.scroll_offset.y == self.highlighted and has_few_colours(self.app):
            return strip.apply_style(Style(reverse=True))
        return strip


class Beside(ActionFollower, Screen[None]):
    """A screen beside the main one: back and quit leave it, its key bar can be clicked, acts tell how far they are."""

    actions: Actions

    def _show_hints(self) -> None:
        raise NotImplementedError

    def progress(self, text: str, *, can_cancel: bool) -> None:
        show_activity(self, text, can_cancel=can_cancel)
        self._show_hints()

    @on(KeyBar.Pressed)
    async def _pressed(self, event: KeyBar.Pressed) -> None:
        await self.run_action(event.action)

    def action_back(self) -> None:
        self.dismiss()

    def action_quit(self) -> None:
        self.dismiss()

    def action_cancel(self) -> None:
        if not self.actions.cancel():
            self.notify("There is nothing to cancel.", severity="warning")

    def action_help(self) -> None:
        from agentdeck.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.app._keymap))


class Listing(Beside):
    """`find` is called in a thread, at once and again after every change; the rest shows what it found."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bound([BACK, QUIT, CANCEL, HELP, *MOVE]),
    ]
    heading = ""
    empty = "There is nothing here."
    columns: Sequence[ListingColumn] = ()
    follows_landings = False
    """Whether it shows how landings go."""
    every = 0.0
    """Seconds between two looks; 0: only when something was done."""

    def __init__(self, deck: Deck, actions: Actions) -> None:
        super().__init__()
        self.deck, self.actions = deck, actions
        self.facts: Any = None
        """What `find` returned last; None before."""
        self._items: list[Item] = []
        self._again = False
        self.place = deck.root.name
        """What stands beside the heading; empty: nothing."""
        self.first = ""
        """The key of the line that is selected at first; empty: the top one."""

    # What subclasses fill in

    def find(self) -> Any:
        """Called in a thread; whatever it raises is shown as a sentence."""
        raise NotImplementedError

    def items(self, facts: Any) -> Sequence[Item]:
        raise NotImplementedError

    def about(self, facts: Any, key: str) -> Content:
        """What is to be said of the line."""
        return Content()

    def summary(self, facts: Any) -> str:
        """A few words beside the heading."""
        return ""

    def hints(self) -> Sequence[KeyHint]:
        return ()

    # The frame

    def compose(self) -> ComposeResult:
        with Container(id="listing"):
            with Container(id="lines"):
                yield Static(id="titles")
                yield Lines(id="options", markup=False)
            with VerticalScroll(id="about", can_focus=False):
                said = Static(id="said", markup=False)
                said.auto_links = False  # what can be clicked there looks as it is
                yield said
        yield MessageLine(id="messages")
        yield KeyBar(id="keys")

    def on_mount(self) -> None:
        self._head("looking …")
        self.set_focus(self.query_one(OptionList))
        self._show_hints()
        self.reload()
        if self.every:
            self.set_interval(self.every, self.reload)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= _BESIDE, "-beside")
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """Write the lines anew: some are made for the width that there is."""
        if self.facts is not None:
            self._items = list(self.items(self.facts))
        self._fill()

    def _head(self, rest: str) -> None:
        title = Content.styled(self.heading, "bold $foreground")
        where = Content.styled(f"  {plain(self.place)}" if self.place else "", "$foreground 60%")
        self.query_one("#lines").border_title = Content("").join(
            [title, where, Content.styled(f"  {plain(rest)}", "$foreground")]
        )

    def _show_hints(self) -> None:
        if not self.query("#keys"):  # not composed yet, or not any more
            return
        keymap = self.app._keymap
        first = [hint_of("deck.cancel", keymap)] if self.actions.can_cancel else []
        back = hint_of(BACK.id, keymap, "back")
        self.query_one(KeyBar).hints = (*first, *self.hints(), hint_of("program.help", keymap), back)

    # Looking

    def reload(self) -> None:
        """Look again, once the look that is under way is over."""
        if not self.query(OptionList):  # not composed yet, or not any more
            return
        self._show_hints()
        if any(worker.name == "find" and not worker.is_finished for worker in self.workers):
            self._again = True
            return
        self._again = False
        self.run_worker(self.find, thread=True, exit_on_error=False, name="find")

    @on(Worker.StateChanged)
    def _looked(self, event: Worker.StateChanged) -> None:
        if event.worker.name != "find" or not self.is_attached:
            return
        event.stop()
        if event.state is WorkerState.SUCCESS:
            is_new, self.facts = event.worker.result != self.facts, event.worker.result
            if is_new or (self.every and list(self.items(self.facts)) != self._items):  # the time has gone on
                self._show()
        elif event.state is WorkerState.ERROR:
            self._failed(event.worker.error)
        if event.worker.is_finished and self._again:
            self.reload()

    def _failed(self, error: BaseException | None) -> None:
        self._head("")
        self.query_one("#said", Static).update(Content.styled(sentence(error), "$text-error"))

    def _show(self) -> None:
        self._items = list(self.items(self.facts))
        self._head(self.summary(self.facts))
        self._fill()
        self._show_hints()

    def _fill(self) -> None:
        """Write the lines; those that are there already are only changed."""
        options = self.query_one(OptionList)
        self.set_class(not self._items, "-empty")
        widths = self._widths(options.size.width or self.size.width)
        titles = "  ".join(
            pad(cut(column.title, width), width) for column, width in zip(self.columns, widths, strict=True)
        )
        self.query_one("#titles", Static).update(Content(titles if self._items else ""))
        keys = [options.get_option_at_index(at).id for at in range(options.option_count)]
        if keys == [item.key for item in self._items]:
            for item in self._items:
                options.replace_option_prompt(item.key, self._line(item, widths))
        else:
            selected = self.selected or self.first
            options.clear_options()
            options.add_options([Option(self._line(item, widths), id=item.key) for item in self._items])
            if self._items:
                known = [item.key for item in self._items]
                options.highlighted = known.index(selected) if selected in known else 0
        self._say()

    def _widths(self, width: int) -> list[int]:
        natural = [
            max([columns_of(column.title), *(columns_of(_text(item.cells[at][0])) for item in self._items)])
            for at, column in enumerate(self.columns)
        ]
        return fit(natural, [column.least for column in self.columns], max(20, width - EDGES))

    def _line(self, item: Item, widths: Sequence[int]) -> Content:
        parts = list[Content]()
        for (text, style), width in zip(item.cells, widths, strict=True):
            if isinstance(text, Content):  # made for the width that there is
                parts.append(text.truncate(width, pad=True))
            else:
                parts.append(Content.styled(pad(cut(plain(text), width), width), style))
        room = self.query_one(OptionList).size.width - EDGES
        return Content("  ").join(parts).truncate(max(20, room), ellipsis=True)

    def _say(self) -> None:
        said = self.query_one("#said", Static)
        if self.facts is None:
            return
        key = self.selected
        said.update(Content(with_keys(self.empty, self.app._keymap)) if key is None else self.about(self.facts, key))

    @property
    def selected(self) -> str | None:
        """The key of the selected line."""
        options = next(iter(self.query(OptionList)), None)
        if options is None:  # it closes while its worker looks
            return None
        at = options.highlighted
        return options.get_option_at_index(at).id if at is not None and at < options.option_count else None

    @on(OptionList.OptionHighlighted)
    def _highlighted(self) -> None:
        self._say()
        self._show_hints()

    def look_again(self) -> None:
        self.reload()

    def action_move(self, by: int) -> None:
        options = self.query_one(OptionList)
        if options.option_count:
            at = options.highlighted or 0
            options.highlighted = max(0, min(options.option_count - 1, at + by))

    def action_sideways(self, by: int) -> None:
        """What does not fit is cut, and stands below in full."""

    def action_page(self, by: int) -> None:
        about = self.query_one("#about", VerticalScroll)
        about.scroll_page_down(animate=False) if by > 0 else about.scroll_page_up(animate=False)


def _text(cell: str | Content) -> str:
    return cell.plain if isinstance(cell, Content) else plain(cell)


def lines(*texts: Piece | str) -> Content:
    """Lines of text, each with its style."""
    return Content("\n").join(
        Content(plain(each)) if isinstance(each, str) else Content.styled(plain(each[0]), each[1]) for each in texts
    )
