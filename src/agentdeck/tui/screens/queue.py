"""The queue: who is landing, how far each has come, why not, and what its gate prints; then the tasks of files that a
window of its own starts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList

from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.text.durations import short_duration
from agentdeck.engine.views.landings import Stage
from agentdeck.engine.views.terminal import NOTE
from agentdeck.tui.acts.deeds import ask_and_publish, ask_and_undo, land
from agentdeck.tui.acts.ways import ask_by_hand, ask_hand_back
from agentdeck.tui.keys.keys import BY_ID, EARLIER, OPEN, REMOVE, UNDO, WAYS, bound
from agentdeck.tui.list.header import KeyHint, Piece
from agentdeck.tui.list.hints import hint_of
from agentdeck.tui.look.styled import clean
from agentdeck.tui.screens.listing import Item, Listing, ListingColumn, lines

if TYPE_CHECKING:
    from agentdeck.engine.views.landings import Entry, Landing, LandRequest
    from agentdeck.engine.views.tasks import TaskList, TaskState

_OF_AGENTS = ("agent.land", "agent.publish", "view.conflict")
_SHOWN = 60
"""Landings that are listed, the newest of them."""
_GATE_LINES = 2000
"""Lines of a gate's log that are shown, the last of them."""


@dataclass(frozen=True, slots=True)
class Queue:
    landings: tuple[Landing, ...]
    """The newest first."""
    running: frozenset[str]
    waiting: tuple[str, ...]
    """The agents of those that run whose turn is still to come, in their order."""
    undone: Mapping[int, int]
    """The landings' steps that were undone, and by which step each."""
    gate: tuple[str, ...]
    """What the gate of the selected line printed last."""
    tasks: tuple[TaskList, ...]
    """The newest first."""
    at: int
    """Seconds since the epoch; 0 while nothing runs."""


