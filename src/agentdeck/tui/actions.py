"""Do what takes time in threads of our own, and tell the app how it goes on.

Textual's thread workers share a pool as small as the machine; a start that waits for tmux must not hold up a message.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from textual.app import App
from textual.message import Message

from agentdeck.core.events import Event
from agentdeck.core.text import plain
from agentdeck.errors import DeckError

Note = Callable[[Event], None]
Work = Callable[[Note], str]
"""Does something, tells events meanwhile, and returns the sentence that says what came of it; “” for none."""
LongWork = Callable[[Note, Callable[[], bool]], str]
"""As Work, and asks now and then whether it was cancelled."""


@dataclass
class Progressed(Message):
    """Something that is being done has come on; `text` is empty when nothing is being done any more."""

    text: str


@dataclass
class Finished(Message):
    """Something was done: `text` says what came of it, `name` is the agent that it was done to."""

    text: str
    name: str


@dataclass
class Failed(Message):
    """Something could not be done."""

    title: str
    detail: str
    hint: str


class Follower:
    """A screen that is told what is being done, and that something was."""

    def progress(self, text: str) -> None:
        """Say what is being done now; “” when nothing is."""

    def look_again(self) -> None:
        """Something was done, or could not be."""


class Actions:
    """What is being done now. What was begun is always brought to its end, also when the dashboard is left."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="act")
        self._lock = Lock()
        self._busy: dict[int, str] = {}
        self._cancels: dict[int, threading.Event] = {}
        self._last = 0

    @property
    def under_way(self) -> list[str]:
        """What is being done, in words."""
        with self._lock:
            return list(self._busy.values())

    @property
    def can_cancel(self) -> bool:
        with self._lock:
            return any(not cancel.is_set() for cancel in self._cancels.values())

    def cancel(self) -> bool:
        """Cancel what was begun last and can be cancelled; say whether there was anything."""
        with self._lock:
            cancel = next((each for each in reversed(self._cancels.values()) if not each.is_set()), None)
            if cancel is not None:
                cancel.set()
        return cancel is not None

    def do_long(self, title: str, work: LongWork, name: str = "") -> None:
        """As `do`, for what can be cancelled."""
        cancel = threading.Event()
        self.do(title, lambda note: work(note, cancel.is_set), name, cancel)

    def do(self, title: str, work: Work, name: str = "", cancel: threading.Event | None = None) -> None:
        """Begin `work`, which `title` says in words (“stopping fix”); Finished or Failed tells its end."""
        with self._lock:
            self._last += 1
            number = self._last
            self._busy[number] = title
            if cancel is not None:
                self._cancels[number] = cancel
        self._app.post_message(Progressed(title))
        self._pool.submit(self._run, number, title, work, name)

    def _run(self, number: int, title: str, work: Work, name: str) -> None:
        def note(event: Event) -> None:
            if event.text:
                self._app.post_message(Progressed(f"{title}: {plain(event.text)}"))

        try:
            self._app.post_message(Finished(work(note), name))
        except DeckError as error:
            self._app.post_message(Failed(error.title, error.detail, error.hint))
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            self._app.post_message(Failed(f"{title[:1].upper()}{title[1:]} failed: {error.strerror}{where}.", "", ""))
        except Exception as error:  # noqa: BLE001 - a thread's error would otherwise be seen by nobody
            self._app.post_message(Failed(f"{title[:1].upper()}{title[1:]} failed.", repr(error), "This is a bug."))
        finally:
            with self._lock:
                del self._busy[number]
                self._cancels.pop(number, None)
                rest = next(reversed(self._busy.values()), "")
            self._app.post_message(Progressed(rest))

    def finish(self) -> None:
        """Wait until all that was begun has ended."""
        self._pool.shutdown(wait=True)
