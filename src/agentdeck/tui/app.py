"""The dashboard: one app for one deck. It can be left and opened again at any moment; the agents do not notice."""

from __future__ import annotations

import gc
import json
import os
import traceback
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import PurePath
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual._context import active_message_pump
from textual.app import App, SystemCommand
from textual.await_complete import AwaitComplete
from textual.css.query import NoMatches
from textual.driver import Driver
from textual.filter import LineFilter
from textual.message import Message
from textual.message_pump import MessagePump
from textual.notifications import SeverityLevel
from textual.screen import Screen

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.text import plain
from agentdeck.errors import DeckError, ExitCode
from agentdeck.system.machine.host import hold_signals
from agentdeck.tui.acts.actions import ActionFollower, Actions, Failed, Finished, Note, Progressed, Untrusted
from agentdeck.tui.feed import alerts
from agentdeck.tui.feed.feed import Feed
from agentdeck.tui.feed.snapshot import FeedSnapshot
from agentdeck.tui.keys.inorder import KeysInOrder
from agentdeck.tui.keys.keymap import checked, with_keys
from agentdeck.tui.list.messages import MessageLine, Notice
from agentdeck.tui.look.look import has_few_colours, style_sheets
from agentdeck.tui.look.preferences import Preferences, first_theme, load, theme_name
from agentdeck.tui.look.styled import OnlyText
from agentdeck.tui.look.telling import say
from agentdeck.tui.look.themes import own_themes
from agentdeck.tui.screens.deck import DeckScreen
from agentdeck.tui.screens.palette import DeckCommands

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views.trust import ApprovalStanding

_KEPT = 100
"""Messages that are remembered."""


@dataclass
class Fed(Message):
    """The deck has changed; the app has the newest snapshot."""


