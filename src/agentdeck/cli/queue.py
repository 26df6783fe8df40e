"""The verb queue: agents that wait to start, landings that run and ran, and the order of those that wait."""

from __future__ import annotations

import time
from argparse import Namespace

from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import BOLD, DIM, Cell, Output, TableColumn
from agentdeck.core.agents.admission import Waiting
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views.documents import landing_fields, to_json
from agentdeck.engine.views.landings import Entry, Landing, Stage
from agentdeck.engine.views.tasks import TaskList, TaskState
from agentdeck.errors import ExitCode

_SHOWN = 20
"""Landings that are listed, the newest of them."""
_TASK_COLUMNS = ("TASKS", 7), ("TASK", 10), ("STATE", 8), ("AGENT", 10), ("WHEN", 8), ("WHY", 10)
_FIRST = -1_000_000
_BY = {"first": _FIRST, "earlier": -1, "later": 1}


def queue(args: Namespace, out: Output) -> ExitCode:
    moved = next((option for option in _BY if getattr(args, option)), "")
    deck = open_deck(out, looks=not (moved or args.drop or args.now))
    if args.now:
        out.narrate(f"{deck.starts.now(args.now)} starts now.")
    elif args.drop and args.drop in [each.id for each in deck.tasks.all()]:
        out.narrate(f"{args.drop} starts no more tasks: {deck.tasks.cancel(args.drop).summary}. Agents that run go on.")
    elif args.drop:
        out.narrate(plain(deck.landings.drop(args.drop)))
    elif moved:
        out.narrate(plain(deck.landings.move(getattr(args, moved), _BY[moved])))
    if out.json:
        out.emit("queue", **_fields(deck))
    if out.json or moved or args.drop or args.now:
        return ExitCode.OK
    rows = [_waiting_row(deck, each) for each in deck.starts.waiting()]
    rows += [_row(deck, landing, entry) for landing in _newest(deck) for entry in _in_order(deck, landing)]
    if rows:
        columns = ("STAGE", 10), ("AGENT", 10), ("ON", 6), ("WHEN", 8), ("WHY", 10)
        out.table([TableColumn(title, least) for title, least in columns], rows)
    tasks = [_task_row(each, task) for each in deck.tasks.all() for task in each.tasks]
    if tasks:
        out.table([TableColumn(title, least) for title, least in _TASK_COLUMNS], tasks)
    if not (rows or tasks):
        out.narrate("Nothing has landed yet.")
    return ExitCode.OK


def _task_row(found: TaskList, task: TaskState) -> list[Cell]:
    state = task.state or "queued"
    if found.over and state in ("queued", "started"):
        state = "dropped" if state == "queued" else "left"
    age = f"{short_duration(max(0.0, time.time() - task.at))} ago" if task.at else ""
    return [Cell(found.id, DIM), Cell(task.name), Cell(state), Cell(task.agent, BOLD), Cell(age, DIM), Cell(task.text)]


def _newest(deck: Deck) -> list[Landing]:
    return list(reversed(deck.landings.all()))[:_SHOWN]


def _fields(deck: Deck) -> dict[str, object]:
    newest = _newest(deck)
    waiting = [name for landing in newest for name in deck.landings.waiting(landing)]
    landings, tasks = [landing_fields(landing) for landing in newest], [to_json(each) for each in deck.tasks.all()]
    starts = [
        {"agent": each.agent, "deck": each.deck, "since": each.since, "lack": each.lack, "text": each.text}
        for each in deck.starts.waiting()
    ]
    return {"waiting": waiting, "starts": starts, "landings": landings, "tasks": tasks}


def _in_order(deck: Deck, landing: Landing) -> list[Entry]:
    """Those that wait as they will land, after all others."""
    places = {name: at for at, name in enumerate(deck.landings.waiting(landing))}
    return sorted(landing.entries, key=lambda entry: places.get(entry.agent, -1))


def _waiting_row(deck: Deck, waiting: Waiting) -> list[Cell]:
    """One that waits to start; of another repository, with its name in place of a branch."""
    own = waiting.deck == deck.name
    age = short_duration(max(0.0, time.time() - waiting.since))
    return [
        Cell("to start"),
        Cell(waiting.agent, BOLD if own else DIM),
        Cell("" if own else waiting.deck.rpartition("-")[0]),
        Cell(age, DIM),
        Cell(waiting.text),
    ]


def _row(deck: Deck, landing: Landing, entry: Entry) -> list[Cell]:
    age = short_duration(max(0.0, time.time() - landing.at))
    step = next((each for each in deck.history.steps() if each.number == entry.step), None) if entry.step else None
    undone = step.undone if step is not None else 0
    stage, why = str(entry.stage), ""
    if undone and entry.stage is Stage.LANDED:
        stage, why = "undone", f"by step {undone}"
    elif entry.has_nothing_new:
        stage = "nothing new"
    return [
        Cell(stage),
        Cell(entry.agent, BOLD),
        Cell(entry.base),
        Cell(age if deck.landings.is_running(landing) else f"{age} ago", DIM),
        Cell(why or entry.reason),
    ]
