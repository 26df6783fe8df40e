"""The dialog before a landing: what would happen to each agent, by which method, through which gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Checkbox, Label, Select, Static
from textual.worker import Worker, WorkerState

from agentdeck.core.config.trust import Change
from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.text.text import plain
from agentdeck.engine.views.landings import Entry, LandRequest, Method, Stage, left_out
from agentdeck.tui.dialogs.dialogs import Tick
from agentdeck.tui.list.header import Piece
from agentdeck.tui.look.telling import sentence
from agentdeck.tui.screens.listing import lines
from agentdeck.tui.screens.trust import change_lines

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck

_METHODS = {
    Method.MERGE: "merge: a merge commit",
    Method.SQUASH: "squash: one commit",
    Method.REBASE: "rebase: replay its commits",
    Method.FF_ONLY: "ff-only: only if the base has no new commits",
}
_FILES = 4
"""Paths of uncommitted work that are named."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would become of one agent."""

    entry: Entry
    uncommitted: tuple[str, ...]
    running: str
    """Its state where it still runs; else empty."""
    changes: tuple[Change, ...] = ()
    """What it changes of the configuration that needs approval."""


@dataclass(frozen=True, slots=True)
class Outlooks:
    agents: tuple[Outlook, ...]
    method: Method
    gate: tuple[str, ...]


def look_ahead(deck: Deck, names: Sequence[str], method: Method | None) -> Outlooks:
    """Try the landing without changing anything, as if those that run were stopped and all work was committed. Raises
    DeckError where nothing could be tried."""
    changes: dict[str, tuple[Change, ...]] = {}

    def keep(name: str, found: tuple[Change, ...]) -> bool:
        changes[name] = found
        return True

    request = LandRequest(tuple(names), method=method, dry_run=True, commit="", stop=True, confirm=keep)
    landing = deck.land(request)
    found = []
    for entry in landing.entries:
        view = deck.agent(entry.agent)
        running = str(view.state) if view.alive and view.state.is_live else ""
        uncommitted = tuple(deck.review.uncommitted(entry.agent))
        found.append(Outlook(entry, uncommitted, running, changes.get(entry.agent, ())))
    return Outlooks(tuple(found), landing.method, landing.gate)


