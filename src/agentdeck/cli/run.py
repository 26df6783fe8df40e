"""Verbs that start agents and follow them to their end: run and resume."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.cli.agents import reason_part
from agentdeck.cli.deck import for_each, open_deck
from agentdeck.cli.interrupts import terminated_as_interrupted
from agentdeck.cli.output import Output, flush, state_cell
from agentdeck.cli.texts import read_text
from agentdeck.core.agents.agent import Mode, safe_name
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.permission import Level
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import plain
from agentdeck.engine.views.documents import agent_fields, to_json
from agentdeck.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from agentdeck.core.config.tasks import TaskEntry
    from agentdeck.core.fleet.placement import Needs
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views import AgentView, QueuedTask, StartRequest, TaskEnd

_ALONE = ("name", "branch", "id", "task_file", "race", "metric", "lower", "land", "issue")
"""Options that mean one agent, and so make no sense for a file of tasks."""


def run(args: Namespace, out: Output) -> ExitCode:
    if args.list:
        return _work_on(args.list, out)
    if args.file:
        return _run_many(args, out)
    if args.jobs is not None:
        raise UsageError("--jobs works with -f only.")
    request = request_of(args)
    if args.issue:
        if args.command or args.race:
            raise UsageError("--issue doesn't work with --race or a command after --.")
        request = open_deck(out).pulls.for_issue(request, args.issue)
    if args.race:
        return _run_race(args, request, out)
    for option in ("metric", "lower", "land"):
        if getattr(args, option):
            raise UsageError(f"--{option} works with --race only.")
    deck = open_deck(out)
    listener = _Listener(out)

    def work() -> ExitCode:
        view = deck.start(request, listener.starting)
        return _report(view, out, ended=False) if args.detach else _follow(deck, view, listener)

    return _interruptible(deck, listener, work)


def request_of(args: Namespace) -> StartRequest:
    """What the command line of `run` asks for; raise UsageError where it contradicts itself."""
    from agentdeck.engine.views import StartRequest

    if args.command and not args.command[0].strip():
        raise UsageError("The command after -- is empty.", hint="agentdeck run -- CMD ARG…")
    if args.command and (args.task or args.task_file):
        raise UsageError("Give either a task or a command after --.")
    if args.command and (args.agent or args.account):
        raise UsageError("Give either -a or a command after --.")
    if args.task_file and args.task:
        raise UsageError("Give the task with --task-file or on the command line, not both.")
    text = " ".join(args.task)
    if args.task_file or text == "-":
        text = read_text(args.task_file or "-").strip()
        if not text:
            raise UsageError(f"There is no task in {args.task_file or 'standard input'}.")
    return StartRequest(
        task=text,
        profile=args.agent,
        account=args.account,
        name=args.name,
        branch=args.branch,
        base=args.base,
        tier=args.tier,
        model=_model(args),
        permission=_permission(args),
        sure=_is_sure(args),
        box=args.box,
        timeout=args.timeout,
        env=dict(args.env),
        argv=tuple(args.command),
        id=args.id,
        mode=_mode(args),
        failover=_failover(args),
        folder="" if args.top else None,
        on=args.on or "",
        needs=_needs(args),
        now=args.now,
    )


def _needs(args: Namespace) -> Needs | None:
    from agentdeck.cli.hosts import needs_of

    needs = needs_of(args)
    asks = bool(needs.cpu or needs.memory or needs.gpu or needs.labels)
    if asks and args.on != "any":
        raise UsageError("What a host needs works with --on any only.", hint="agentdeck run --on any …")
    return needs if asks else None


def _failover(args: Namespace) -> tuple[str, ...] | None:
    """As asked for; `none` is nothing at all, whatever is configured."""
    if args.failover is None:
        return None
    if args.command:
        raise UsageError("--failover doesn't work with a command after --.")
    names = tuple(name for name in (each.strip() for each in args.failover.split(",")) if name)
    return () if names == ("none",) else names


def _permission(args: Namespace) -> str | None:
    if args.permission and args.command:
        raise UsageError("A command after -- runs as it is; it has no permission levels.")
    return args.permission[-1] if args.permission else None


def _model(args: Namespace) -> str | None:
    if args.model and args.command:
        raise UsageError("A command after -- runs as it is; it can't be told a model.")
    if args.model and args.race:
        raise UsageError("--model doesn't work with --race.", hint="A tier names the model of a racer: claude@TIER.")
    return str(args.model) if args.model else None


def _is_sure(args: Namespace, told: str = "") -> bool:
    """Whether it says `all` once more than it needs to; `told`: what a task says itself."""
    return [*args.permission, told].count(Level.ALL) > 1


def _mode(args: Namespace) -> Mode | None:
    """As asked for. Where nobody is at a terminal to answer an agent, one that is waited for is headless."""
    if args.mode is not None:
        return Mode(args.mode)
    if args.command or args.detach or sys.stdin.isatty():
        return None
    return Mode.HEADLESS


class _Listener:
    """Tells each event once, those from before this call not at all, and knows which agents this call started."""

    def __init__(self, out: Output) -> None:
        self.out = out
        self.started: list[str] = []
        self._begun = time.time()
        self._told: set[tuple[float, str, str, str]] = set()

    def starting(self, event: Event) -> None:
        """Hear of a start. One that finds its `--id` in use tells nothing, and so has not started what it waits for."""
        if event.kind == EventKind.AGENT_CREATED:
            self.started.append(event.agent)
        self.waiting(event)

    def waiting(self, event: Event) -> None:
        key = (event.at, event.kind, event.agent, event.text)
        if event.at >= self._begun and key not in self._told:
            self._told.add(key)
            self.out.note(event)


def _follow(deck: Deck, view: AgentView, listener: _Listener) -> ExitCode:
    """Wait for the end of `view`; its name goes out at once, so that a script can act on it meanwhile."""
    if not listener.out.json:
        listener.out.line(view.name)
        flush()
    view = deck.wait(view.name, listener.waiting)
    # The end may have been written down just after the events were read for the last time.
    for event in deck.events(view.name):
        listener.waiting(event)
    return _report(view, listener.out, ended=True)


def _interruptible(deck: Deck, listener: _Listener, work: Callable[[], ExitCode]) -> ExitCode:
    """Do `work`; on SIGINT or SIGTERM stop what this call has started, and no agent of another call's."""
    with terminated_as_interrupted():
        try:
            return work()
        except KeyboardInterrupt:
            _stop_started(deck, listener)
            return ExitCode.INTERRUPTED