class DeckApp(KeysInOrder):
    TITLE = "AgentDeck"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar = App.COMMANDS | {DeckCommands}
    CSS_PATH: ClassVar = list[str | PurePath](style_sheets())

    def __init__(self, deck: Deck, *, everywhere: bool = False) -> None:
        """With `everywhere`, all of this user's repositories are shown first."""
        no_colour = os.environ.get("NO_COLOR")
        super().__init__()
        # Messages have a line of their own, and nothing has a tooltip: no screen needs Textual's widgets for them.
        self._disable_notifications = self._disable_tooltips = True
        if no_colour is not None:
            # Textual takes it away; the programs that are started from here shall see it.
            os.environ["NO_COLOR"] = no_colour
        self.deck, self._everywhere = deck, everywhere
        self.actions = Actions(self)
        self.feed = Feed(deck, self._take)
        self.crashed = ""
        self.notices: deque[Notice] = deque(maxlen=_KEPT)
        """The last messages, the newest at the end."""
        self._own_themes(few_colours=False)
        self._only_text = OnlyText()
        self.preferences = Preferences(theme=first_theme(deck))
        self._shown = self.feed.first()
        self._newest: FeedSnapshot | None = None
        self._lock = Lock()

    def get_default_screen(self) -> Screen[None]:
        return DeckScreen(self.deck, self.actions, self._shown)

    def get_driver_class(self) -> type[Driver]:
        from agentdeck.tui.look.driver import DeckDriver

        theirs = super().get_driver_class()
        return DeckDriver if issubclass(DeckDriver, theirs) else theirs

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._only_text]

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Of Textual's own only that which has no key here."""
        yield SystemCommand("Choose a theme", "Each is shown as you go; the one you choose is kept", self.choose_theme)

    def choose_theme(self) -> None:
        from agentdeck.tui.dialogs.themes import ThemeDialog

        def answer(name: str | None) -> None:
            if name is not None:
                value = json.dumps({"textual-dark": "dark", "textual-light": "light"}.get(name, name))
                work = partial(self._keep, ("dashboard", "theme"), value)
                self.actions.do("keeping the theme", work)

        self.push_screen(ThemeDialog(), answer)

    def _keep(self, path: tuple[str, ...], value: str, note: Note) -> str:
        said = self.deck.configuration.change(path, value)
        self.call_later(self.reread)
        return said

    def reread(self) -> None:
        """Use the preferences as the files say now."""
        self.run_worker(self._load_preferences, thread=True, exit_on_error=False)

    def pop_screen(self) -> AwaitComplete:
        """Close the screen on top; a second key that was meant for one that is closed already closes nothing."""
        pump: MessagePump | None = active_message_pump.get()
        while pump is not None and not isinstance(pump, Screen):
            pump = pump._parent
        return AwaitComplete() if pump is not None and pump not in self.screen_stack else super().pop_screen()

    @property
    def deck_screen(self) -> DeckScreen:
        screen = self.screen_stack[0]
        assert isinstance(screen, DeckScreen)
        return screen

    def on_mount(self) -> None:
        hold_signals()  # only now, for asyncio has set its own handler by then
        few_colours = has_few_colours(self)
        if few_colours:
            self._own_themes(few_colours=True)
            self.refresh_css(animate=False)
        self._use_theme()
        self.set_class(few_colours, "-few-colours")
        self._write(alerts.PUSH_TITLE)
        self._set_title(self._shown)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """What the first paint does not wait for."""
        if not gc.isenabled():
            # What is there now stays: a collection that went through all of it would be felt at a key.
            gc.freeze()
            gc.enable()
        self.feed.start()
        if self._everywhere:
            self.deck_screen.action_all_decks()
        self.run_worker(self._load_preferences, thread=True, exit_on_error=False)

    def _load_preferences(self) -> None:
        if self.deck.is_used:
            self.deck.remember()
        preferences = load(self.deck)
        self.call_from_thread(self._prefer, preferences)
        if not preferences.problem:
            self._look_at_trust()

    @work(thread=True, exclusive=True, group="trust", exit_on_error=False)
    def ask_trust(self) -> None:
        """Ask a person about what of the configuration waits for approval."""
        if not self._look_at_trust():
            self.call_from_thread(self.notify, "This repository's configuration is approved.", markup=False)

    def _look_at_trust(self) -> bool:
        """Called in a thread. Return whether something waits."""
        try:
            self.deck.settings  # noqa: B018 - one with mistakes is not approved
            standing = self.deck.trust.standing()
            if standing.counts:
                return False
            files = self.deck.trust.running_files()
        except DeckError as error:
            self.post_message(Failed(error.title, error.detail, error.hint))
            return True
        self.call_from_thread(self._ask_trust, standing, files)
        return True

    def _ask_trust(self, standing: ApprovalStanding, files: list[str]) -> None:
        from agentdeck.tui.screens.trust import TrustDialog

        if not self.screen_stack or any(isinstance(screen, TrustDialog) for screen in self.screen_stack):
            return

        def answered(agreed: bool | None) -> None:
            if agreed:
                self.actions.do("approving the configuration", lambda note: self._approve(standing))

        self.push_screen(TrustDialog(standing, files), answered)

    def _approve(self, standing: ApprovalStanding) -> str:
        self.deck.trust.approve(standing.values)
        self.run_worker(self._load_preferences, thread=True, exit_on_error=False)
        return "Approved."

    def _prefer(self, preferences: Preferences) -> None:
        if not self.screen_stack:
            return
        is_other = preferences.theme != self.preferences.theme
        self.preferences = preferences
        keymap, complaints = checked(preferences.keys)
        self.set_keymap(keymap)
        if preferences.problem:
            complaints.append(preferences.problem)
        if is_other or theme_name(preferences.theme) not in self.available_themes:
            complaints += self._use_theme()
        for complaint in complaints:
            self.notify(plain(complaint), severity="warning", markup=False)
        self.deck_screen.show(self._shown)

    def _own_themes(self, *, few_colours: bool) -> None:
        for theme in own_themes(few_colours=few_colours):
            self.register_theme(theme)
        self.stylesheet.set_variables(self.get_css_variables())

    def _use_theme(self) -> list[str]:
        """Use the theme that is preferred; return a complaint where there is none of that name."""
        name = theme_name(self.preferences.theme)
        if name in self.available_themes:
            self.theme = name
            return []
        return [f"There is no theme “{name}”. Available: dark, light, {', '.join(sorted(self.available_themes))}."]

    def on_unmount(self) -> None:
        self.feed.stop()
        self._write(alerts.POP_TITLE)

    # The feed

    def _take(self, snapshot: FeedSnapshot) -> None:
        """Called from the feed's threads. However long the app is busy, one message at most waits for it."""
        with self._lock:
            is_awaited = self._newest is not None
            self._newest = snapshot
        if not is_awaited:
            self.post_message(Fed())

    @on(Fed)
    def _fed(self) -> None:
        with self._lock:
            shot, self._newest = self._newest, None
        if shot is None or not self.screen_stack:  # the app is going down
            return
        old, self._shown = self._shown, shot
        self.deck_screen.show(shot)
        self._alert(old, shot)

    def _alert(self, old: FeedSnapshot, new: FeedSnapshot) -> None:
        if alerts.title(self.deck.root.name, new) != alerts.title(self.deck.root.name, old):
            self._set_title(new)
        sentences = alerts.alerts(old, new, self.preferences.call_for)
        if sentences and self.preferences.bell:
            self.bell()
        if sentences and self.preferences.notifications:
            text = sentences[0] if len(sentences) == 1 else f"{sentences[0]} (and {len(sentences) - 1} more)"
            self._write(alerts.desktop_notification(text))

    def _set_title(self, shot: FeedSnapshot) -> None:
        if self.preferences.title:
            self._write(alerts.set_title(alerts.title(self.deck.root.name, shot)))

    def _write(self, text: str) -> None:
        """Tell the terminal something that is not for the screen; nothing where there is no terminal."""
        if self._driver is not None and not self.is_headless:
            with suppress(OSError):
                self._driver.write(text)

    # What is told

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Show it on the line for messages of the screen that is seen, or of the one behind a dialog."""
        parts = [plain(with_keys(part, self._keymap)) for part in (title, *message.splitlines()) if part]
        notice = Notice(" ".join(parts), severity)
        self.notices.append(notice)
        for screen in reversed(self.screen_stack):
            for line in screen.query(MessageLine):
                line.tell(notice)
                return

    # What was done

    @on(Progressed)
    def _progressed(self, message: Progressed) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, ActionFollower):
                with suppress(NoMatches):  # parts of it are gone: the dashboard is going down
                    screen.progress(message.text, can_cancel=message.can_cancel)

    @on(Finished)
    def _finished(self, message: Finished) -> None:
        if message.text:
            self.notify(plain(message.text), markup=False)
        self._look_again()

    def _look_again(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, ActionFollower):
                screen.look_again()

    @on(Untrusted)
    def _untrusted(self) -> None:
        self._look_again()
        self.ask_trust()

    @on(Failed)
    def _failed(self, message: Failed) -> None:
        self._look_again()
        first = plain(message.detail.splitlines()[0]) if message.detail else ""
        body = "\n".join(part for part in (first, f"→ {plain(message.hint)}" if message.hint else "") if part)
        title = plain(message.title)
        if body:
            self.notify(body, title=title, severity="error", markup=False)
        else:
            self.notify(title, severity="error", markup=False)

    # The end

    def _handle_exception(self, error: Exception) -> None:
        """A bug of ours ends the program with a sentence; the traceback goes into a file."""
        if self.is_headless:
            super()._handle_exception(error)
            return
        self._return_code = int(ExitCode.INTERNAL)
        path = self.deck.keep_traceback("".join(traceback.format_exception(error)))
        self.crashed = f"The dashboard stopped because of a bug: {error!r}. The traceback is in {path}."
        self._close_messages_no_wait()


def run_dashboard(deck: Deck, *, everywhere: bool = False) -> int:
    """Show the dashboard until a person leaves it; return what to exit with."""
    app = DeckApp(deck, everywhere=everywhere)
    app.run()
    if app.crashed:
        say(f"agentdeck: {app.crashed}")
    if busy := app.actions.under_way:
        hint = "; Ctrl-C cancels it where possible" if app.actions.can_cancel else ""
        say(f"Still {', '.join(busy)} …{hint}")
    try:
        app.actions.finish()
    except KeyboardInterrupt:
        app.actions.cancel_all()
        app.actions.finish()
    if farewell := _farewell(deck):
        say(farewell)
    return app.return_code or 0


def _farewell(deck: Deck) -> str:
    running = 0
    with suppress(Exception):
        running = sum(view.alive for view in deck.agents())
    if not running:
        return ""
    go_on = "1 agent keeps running" if running == 1 else f"{running} agents keep running"
    return f"{go_on}; “agentdeck” shows {'it' if running == 1 else 'them'} again."