class LandDialog(ModalScreen[LandRequest | None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "leave", "Leave", show=False),
        Binding("y,ctrl+s", "land", "Land", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, deck: Deck, names: Sequence[str]) -> None:
        super().__init__()
        self._deck, self._names = deck, tuple(names)
        self.outlooks: Outlooks | None = None
        """None until the landing was tried."""

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog land", can_focus=False):
            yield Label(f"Land {plain(', '.join(self._names))}", classes="question", markup=False)
            yield Static("Checking, without changing anything …", id="outlook", markup=False)
            with Horizontal(classes="field"):
                yield Label("Method")
                yield Select(
                    [(text, method) for method, text in _METHODS.items()],
                    value=Method.MERGE,
                    allow_blank=False,
                    id="method",
                    compact=True,
                )
            yield Tick("Run the gate first", True, id="gate")
            yield Tick("Commit uncommitted changes and land them too", False, id="commit")
            yield Tick("Stop running agents first", False, id="stop")
            yield Tick("Let each agent resolve its conflicts, then land it", False, id="hand-back")
            yield Tick("Run one gate for all; if it fails, find the cause", False, id="batch")
            yield Tick("Land configuration changes; they need your approval to take effect", False, id="config")
            yield Tick("Remove each agent after it lands (saved first)", False, id="remove")
            with Horizontal(classes="buttons"):
                yield Button("Cancel (esc)", id="no", variant="primary", compact=True)
                yield Button("Land (y)", id="yes", variant="success", compact=True, disabled=True)

    def on_mount(self) -> None:
        for name in ("gate", "commit", "stop", "hand-back", "batch", "config"):
            self.query_one(f"#{name}").display = False
        self.set_focus(self.query_one("#no"))
        self._try(None)

    def _try(self, method: Method | None) -> None:
        work = lambda: look_ahead(self._deck, self._names, method)  # noqa: E731 - a worker takes no arguments
        self.run_worker(work, thread=True, exit_on_error=False, name="try", exclusive=True)

    @on(Worker.StateChanged)
    def _tried(self, event: Worker.StateChanged) -> None:
        if event.worker.name != "try" or not self.is_attached:
            return
        event.stop()
        if event.state is WorkerState.ERROR:
            self.query_one("#outlook", Static).update(lines((sentence(event.worker.error), "$text-error")))
        elif event.state is WorkerState.SUCCESS and isinstance(event.worker.result, Outlooks):
            self._show(event.worker.result)

    def _show(self, found: Outlooks) -> None:
        is_first = self.outlooks is None
        self.outlooks = found
        said: list[Piece | str] = []
        for each in found.agents:
            said += _sentences(each)
        self.query_one("#outlook", Static).update(lines(*said))
        if is_first:
            with self.prevent(Select.Changed):
                self.query_one("#method", Select).value = found.method
            gate = self.query_one("#gate", Checkbox)
            gate.display = bool(found.gate)
            gate.label = f"Run the gate first: {plain('; '.join(found.gate))}"
        self.query_one("#commit").display = any(each.uncommitted for each in found.agents)
        self.query_one("#stop").display = any(each.running for each in found.agents)
        self.query_one("#hand-back").display = any(each.entry.conflicts for each in found.agents)
        self.query_one("#config").display = any(each.changes for each in found.agents)
        self.query_one("#batch").display = len(found.agents) > 1 and bool(found.gate)
        self.query_one("#yes", Button).disabled = False

    @on(Select.Changed, "#method")
    def _other_method(self, event: Select.Changed) -> None:
        if self.outlooks is not None and event.value != self.outlooks.method:
            self._try(Method(str(event.value)))

    def _request(self) -> LandRequest:
        def wants(name: str) -> bool:
            box = self.query_one(f"#{name}", Checkbox)
            return bool(box.display and box.value)

        gate = self.query_one("#gate", Checkbox)
        request = LandRequest(self._names, method=Method(str(self.query_one("#method", Select).value)))
        return replace(
            request,
            # Only what a person was shown and switched off is skipped: the gate may have been written meanwhile.
            gate=() if gate.display and not gate.value else None,
            commit="" if wants("commit") else None,
            stop=wants("stop"),
            batch=wants("batch"),
            hand_back=wants("hand-back"),
            remove=wants("remove"),
            confirm=self._was_shown if wants("config") else None,
        )

    def _was_shown(self, name: str, changes: tuple[Change, ...]) -> bool:
        """Whether a person has seen just these changes: the agent may have gone on since."""
        agents = self.outlooks.agents if self.outlooks is not None else ()
        return any(each.entry.agent == name and each.changes == changes for each in agents)

    def action_land(self) -> None:
        if self.outlooks is not None and not self.query_one("#yes", Button).disabled:
            self.dismiss(self._request())

    def action_leave(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "yes":
            self.action_land()
        else:
            self.action_leave()


def _sentences(found: Outlook) -> list[Piece | str]:
    entry = found.entry
    commits = f"{entry.commits} commit{'' if entry.commits == 1 else 's'}"
    files = f"{entry.files} file{'' if entry.files == 1 else 's'}"
    said: list[Piece | str] = []
    if found.running:
        said.append((f"● {entry.agent} is {found.running}: set aside unless it is stopped", "$text-warning"))
    if entry.has_nothing_new:
        said.append((f"○ {entry.agent}: {entry.reason}", "$foreground 60%"))
    elif entry.stage is Stage.WOULD_LAND:
        said.append((f"✓ {entry.agent} → {entry.base}: {commits}, {files}, no conflict", "$text-success"))
    else:
        said.append((f"✗ {entry.agent}: {entry.reason}", "$text-error"))
    if found.changes:
        said.append((f"    {entry.agent} changes what runs on your machine:", "$text-warning"))
        said += [(f"      {text}", style) for text, style in change_lines(found.changes)]
    if entry.repositories:
        said.append((f"    {left_out(entry.repositories)}", "$text-warning"))
    if found.uncommitted:
        names = ", ".join(line[3:] for line in found.uncommitted[:_FILES])
        more = f" and {len(found.uncommitted) - _FILES} more" if len(found.uncommitted) > _FILES else ""
        said.append((f"    uncommitted; lands only if committed: {names}{more}", "$text-warning"))
    return said
