"""The dialog that asks all about a new agent."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, TextArea
from textual.worker import Worker, WorkerState

from agentdeck.core.agents.agent import check_model, check_name
from agentdeck.core.agents.permission import Level, meaning_of_all
from agentdeck.core.box.box import BoxMode
from agentdeck.core.fleet.orders import check_if_lost
from agentdeck.core.frozen import dataclass, field, replace
from agentdeck.core.prompts.lint import lint
from agentdeck.core.text.text import plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.choices import AUTO, ProfileChoice
from agentdeck.engine.views.fleet import ANY, Needs
from agentdeck.errors import DeckError
from agentdeck.system.machine.host import scratch_folder
from agentdeck.tui.look.telling import sentence
from agentdeck.tui.look.terminal import editor, lend

COMMAND = "command"
OTHER = "\0other"
"""The choice of a base or a model that is typed."""
LOADING = "\0loading"
"""While nobody knows yet what there is to choose from."""
_PLACEHOLDER = "The agent's task, one or more lines; ctrl+e opens your editor. #123 or an issue's address reads that."
_COMMAND_PLACEHOLDER = "The command to run as the agent, such as: npm test -- --watch"
_ISSUE = re.compile(r"#\d+|https?://\S+/issues/\d+\S*")
_MOST_COPIES = 9
_ADVICE_MAX = 2

Option = tuple[Content, str]
"""What is shown and what it stands for."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from, and what was chosen last."""

    profiles: list[Option] = field(default_factory=list)
    known: Mapping[str, ProfileChoice] = field(default_factory=dict)
    """All profiles by name; the first that is installed as `auto`."""
    default: str = ""
    tier: str = ""
    """The configured tier."""
    tiers: list[Option] = field(default_factory=list)
    bases: list[Option] = field(default_factory=list)
    boxes: list[Option] = field(default_factory=list)
    box: str = ""
    """The configured mode."""
    hosts: list[Option] = field(default_factory=list)
    """Where it can be; none where this machine is all there is."""
    no_box: str = ""
    """Why agents can't have a box here, in a sentence; empty where they can."""
    last: Mapping[str, Any] = field(default_factory=dict)


def choices(deck: Deck) -> Choices:
    """Read profiles, configuration and branches; takes a while the first time. Raises DeckError."""
    found = deck.choices.for_start()
    first = [(Content(f"The first installed: {plain(found.auto)}"), AUTO)] if found.auto else []
    here = plain(found.base or deck.choices.base()) or "detached HEAD"
    bases = [(Content(f"the current branch: {here}" if not found.base else here), "")]
    bases += [(Content(plain(name)), name) for name in found.branches]
    known = {each.name: each for each in found.profiles}
    if found.auto:
        known[AUTO] = known[found.auto]
    own = f"as configured: {plain(found.tier)}" if found.tier else "none: the agent's own model"
    tiers = [(Content(own), "")]
    tiers += [(Content("").join([Content(name), _dim(f"  {plain(chain)}")]), name) for name, chain in found.tiers]
    return Choices(
        profiles=[*first, *map(_profile, found.profiles), (Content("Any command, not an agent CLI"), COMMAND)],
        known=known,
        default=found.default,
        tier=found.tier,
        tiers=tiers,
        bases=[*bases, (Content("another branch, a tag or a commit …"), OTHER)],
        boxes=[(Content(f"as configured: {found.box}"), ""), *((Content(text), mode) for mode, text in _BOXES)],
        box=found.box,
        hosts=_hosts(deck.hosts().names()),
        no_box=found.no_box,
        last=deck.choices.remembered(),
    )


def _hosts(names: Sequence[str]) -> list[Option]:
    if not names:
        return []
    own, best = (Content("this machine"), ""), (Content("any: the one with the most room"), ANY)
    return [own, best, *((Content(plain(name)), name) for name in names)]


def _profile(choice: ProfileChoice) -> Option:
    title = plain(choice.title)
    return (Content(title) if choice.installed else _dim(f"{title}: {plain(choice.install)}"), choice.name)


def _dim(text: str) -> Content:
    return Content.styled(text, "$foreground 50%")


def _models(choice: ProfileChoice | None, more: Sequence[str], tier: str) -> list[Option]:
    """The models of a profile; `more` are those that its CLI or its provider lists."""
    if tier:
        return [(Content(f"the tier {plain(tier)} names it"), "")]
    if choice is None or not choice.takes_model:
        return [(Content("its own: it can't be told another"), "")]
    own = f"its profile's: {plain(choice.model)}" if choice.model else "its CLI's own"
    names = dict.fromkeys([*choice.models, *more])
    return [(Content(own), ""), *((Content(plain(name)), name) for name in names), (Content("another one …"), OTHER)]


