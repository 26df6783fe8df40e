"""Do what takes time in threads of our own, and tell the app how it goes on.

Textual's thread workers share a pool as small as the machine; a start that waits for tmux must not hold up a message.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from textual.app import App
from textual.message import Message

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import dataclass
from agentdeck.core.text.text import plain
from agentdeck.errors import CancelledError, DeckError, UntrustedError

Note = Callable[[Event], None]
Work = Callable[[Note], str]
"""Does something, tells events meanwhile, and returns the sentence that says what came of it; “” for none."""
LongWork = Callable[[Note, Callable[[], bool]], str]
"""As Work, and asks now and then whether it was cancelled."""


@dataclass
class Progressed(Message):
    """Something that is being done has come on."""

    text: str
    """Empty when nothing is being done any more."""
    can_cancel: bool
    """Whether anything of what is being done can be cancelled."""


@dataclass
class Finished(Message):
    """Something was done: `text` says what came of it."""

    text: str


@dataclass
class Failed(Message):
    """Something could not be done."""

    title: str
    detail: str
    hint: str


@dataclass
class Untrusted(Message):
    """Something could not be done before a person has approved the configuration."""


class ActionFollower:
    """A screen that is told what is being done, and that something was."""

    def progress(self, text: str, *, can_cancel: bool) -> None:
        """Say what is being done now, “” when nothing is, and whether any of it can be cancelled."""

    def look_again(self) -> None:
        """Something was done, or could not be."""


@dataclass(eq=False)
class Doing:
    """Something that is being done."""

    title: str
    """What that is, in words: “stopping fix”."""
    name: str
    """The agent that it is done to; “” where that is not one, or is not known yet."""
    cancelled: threading.Event | None
    """Set when it was cancelled; None for what can't be."""

    @property
    def can_cancel(self) -> bool:
        return self.cancelled is not None and not self.cancelled.is_set()

    def cancel(self) -> None:
        if self.cancelled is not None and not self.cancelled.is_set():
            self.cancelled.set()
            self.title = f"cancelling: {self.title}"


class Actions:
    """What is being done now. What was begun is always brought to its end, also when the dashboard is left."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="act")
        self._lock = threading.Condition()
        """Of all that follows; told when something has ended."""
        self._doing: list[Doing] = []
        """In the order in which it was begun."""

    @property
    def under_way(self) -> list[str]:
        """What is being done, in words."""
        with self._lock:
            return [each.title for each in self._doing]

    @property
    def can_cancel(self) -> bool:
        with self._lock:
            return any(each.can_cancel for each in self._doing)

    def cancel(self, name: str = "") -> bool:
        """Cancel what is being done to the agent `name`, or without one what was begun last, of all that can be
        cancelled; say whether there was anything."""
        with self._lock:
            found = [each for each in self._doing if each.can_cancel and name in ("", each.name)]
            if found:
                found[-1].cancel()
                self._tell(found[-1].title)
        return bool(found)

    def cancel_all(self) -> None:
        with self._lock:
            for each in self._doing:
                each.cancel()

    def do_long(self, title: str, work: LongWork, name: str = "") -> None:
        """As `do`, for what can be cancelled."""
        self._begin(Doing(title, name, threading.Event()), work)

    def do(self, title: str, work: Work, name: str = "") -> None:
        """Begin `work`, which `title` says in words (“stopping fix”); Finished or Failed tells its end."""
        self._begin(Doing(title, name, None), lambda note, cancelled: work(note))

    def _begin(self, doing: Doing, work: LongWork) -> None:
        with self._lock:
            self._doing.append(doing)
            self._tell(doing.title)
        self._pool.submit(self._run, doing, work)

    def _run(self, doing: Doing, work: LongWork) -> None:
        def note(event: Event) -> None:
            with self._lock:
                if event.kind == EventKind.AGENT_CREATED and not doing.name:
                    doing.name = event.agent
                    doing.title = doing.title.replace("an agent", event.agent)
                if event.text:
                    self._tell(f"{doing.title}: {plain(event.text)}")

        title = f"{doing.title[:1].upper()}{doing.title[1:]}"
        try:
            cancelled = doing.cancelled.is_set if doing.cancelled is not None else lambda: False
            self._app.post_message(Finished(work(note, cancelled)))
        except CancelledError as error:
            self._app.post_message(Finished(error.title))
        except UntrustedError:
            self._app.post_message(Untrusted())
        except DeckError as error:
            self._app.post_message(Failed(error.title, error.detail, error.hint))
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            self._app.post_message(Failed(f"{title} failed: {error.strerror}{where}.", "", ""))
        except Exception as error:  # noqa: BLE001 - a thread's error would otherwise be seen by nobody
            self._app.post_message(Failed(f"{title} failed.", repr(error), "This is a bug."))
        finally:
            with self._lock:
                self._doing.remove(doing)
                self._lock.notify_all()
                self._tell(self._doing[-1].title if self._doing else "")

    def _tell(self, text: str) -> None:
        """Say what is being done now; with the lock held."""
        self._app.post_message(Progressed(text, any(each.can_cancel for each in self._doing)))

    def finish(self) -> None:
        """Wait until all that was begun has ended. An interrupt ends only the waiting; it may be waited for again."""
        # Not by the pool: a thread whose `join` is interrupted counts as ended.
        with self._lock:
            self._lock.wait_for(lambda: not self._doing)
        self._pool.shutdown()