def _stop_started(deck: Deck, listener: _Listener) -> None:
    out = listener.out
    names = [view.name for view in deck.agents() if view.alive and view.name in listener.started]
    if not names:
        out.complain("agentdeck: interrupted; no agent was stopped.")
        return
    out.complain(f"agentdeck: interrupted; stopping {', '.join(names)}. Interrupt again to leave at once.")
    try:
        views, _ = for_each(names, lambda name: deck.stop(name, listener.waiting), out)
    except KeyboardInterrupt:
        out.complain("agentdeck: “agentdeck ls” shows running agents.")
        return
    for view in views:
        _report(view, out, ended=True)


def _run_race(args: Namespace, request: StartRequest, out: Output) -> ExitCode:
    from agentdeck.cli import race

    if args.agent or (args.detach and args.land):
        raise UsageError("--race names the agents, and --land needs their end.", hint="agentdeck race --land best")
    deck = open_deck(out)
    listener = _Listener(out)

    this = deck.races.prepare(request, args.race, metric=args.metric, lower=args.lower)
    out.narrate(f"Race {this.id}: {', '.join(this.names)}")

    def work() -> ExitCode:
        deck.races.start(this, request, listener.starting, wait=not args.detach)
        if args.detach:
            if out.json:
                out.emit("race", **race.race_head(this))
            else:
                out.line(this.id)
            return ExitCode.OK
        found = deck.races.standing(this.id, listener.waiting)
        race.show(found, out)
        return race.land(deck, found, args.land, out, keep=False) if args.land else race.outcome(found)

    return _interruptible(deck, listener, work)


