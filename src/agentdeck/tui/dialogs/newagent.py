"""The dialog that asks all about a new agent."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Label, Select, TextArea
from textual.worker import Worker, WorkerState

from agentdeck.core.agents.permission import Level
from agentdeck.core.text.text import plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.choices import AUTO
from agentdeck.errors import DeckError
from agentdeck.system.machine.host import scratch_folder
from agentdeck.tui.look.telling import sentence
from agentdeck.tui.look.terminal import editor, lend

COMMAND = "command"
_PLACEHOLDER = "The agent's task, one or more lines; ctrl+e opens your editor."
_COMMAND_PLACEHOLDER = "The command to run as the agent, such as: npm test -- --watch"


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from."""

    profiles: list[tuple[str, str]] = field(default_factory=list)
    """Titles and names, those that are installed first."""
    default: str = ""
    tiers: list[str] = field(default_factory=list)
    branches: list[str] = field(default_factory=list)
    base: str = ""


def choices(deck: Deck) -> Choices:
    """Read profiles, configuration and branches; takes a while the first time. Raises DeckError."""
    found = deck.choices.for_start()
    titles = [(each.title if each.installed else f"{each.title} (not installed)", each.name) for each in found.profiles]
    first = [(f"The first installed: {found.auto}", AUTO)] if found.auto else []
    return Choices(
        profiles=[*first, *titles, ("Any command", COMMAND)],
        default=found.default,
        tiers=list(found.tiers),
        branches=list(found.branches),
        base=found.base,
    )


_PERMISSIONS = (
    ("as its CLI is set up", ""),
    ("ask before it changes anything", str(Level.ASK)),
    ("edit files, commit, run the usual commands", str(Level.EDIT)),
    ("all that you can do", str(Level.ALL)),
)


class NewAgent(ModalScreen[StartRequest | None]):
    """Ask what to start. What was typed is in `draft` when it was left without a start."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Leave", show=False),
        # Without priority, or it would overtake letters that are typed and not yet taken in.
        Binding("ctrl+s", "start", "Start it", show=False),
        Binding("ctrl+e", "edit", "Open your editor", show=False, priority=True),
    ]

    def __init__(self, deck: Deck, draft: StartRequest | None = None) -> None:
        super().__init__()
        self._deck = deck
        self.draft = draft or StartRequest()
        self._warned = False

    def compose(self) -> ComposeResult:
        draft = self.draft
        with VerticalScroll(classes="dialog form", can_focus=False):
            yield Label("New agent", classes="question")
            yield TextArea(draft.task, id="task", tab_behavior="focus", placeholder=_PLACEHOLDER, compact=True)
            with Horizontal(classes="field"):
                yield Label("Profile")
                yield Select[str]([("…", "")], value="", allow_blank=False, id="profile", compact=True)
            with Horizontal(classes="field"):
                yield Label("Base")
                yield Input(draft.base or "", placeholder="the current branch", id="base")
            with Horizontal(classes="field"):
                yield Label("Tier")
                yield Input(draft.tier or "", placeholder="none: the agent's own model", id="tier")
            with Horizontal(classes="field"):
                yield Label("Permission")
                yield Select[str](
                    _PERMISSIONS, value=draft.permission or "", allow_blank=False, id="permission", compact=True
                )
            with Horizontal(classes="field"):
                yield Label("Name")
                yield Input(draft.name or "", placeholder="made from the task", id="name")
            if self._deck.folder:
                yield Label(f"It starts in {plain(self._deck.folder)}.", markup=False)
            yield Label("", id="complaint", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Start (ctrl+s)", id="start", variant="success", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        self.query_one("#task").focus()
        self.run_worker(self._load, thread=True, exit_on_error=False, name="choices")

    def _load(self) -> Choices:
        return choices(self._deck)

    @on(Worker.StateChanged)
    def _loaded(self, event: Worker.StateChanged) -> None:
        event.stop()
        if event.state is WorkerState.ERROR:
            self.complain(sentence(event.worker.error))
        if event.state is WorkerState.SUCCESS and isinstance(event.worker.result, Choices):
            self._offer(event.worker.result)

    def _offer(self, offered: Choices) -> None:
        select = self.query_one("#profile", Select)
        names = [name for _, name in offered.profiles]
        wanted = self.draft.profile or offered.default
        select.set_options([(plain(title), name) for title, name in offered.profiles])
        select.value = wanted if wanted in names else names[0]
        base, tier = self.query_one("#base", Input), self.query_one("#tier", Input)
        base.suggester = SuggestFromList(offered.branches, case_sensitive=True)
        tier.suggester = SuggestFromList(offered.tiers, case_sensitive=False)
        if offered.base:
            base.placeholder = plain(offered.base)
        if offered.tiers:
            tier.placeholder = f"none, or {plain(', '.join(offered.tiers))}"

    @on(Select.Changed, "#permission")
    def _permission_changed(self) -> None:
        self._warned = False
        self.complain("")

    @on(Select.Changed, "#profile")
    def _profile_changed(self, event: Select.Changed) -> None:
        is_command = event.value == COMMAND
        self.query_one("#task", TextArea).placeholder = _COMMAND_PLACEHOLDER if is_command else _PLACEHOLDER

    def complain(self, text: str) -> None:
        label = self.query_one("#complaint", Label)
        label.update(plain(text))
        label.display = bool(text)

    def _typed(self) -> StartRequest:
        def text(name: str) -> str | None:
            return self.query_one(f"#{name}", Input).value.strip() or None

        profile = self.query_one("#profile", Select).value
        return StartRequest(
            task=self.query_one("#task", TextArea).text.strip(),
            profile=str(profile) if profile else None,
            base=text("base"),
            tier=text("tier"),
            name=text("name"),
            permission=str(self.query_one("#permission", Select).value) or None,
        )

    def action_cancel(self) -> None:
        self.draft = self._typed()
        self.dismiss(None)

    def action_start(self) -> None:
        typed = self.draft = self._typed()
        if typed.profile != COMMAND:
            if typed.permission == Level.ALL and not self._warned:
                self._warned = True
                self.complain("It can read, change and delete anything that you can. Start it again if you mean that.")
                return
            self.dismiss(replace(typed, sure=self._warned))
            return
        try:
            argv = tuple(shlex.split(typed.task))
        except ValueError as error:
            self.complain(f"That is not a command line: {error}.")
            return
        if not argv:
            self.complain("Type a command.")
            self.query_one("#task").focus()
            return
        self.dismiss(replace(typed, task="", profile=None, permission=None, argv=argv))

    def action_edit(self) -> None:
        area = self.query_one("#task", TextArea)
        try:
            area.text = self._edited(area.text)
        except SuspendNotSupported:
            self.complain("There is no terminal here for an editor.")
        except DeckError as error:
            self.complain(f"{error.title} Set EDITOR to your editor.")
        except OSError as error:
            self.complain(f"The task can't be opened in your editor: {error.strerror}.")
        area.focus()

    def _edited(self, text: str) -> str:
        with scratch_folder() as folder:
            path = Path(folder, "task.md")
            path.write_text(text, "utf-8")
            if lend(self.app, [*editor(), str(path)]):
                self.complain(f"{editor()[0]} failed; set EDITOR to your editor.")
            return path.read_text("utf-8", "replace").rstrip("\n")

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "start":
            self.action_start()
        else:
            self.action_cancel()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_start()