_PERMISSIONS = (
    ("as its CLI is set up", ""),
    ("ask before it changes anything", str(Level.ASK)),
    ("edit files, commit, run the usual commands", str(Level.EDIT)),
    ("all that you can do", str(Level.ALL)),
)
_BOXES = (
    (str(BoxMode.OFF), "no box: all of your files and the network"),
    (str(BoxMode.FILES), "its worktree, none of your other files"),
    (str(BoxMode.FULL), "and only its own part of the network"),
)
_ALL_IN_BOX = "With “all” choose a box, or “no box” if you mean that."


class NewAgent(ModalScreen[Sequence[StartRequest] | None]):
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
        self._is_new = draft is None
        self.draft = draft or StartRequest()
        self._choices = Choices()
        self._warned = False
        self._listed: dict[str, tuple[str, ...]] = {}
        """The models that each profile's CLI or provider lists, as far as they were asked."""

    def compose(self) -> ComposeResult:
        draft = self.draft
        with VerticalScroll(classes="dialog form", can_focus=False):
            yield Label("New agent", classes="question")
            yield TextArea(draft.task, id="task", tab_behavior="focus", placeholder=_PLACEHOLDER, compact=True)
            yield Label("", id="advice", markup=False)
            yield from self._picker("Profile", "profile")
            yield from self._picker("Base", "base")
            yield Input(draft.base or "", placeholder="branch, tag or commit", id="other-base")
            yield from self._picker("Tier", "tier")
            yield from self._picker("Model", "model")
            yield Input(draft.model or "", placeholder="a model's name, as its CLI wants it", id="other-model")
            with Horizontal(classes="field"):
                yield Label("Permission")
                yield Select[str](
                    _PERMISSIONS, value=draft.permission or "", allow_blank=False, id="permission", compact=True
                )
            yield from self._picker("Box", "box")
            yield from self._picker("Host", "host")
            needs = draft.needs.text if draft.needs is not None else ""
            yield from self._line("Needs", "needs", needs, f"nothing; or such as: {Needs.EXAMPLE}")
            yield from self._line("If lost", "if-lost", draft.if_lost, "wait; or: fail after 30m, restart after 10m")
            with Horizontal(classes="field"):
                yield Label("Copies")
                copies = [(str(number), str(number)) for number in range(1, _MOST_COPIES + 1)]
                yield Select[str](copies, value="1", allow_blank=False, id="copies", compact=True)
            with Horizontal(classes="field"):
                yield Label("Name")
                yield Input(draft.name or "", placeholder="made from the task", id="name")
            if self._deck.folder:
                yield Label(f"It starts in {plain(self._deck.folder)}.", markup=False)
            yield Label("", id="complaint", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Start (ctrl+s)", id="start", variant="success", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def _picker(self, label: str, name: str) -> ComposeResult:
        with Horizontal(classes="field", id=f"{name}-field"):
            yield Label(label)
            yield Select[str]([("…", LOADING)], value=LOADING, allow_blank=False, id=name, compact=True)

    def _line(self, label: str, name: str, value: str, placeholder: str) -> ComposeResult:
        with Horizontal(classes="field", id=f"{name}-field"):
            yield Label(label)
            yield Input(value, placeholder=placeholder, id=name)

    def on_mount(self) -> None:
        for name in ("host", "needs", "if-lost"):
            self.query_one(f"#{name}-field").display = False
        self.query_one("#advice").display = False
        self.query_one("#other-base").display = self.query_one("#other-model").display = False
        self.set_focus(self.query_one("#task"))
        self.run_worker(self._load, thread=True, exit_on_error=False, name="choices")

    def _load(self) -> Choices:
        return choices(self._deck)

    @on(Worker.StateChanged)
    def _loaded(self, event: Worker.StateChanged) -> None:
        event.stop()
        if event.state is WorkerState.ERROR:
            self.complain(sentence(event.worker.error))
        result = event.worker.result
        if event.state is not WorkerState.SUCCESS:
            return
        if isinstance(result, Choices):
            self._offer(result)
        elif event.worker.name == "issue":
            self.query_one("#task", TextArea).text = str(result)
            self.complain("Here is the issue; start it with ctrl+s.")
        elif event.worker.name == "models" and result is not None:
            self._listed.update([result])
            self._offer_models()
        elif event.worker.name == "base":
            self._based(is_there=bool(result))

    def _offer(self, offered: Choices) -> None:
        self._choices = offered
        last = offered.last if self._is_new else {}
        draft = self.draft
        self._choose("profile", offered.profiles, draft.profile or last.get("profile") or offered.default)
        bases = [name for _, name in offered.bases]
        self._choose("base", offered.bases, draft.base if draft.base in bases else OTHER if draft.base else "")
        self._choose("tier", offered.tiers, draft.tier or last.get("tier") or "")
        same = draft.model or (last.get("model") if last.get("profile") == self._value("profile") else "") or ""
        self._offer_models(str(same))
        self._choose("box", offered.boxes, draft.box or last.get("box") or "")
        self.query_one("#box", Select).disabled = bool(offered.no_box)
        self._choose("host", offered.hosts or [(Content("this machine"), "")], draft.on)
        self.query_one("#host-field").display = bool(offered.hosts)
        if self._is_new and last.get("permission") in {str(Level.ASK), str(Level.EDIT)}:
            self.query_one("#permission", Select).value = last["permission"]

    def _value(self, name: str) -> str:
        value = self.query_one(f"#{name}", Select).value
        return str(value) if value and value != LOADING else ""

    def _offer_models(self, wanted: str | None = None) -> None:
        """The models of the chosen profile; what was chosen stays where it is still there."""
        if not self._choices.known:
            return
        profile, wanted = self._value("profile"), self._value("model") if wanted is None else wanted
        tier = self._value("tier") or self._choices.tier
        options = _models(self._choices.known.get(profile), self._listed.get(profile, ()), tier)
        if wanted and wanted not in [value for _, value in options]:
            self.query_one("#other-model", Input).value, wanted = wanted, OTHER
        self._choose("model", options, wanted)
        self.query_one("#model", Select).disabled = len(options) == 1
        if len(options) > 1 and profile not in self._listed:
            self._listed[profile] = ()
            self.run_worker(partial(self._list_models, profile), thread=True, exit_on_error=False, name="models")

    def _list_models(self, profile: str) -> tuple[str, tuple[str, ...]]:
        with suppress(DeckError):  # the names that the profile knows stay
            return profile, self._deck.choices.models(profile)
        return profile, ()

    def _choose(self, name: str, options: Sequence[Option], wanted: object) -> None:
        select = self.query_one(f"#{name}", Select)
        select.set_options(options)
        known = [value for _, value in options]
        select.value = wanted if wanted in known else known[0]

    @on(Select.Changed, "#permission")
    def _permission_changed(self, event: Select.Changed) -> None:
        self._warned = False
        self.complain("")
        if event.value == Level.ALL and not self._choices.no_box:
            self.query_one("#box", Select).value = str(BoxMode.FULL)

    @on(Select.Changed, "#box")
    def _box_changed(self) -> None:
        self._warned = False

    @on(Select.Changed, "#base")
    def _base_changed(self, event: Select.Changed) -> None:
        self.query_one("#other-base").display = event.value == OTHER

    @on(Select.Changed, "#host")
    def _host_changed(self) -> None:
        host = self._value("host")
        self.query_one("#needs-field").display = host == ANY
        self.query_one("#if-lost-field").display = bool(host)
        self.complain(self._missing(self._value("profile")))

    @on(Select.Changed, "#model")
    def _model_changed(self, event: Select.Changed) -> None:
        self.query_one("#other-model").display = event.value == OTHER

    @on(Select.Changed, "#tier")
    def _tier_changed(self) -> None:
        self._offer_models()

    @on(Select.Changed, "#profile")
    def _profile_changed(self, event: Select.Changed) -> None:
        self._offer_models()
        is_command = event.value == COMMAND
        self.query_one("#task", TextArea).placeholder = _COMMAND_PLACEHOLDER if is_command else _PLACEHOLDER
        for name in ("tier", "permission"):
            self.query_one(f"#{name}", Select).disabled = is_command
        self.complain(self._missing(str(event.value)))

    def _missing(self, profile: str) -> str:
        choice = self._choices.known.get(profile)
        if choice is None or choice.installed or self._value("host"):  # a host has programs of its own
            return ""
        return f"{choice.title} is not installed. Install it with: {choice.install}"

    def complain(self, text: str) -> None:
        label = self.query_one("#complaint", Label)
        label.update(plain(text))
        label.display = bool(text)

    def _typed(self) -> StartRequest:
        def chosen(name: str) -> str | None:
            return self._value(name) or None

        def typed(name: str) -> str | None:
            value = chosen(name)
            return (self.query_one(f"#other-{name}", Input).value.strip() or None) if value == OTHER else value

        needs = None
        with suppress(ValueError):  # `_problem` says so
            needs = self._needs()
        return StartRequest(
            needs=needs,
            task=self.query_one("#task", TextArea).text.strip(),
            profile=chosen("profile"),
            base=typed("base"),
            tier=chosen("tier"),
            model=typed("model"),
            name=self.query_one("#name", Input).value.strip() or None,
            permission=chosen("permission"),
            box=chosen("box"),
            on=chosen("host") or "",
            if_lost=self.query_one("#if-lost", Input).value.strip() if chosen("host") else "",
        )

    def action_cancel(self) -> None:
        self.draft = self._typed()
        self.dismiss(None)

    def action_start(self) -> None:
        """Check what was typed; what is wrong is said and nothing is lost."""
        typed = self.draft = self._typed()
        problem = self._problem(typed)
        if problem:
            self.complain(problem)
        elif typed.profile != COMMAND and _ISSUE.fullmatch(typed.task):
            self.complain(f"Reading {typed.task} …")
            self.run_worker(self._read_issue, thread=True, exit_on_error=False, name="issue")
        elif self._is_all(typed) and not self._is_full(typed) and not self._warned:
            self._warned = True
            self.complain(f"{meaning_of_all(typed.box)} Start it again if you mean that.")
        else:
            self._check_base(typed)

    def _check_base(self, typed: StartRequest) -> None:
        if typed.base:
            self.run_worker(self._find_base, thread=True, exit_on_error=False, name="base")
        else:
            self._go(typed)

    def _problem(self, typed: StartRequest) -> str:
        try:
            if typed.name:
                check_name(typed.name)
            if typed.model:
                check_model(typed.model)
            check_if_lost(typed.if_lost)
            self._needs()
        except DeckError as error:
            return f"{error.title} {error.hint}"
        except ValueError as error:
            return f"{str(error)[:1].upper()}{str(error)[1:]}."
        if self._is_all(typed) and not typed.box and not self._is_full(typed) and not self._choices.no_box:
            return _ALL_IN_BOX
        if typed.profile != COMMAND:
            return self._missing(typed.profile or "")
        try:
            argv = shlex.split(typed.task)
        except ValueError as error:
            return f"That is not a command line: {error}."
        return "" if argv else "Type a command."

    def _needs(self) -> Needs | None:
        """What the host must have; raise ValueError for what can't be read."""
        text = self.query_one("#needs", Input).value
        return Needs.from_text(text) if text.strip() and self._value("host") == ANY else None

    def _is_all(self, typed: StartRequest) -> bool:
        return typed.permission == Level.ALL and typed.profile != COMMAND

    def _is_full(self, typed: StartRequest) -> bool:
        return (typed.box or self._choices.box) == BoxMode.FULL

    def _read_issue(self) -> str:
        return self._deck.choices.issue(self.draft.task)

    def _find_base(self) -> bool:
        return self._deck.choices.is_commit(self.draft.base or "")

    def _based(self, *, is_there: bool) -> None:
        if is_there:
            self._go(self.draft)
        else:
            self.complain(f"There is no branch, tag or commit “{plain(self.draft.base or '')}”.")

    def _go(self, typed: StartRequest) -> None:
        if typed.profile == COMMAND:
            argv = tuple(shlex.split(typed.task))
            request = replace(typed, task="", profile=None, tier=None, model=None, permission=None, argv=argv)
        else:
            request = replace(typed, sure=self._warned)
        count = int(str(self.query_one("#copies", Select).value))
        self.dismiss([replace(request, name=_numbered(request.name, number, count)) for number in range(1, count + 1)])

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

    @on(TextArea.Changed, "#task")
    def _advise(self, event: TextArea.Changed) -> None:
        """Advice on the task, which keeps nobody from starting it."""
        found = lint(event.text_area.text, is_task=True) if event.text_area.text.strip() else []
        told = [advice.text for advice in found if advice.level == "warn"][:_ADVICE_MAX]
        label = self.query_one("#advice", Label)
        label.update("\n".join(f"Advice: {plain(text)}" for text in told))
        label.display = bool(told)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "start":
            self.action_start()
        else:
            self.action_cancel()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_start()


def _numbered(name: str | None, number: int, count: int) -> str | None:
    return f"{name}-{number}" if name and count > 1 else name