class QueueScreen(Listing):
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound([OPEN, REMOVE, UNDO, *WAYS, EARLIER, *(BY_ID[each] for each in _OF_AGENTS)])
    ]
    heading = "Landing queue"
    empty = "Nothing has landed yet. Press {agent.land} on an agent that is done to land it."
    columns = (
        ListingColumn("STAGE", 13),
        ListingColumn("AGENT", 10),
        ListingColumn("ON", 6),
        ListingColumn("WORK", 10),
        ListingColumn("WHEN", 8),
    )
    every = 1.0
    follows_landings = True

    def find(self) -> Queue:
        landings = list(reversed(self.deck.landings.all()))[:_SHOWN]
        running = [each for each in landings if self.deck.landings.is_running(each)]
        waiting = [name for each in running for name in self.deck.landings.waiting(each)]
        undone = {step.number: step.undone for step in self.deck.history.steps() if step.undone} if landings else {}
        at, ids = int(time.time()) if running else 0, frozenset(each.id for each in running)
        tasks = tuple(reversed(self.deck.tasks.all()))
        return Queue(tuple(landings), ids, tuple(waiting), undone, tuple(self._gate(landings)), tasks, at)

    def _gate(self, landings: Sequence[Landing]) -> list[str]:
        pairs = [(landing, entry) for landing in landings for entry in landing.entries]
        found = next((pair for pair in pairs if _key(*pair) == self.selected), pairs[0] if pairs else None)
        return self.deck.landings.gate_lines(*found, _GATE_LINES) if found is not None else []

    def summary(self, facts: Any) -> str:
        count = len(facts.running)
        return f"{count} landing{'' if count == 1 else 's'} under way" if count else "none under way"

    def items(self, facts: Any) -> Sequence[Item]:
        return [
            *(self._item(*pair) for pair in self._pairs()),
            *(_task_item(each, task) for each in facts.tasks for task in each.tasks),
        ]

    def _item(self, landing: Landing, entry: Entry) -> Item:
        queue: Queue = self.facts
        stage, reason = str(entry.stage), entry.reason
        if by := queue.undone.get(entry.step):
            stage, reason = "undone", f"by step {by}" if entry.stage is Stage.LANDED else reason
        elif entry.has_nothing_new:
            stage = "nothing new"
        is_under_way = landing.id in queue.running
        if is_under_way and entry.stage is Stage.QUEUED and entry.agent not in queue.waiting:
            reason = "taken out"
        began = short_duration(max(0.0, time.time() - landing.at))
        return _item(landing, entry, stage, reason, began if is_under_way else f"{began} ago")

    def _pairs(self) -> list[tuple[Landing, Entry]]:
        """Each entry with its landing, those that wait in the order in which they will land."""
        queue: Queue | None = self.facts
        if queue is None:
            return []
        places = {name: at for at, name in enumerate(queue.waiting)}

        def place(landing: Landing, entry: Entry) -> int:
            is_waiting = landing.id in queue.running and entry.stage is Stage.QUEUED
            return places.get(entry.agent, len(places)) if is_waiting else -1

        return [
            (landing, entry)
            for landing in queue.landings
            for entry in sorted(landing.entries, key=lambda each: place(landing, each))
        ]

    def _chosen(self) -> tuple[Landing, Entry] | None:
        return next((pair for pair in self._pairs() if _key(*pair) == self.selected), None)

    def about(self, facts: Any, key: str) -> Content:
        found = self._chosen()
        if found is None and (tasks := self._chosen_tasks()) is not None:
            task = next(task for task in tasks.tasks if _task_key(tasks, task) == key)
            return lines((f"{tasks.id}: {tasks.summary}", "bold"), f"{task.name}: {task.text or 'not begun'}")
        return _about(*found, facts.gate, facts.undone) if found else Content()

    def _chosen_tasks(self) -> TaskList | None:
        found = self.facts.tasks if self.facts is not None else ()
        return next((each for each in found for task in each.tasks if _task_key(each, task) == self.selected), None)

    def _highlighted(self) -> None:
        self.reload()

    def hints(self) -> Sequence[KeyHint]:
        found, tasks = self._chosen(), self._chosen_tasks()
        if found is None:
            return [hint_of("agent.remove", self.app._keymap)] if tasks is not None and not tasks.over else ()
        opens = [replace(hint_of(OPEN.id, self.app._keymap), title="gate output")] if self.facts.gate else []
        return [*opens, *(hint_of(name, self.app._keymap) for name in self._useful(*found))]

    def _useful(self, landing: Landing, entry: Entry) -> list[str]:
        queue: Queue = self.facts
        names = list[str]()
        if landing.id in queue.running and not entry.stage.is_end:
            names += ["land.earlier", "land.later"] if len(queue.waiting) > 1 and entry.agent in queue.waiting else []
            return [*names, "agent.remove"]
        if entry.conflicts:
            names += ["view.conflict", "land.hand-back", "land.by-hand"]
        if entry.stage is not Stage.LANDED or entry.has_nothing_new or entry.step in queue.undone:
            names.append("agent.land")
        names.append("agent.publish")
        return [*names, UNDO.id] if entry.step and entry.step not in queue.undone else names

    # Keys

    @on(OptionList.OptionSelected)
    def action_open(self) -> None:
        """Show what the gate printed on the whole screen, or the list again."""
        self.toggle_class("-whole")

    def action_back(self) -> None:
        if self.has_class("-whole"):
            self.remove_class("-whole")
        else:
            super().action_back()

    def action_land(self) -> None:
        """Try the selected landing again, after the dialog that every landing has."""
        from agentdeck.tui.screens.land import LandDialog

        def answer(request: LandRequest | None) -> None:
            if request is not None:
                self._land(request)

        if (found := self._chosen()) is not None:
            self.app.push_screen(LandDialog(self.deck, [found[1].agent]), answer)

    def _land(self, request: LandRequest) -> None:
        land(self.deck, self.actions, request)

    def action_conflict(self) -> None:
        from agentdeck.tui.screens.conflict import ConflictScreen

        if (found := self._chosen()) is not None:
            self.app.push_screen(ConflictScreen(self.deck, self.actions, found[1].agent, lambda: None))

    def action_publish(self) -> None:
        if (found := self._chosen()) is not None:
            ask_and_publish(self, self.deck, self.actions, [found[1].agent], found[1].base)

    def action_hand_back(self) -> None:
        if (entry := self._conflicting()) is not None:
            ask_hand_back(self, entry.agent, entry.base, _places(entry), self._land)

    def action_by_hand(self) -> None:
        if (entry := self._conflicting()) is not None:
            ask_by_hand(self, self.deck, entry.agent, entry.base, self._land)

    def _conflicting(self) -> Entry | None:
        found = self._chosen()
        if found is None or not found[1].conflicts or found[0].id in self.facts.running:
            self.notify("Only a landing that was set aside for a conflict can be resolved.", severity="warning")
            return None
        return found[1]

    def action_remove(self) -> None:
        """Take the agent out of the queue, or start no more tasks of the list."""
        if (tasks := self._chosen_tasks()) is not None and not tasks.over:
            self.actions.do(f"dropping {tasks.id}", lambda note: _dropped(self.deck.tasks.cancel(tasks.id)))
            return
        if (name := self._under_way()) is not None:
            self.actions.do(f"taking {name} out of the queue", lambda note: self.deck.landings.drop(name))

    def action_earlier(self) -> None:
        self._move(-1)

    def action_later(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        if (name := self._under_way()) is not None:
            self.actions.do(f"moving {name}", lambda note: self.deck.landings.move(name, by))

    def _under_way(self) -> str | None:
        found = self._chosen()
        if found is None or found[0].id not in self.facts.running or found[1].stage.is_end:
            self.notify("This landing has ended.", severity="warning")
            return None
        return found[1].agent

    def action_undo(self) -> None:
        found = self._chosen()
        number = found[1].step if found is not None else 0
        step = next((step for step in self.deck.history.steps() if step.number == number), None) if number else None
        if step is None:
            self.notify("This landing moved nothing, so there is nothing to undo.", severity="warning")
        elif step.undone:
            self.notify(f"It was already undone by step {step.undone}.", severity="warning")
        else:
            ask_and_undo(self, self.deck, self.actions, step)


def _key(landing: Landing, entry: Entry) -> str:
    return f"{landing.id} {entry.agent}"


_LOOKS = {
    "queued": ("◌", "$foreground 60%"),
    "merging": ("●", "$text-primary"),
    "gating": ("●", "$text-primary"),
    "moving": ("●", "$text-primary"),
    "landed": ("⚑", "$text-success"),
    "undone": ("↶", "$foreground 60%"),
    "nothing new": ("○", "$foreground 60%"),
    "set aside": ("✗", "$text-error"),
    "interrupted": ("■", "$text-warning"),
}


def _item(landing: Landing, entry: Entry, stage: str, reason: str, when: str) -> Item:
    glyph, style = _LOOKS.get(stage, ("?", ""))
    work = _work(entry) if entry.new else ""
    return Item(
        _key(landing, entry),
        (
            (f"{glyph} {stage}", style),
            (entry.agent, "bold"),
            (entry.base, ""),
            (reason or work, style if reason else ""),
            (when, "$foreground 60%"),
        ),
    )


_TASK_LOOKS = {
    "": ("◌", "$foreground 60%"),
    "queued": ("◌", "$foreground 60%"),
    "started": ("●", "$text-primary"),
    "ended": ("✓", "$text-success"),
    "skipped": ("✗", "$text-error"),
}


def _task_key(tasks: TaskList, task: TaskState) -> str:
    return f"{tasks.id} task {task.name}"


def _task_item(tasks: TaskList, task: TaskState) -> Item:
    glyph, style = _TASK_LOOKS[task.state]
    when = f"{short_duration(max(0.0, time.time() - task.at))} ago" if task.at else ""
    return Item(
        _task_key(tasks, task),
        (
            (f"{glyph} {task.state or 'queued'}", style),
            (task.agent or task.name, "bold"),
            (tasks.id, ""),
            (task.text, ""),
            (when, "$foreground 60%"),
        ),
    )


def _dropped(tasks: TaskList) -> str:
    return f"{tasks.id} starts no more tasks: {tasks.summary}. Agents that run go on."


def _places(entry: Entry) -> str:
    count = sum(max(1, len(each.hunks)) for each in entry.conflicts)
    return f"{count} place{'' if count == 1 else 's'}"


def _work(entry: Entry) -> str:
    commits = f"{entry.commits} commit{'' if entry.commits == 1 else 's'}"
    return f"{commits}, {entry.files} file{'' if entry.files == 1 else 's'}"


def _about(landing: Landing, entry: Entry, gate: Sequence[str], undone: Mapping[int, int]) -> Content:
    began = time.strftime("%H:%M:%S", time.localtime(landing.at))
    spent = short_duration(max(0.0, (landing.ended or time.time()) - landing.at))
    took = f"took {spent}" if landing.ended else f"for {spent} now"
    # What it prints begins with each command.
    commands = "" if gate else f"; gate: {'; '.join(landing.gate) or 'none'}"
    said: list[Piece | str] = [
        (f"{entry.agent} on {entry.base or '…'}: {entry.stage}", "bold"),
        (f"by {landing.method}, started {began}, {took}{commands}", "$foreground 60%"),
    ]
    if by := undone.get(entry.step):
        said.append((f"Undone by step {by}.", "$text-warning"))
    if entry.new:
        said.append(f"{entry.old[:10]} → {entry.new[:10]}: {_work(entry)}")
    if entry.reason:
        said += ["", (f"Why: {entry.reason}.", "" if entry.stage is Stage.LANDED else "$text-error")]
    said += [f"  {line}" for line in entry.detail.splitlines()]
    said += [f"  {conflict.where}: {conflict.text}" for conflict in entry.conflicts]
    if entry.hint:
        said.append((f"→ {entry.hint}", "$text-accent"))
    if gate:
        said += ["", ("Gate output", "bold"), *(clean(line) for line in gate if not line.startswith(NOTE))]
    return lines(*said)