def _report(view: AgentView, out: Output, *, ended: bool) -> ExitCode:
    """Print how the agent stands, the last thing that `run` prints."""
    if out.json:
        out.emit("agent", **agent_fields(view))
    elif not ended:
        out.line(view.name)
    if not ended:
        return ExitCode.OK
    status = view.status
    took = f" after {short_duration(status.ended - status.started)}" if status.ended and status.started else ""
    out.narrate(f"{state_cell(view.state).text} {view.name}{took}{reason_part(view)}")
    out.narrate(f"  branch {plain(view.branch)}, log {view.log}")
    return view.outcome


def _run_many(args: Namespace, out: Output) -> ExitCode:
    if args.task or args.command or any(getattr(args, each) for each in _ALONE):
        raise UsageError("With -f, all task options come from the file.", hint="See “agentdeck run --help”.")
    tasks = queued_tasks(args)
    deck = open_deck(out)
    if args.detach:
        made = deck.tasks.detach(tasks, args.jobs or 0)
        if out.json:
            out.emit("tasks", **to_json(made))
        else:
            out.line(made.id)
            out.narrate("A window of its own starts them. “agentdeck queue” shows how they stand.")
        return ExitCode.OK
    listener = _Listener(out)

    def work() -> ExitCode:
        ends = deck.start_many(tasks, args.jobs or 0, listener.starting)
        for end in ends:
            if end.view is not None:
                _report(end.view, out, ended=True)
        return outcome_of_many(ends)

    return _interruptible(deck, listener, work)


def _work_on(name: str, out: Output) -> ExitCode:
    """Start the tasks of a list, in the window of that. An interrupt stops no agent."""
    deck = open_deck(out)
    return outcome_of_many(deck.tasks.work(name, _Listener(out).starting))


def queued_tasks(args: Namespace) -> list[QueuedTask]:
    """The tasks of `run -f`; what the command line says holds where a task says nothing."""
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views import QueuedTask, StartRequest

    tasks = []
    for entry in Deck.tasks_in(Path(args.file)):
        request = StartRequest(
            task=entry.task,
            profile=None if entry.command else entry.agent or args.agent,
            name=entry.name,
            branch=entry.branch,
            base=entry.base or args.base,
            tier=entry.tier or args.tier,
            model=None if entry.command else entry.model or _model(args),
            permission=None if entry.command else entry.permission or _permission(args),
            sure=_is_sure(args, entry.permission or ""),
            box=entry.box or args.box,
            timeout=entry.timeout or args.timeout,
            env={**dict(args.env), **entry.env},
            argv=tuple(entry.command),
            id=entry.id,
            mode=None if entry.command else _mode(args),
            failover=None if entry.command else _failover(args),
            folder="" if args.top else None,
            on=entry.on or args.on or ("any" if entry.needs else ""),
            needs=needs_in(entry) or _needs(args),
            if_lost=entry.if_lost,
            now=args.now,
        )
        tasks.append(QueuedTask(safe_name(entry.name), request, tuple(map(safe_name, entry.after))))
    return tasks


def needs_in(entry: TaskEntry) -> Needs | None:
    """What a task of a file needs; None where it does not say."""
    from agentdeck.core.fleet.placement import Needs

    asked = entry.needs
    return Needs(asked.cpu, asked.memory, asked.gpu, tuple(asked.labels)) if asked is not None else None


def outcome_of_many(ends: list[TaskEnd]) -> ExitCode:
    """OK when all were done; the code of those that failed or didn't start, where they agree; else FAILED."""
    codes = {end.view.outcome for end in ends if end.view} | {end.error.exit_code for end in ends if end.error}
    codes -= {ExitCode.OK}
    if len(codes) == 1:
        return codes.pop()
    return ExitCode.OK if not codes and all(end.view for end in ends) else ExitCode.FAILED


def resume(args: Namespace, out: Output) -> ExitCode:
    prompt = read_text("-").strip() if args.prompt == ["-"] else " ".join(args.prompt)
    if args.prompt == ["-"] and not prompt:
        raise UsageError("Standard input is empty.")
    deck = open_deck(out)
    listener = _Listener(out)

    def work() -> ExitCode:
        view = deck.resume(args.name, prompt, listener.waiting, now=args.now)
        listener.started.append(view.name)
        return _follow(deck, view, listener) if args.wait else _report(view, out, ended=False)

    return _interruptible(deck, listener, work)
