"""Verbs that bring work to the base branch and take things back: merge, pull, pr, undo, prune."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agentdeck.cli.deck import open_deck, require_trust, tell_waiting
from agentdeck.cli.interrupts import terminated_as_interrupted
from agentdeck.cli.output import DIM, GREEN, YELLOW, Cell, Output, TableColumn, ask, at_terminal, inside_agent
from agentdeck.core.agents.events import EventKind
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import plain, size_text
from agentdeck.engine.views.documents import landing_fields, stale_fields, step_fields
from agentdeck.errors import DeckError, ExitCode, RefusedError, UsageError

if TYPE_CHECKING:
    from agentdeck.core.agents.events import Event
    from agentdeck.core.config.trust import Change
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views.history import Stale, Step
    from agentdeck.engine.views.landings import Entry, Landing, LandRequest


def merge(args: Namespace, out: Output) -> ExitCode:
    if bool(args.names) == args.all:
        raise UsageError("Name the agents to land, or use --all.")
    deck = open_deck(out)
    names = args.names or _all_done(deck, out)
    if not names:
        out.narrate("No agent that is done has work to land.")
        return ExitCode.OK
    commit = args.commit_message or ("" if args.commit else None)
    if commit is None and not args.dry_run:
        commit = _asked_to_commit(deck, names, out)
    request = _request(args, deck, names, commit, out)
    with terminated_as_interrupted():
        landing = deck.land(request, _narration(names, out))
    _print_landing(landing, out)
    if not args.dry_run:
        tell_waiting(deck, out)
    return _outcome(landing)


def _narration(names: Sequence[str], out: Output) -> Callable[[Event], None]:
    """Tell what happens meanwhile; of a single agent not also how it ended, which comes right after."""
    if len(names) > 1 or out.json:
        return out.tell
    told = (EventKind.LANDING_LANDED, EventKind.LANDING_REFUSED)
    return lambda event: None if event.kind in told else out.tell(event)


def _all_done(deck: Deck, out: Output) -> list[str]:
    """The agents that `--all` means, in the order in which the fewest of them meet a conflict."""
    from agentdeck.core.agents.agent import State

    names = [view.name for view in deck.agents() if view.state is State.DONE and deck.landings.has_work(view.name)]
    if len(names) < 2:
        return names
    try:
        order = deck.radar.look(names).order
    except DeckError as error:
        out.complain(f"They land in order of creation: {plain(error.title)}", YELLOW)
        return names
    return [*order, *(name for name in names if name not in order)]


def _request(args: Namespace, deck: Deck, names: list[str], commit: str | None, out: Output) -> LandRequest:
    from agentdeck.engine.views.landings import LandRequest, Method
    from agentdeck.system.machine.host import run_in_terminal

    if args.resolve and not at_terminal(out):
        raise UsageError("--resolve needs a terminal.", hint="Without one, use --hand-back.")
    if args.resolve and args.method == Method.REBASE:
        raise UsageError(
            "--resolve works with --merge and --squash only.", hint="Rebase the branch in its own worktree."
        )

    def attach(name: str) -> None:
        run_in_terminal(deck.attach_argv(name))

    return LandRequest(
        names=tuple(names),
        method=Method(args.method) if args.method else None,
        into=args.into or "",
        gate=() if args.no_gate else tuple(args.gate) if args.gate else None,
        remove=args.remove,
        dry_run=args.dry_run,
        message=args.message or "",
        trailers=args.trailers,
        commit=commit,
        stop=args.stop,
        batch=args.batch,
        pull=args.pull,
        push=args.push,
        hand_back=args.hand_back,
        resolve=attach if args.resolve else None,
        confirm=_confirm(args, out),
        approved="an agent's shell" if inside_agent() else "terminal" if at_terminal(out) else "script",
    )


def _confirm(args: Namespace, out: Output) -> Callable[[str, tuple[Change, ...]], bool] | None:
    """How a person is asked about work that changes what the repository's configuration runs."""
    if args.accept_config and inside_agent():
        raise RefusedError("An agent can't accept a configuration.", hint="Land it from your own terminal.")
    if inside_agent() or not (args.accept_config or at_terminal(out)):
        return None

    def confirm(name: str, changes: tuple[Change, ...]) -> bool:
        from agentdeck.cli.trust import tell_changes

        out.complain(f"{plain(name)} changes what runs on your machine:", YELLOW)
        tell_changes(changes, out)
        return args.accept_config or args.dry_run or ask("Land it? It takes effect once you approve it.")

    return confirm


def _asked_to_commit(deck: Deck, names: list[str], out: Output) -> str | None:
    """“” where the person at the terminal wants what is uncommitted to be committed, else None."""
    if not at_terminal(out):
        return None
    found = {view.name: deck.review.uncommitted(view.name) for view in (deck.agent(name) for name in names)}
    for name, lines in found.items():
        if lines:
            out.complain(f"{plain(name)} has uncommitted work:")
            for line in [*lines[:12], *(["…"] if len(lines) > 12 else [])]:
                out.complain(f"  {plain(line)}")
    if not any(found.values()):
        return None
    return "" if ask("Commit it, and land it too?") else None


def _print_landing(landing: Landing, out: Output) -> None:
    if out.json:
        out.emit("landing", **landing_fields(landing))
        for entry in landing.entries:
            if entry.exit_code:
                out.error(_error(entry))
        return
    for entry in landing.entries:
        if entry.exit_code:
            out.error(_error(entry))
        else:
            told = plain(out.from_here(_success(entry)))
            landed = out.styled(f"⚑ {entry.stage}", GREEN)
            head = out.styled("○ nothing new", DIM) if entry.has_nothing_new else landed
            out.line(f"{head} {plain(entry.agent)}: {told}")
    if landing.pushed:
        out.narrate(landing.pushed)
    if landing.unpushed:
        text = f"{landing.unpushed} It has landed here anyway."
        out.error(DeckError(text, detail=landing.unpushed_detail, hint=landing.unpushed_hint))


def _success(entry: Entry) -> str:
    if entry.reason:
        return entry.reason
    commits = f"{entry.commits} commit{'s' if entry.commits != 1 else ''}"
    files = f"{entry.files} file{'s' if entry.files != 1 else ''}"
    undo = f"; “agentdeck undo --step {entry.step}” undoes it" if entry.step else ""
    return f"{commits}, {files}, on {entry.base} as {entry.new[:10]}{undo}"


def _error(entry: Entry) -> DeckError:
    return DeckError(f"{entry.agent} was not landed: {entry.reason}", detail=entry.detail, hint=entry.hint)


def _outcome(landing: Landing) -> ExitCode:
    codes = {entry.exit_code for entry in landing.entries if entry.exit_code}
    codes |= {ExitCode.FAILED} if landing.unpushed else set()
    if not codes:
        return ExitCode.OK
    return codes.pop() if len(codes) == 1 else ExitCode.FAILED


def pull(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out)
    text = deck.landings.pull(args.branch or "")
    if out.json:
        out.emit("pulled", text=text)
    else:
        out.line(text)
    tell_waiting(deck, out)
    return ExitCode.OK


def undo(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    if args.list:
        _print_steps(deck.history.steps(), out)
        return ExitCode.OK
    if deck.history.needs_trust(args.step):
        require_trust(deck, out)
    step = deck.undo(args.step, out.tell)
    if out.json:
        out.emit("step", **step_fields(step))
    else:
        out.line(f"Step {step.number}: {plain(step.text)}")
    return ExitCode.OK


def _print_steps(steps: list[Step], out: Output) -> None:
    if out.json:
        out.emit("steps", steps=[step_fields(step) for step in steps])
    elif steps:
        now = time.time()
        rows = [
            [
                Cell(str(step.number)),
                Cell(f"{short_duration(now - step.at)} ago", DIM),
                Cell(step.text),
                Cell(f"undone by {step.undone}" if step.undone else "", DIM),
            ]
            for step in reversed(steps)
        ]
        out.table([TableColumn("STEP", 4), TableColumn("WHEN", 6), TableColumn("WHAT", 20), TableColumn("", 10)], rows)
    else:
        out.narrate("Nothing was removed, landed or pruned yet.")


def prune(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out)
    found = deck.history.stale()
    room = sum(stale.room for stale in found)
    if out.json and (args.dry_run or not found):
        out.emit("prune", stale=[stale_fields(stale) for stale in found], room=room, step=None, failed=[])
        return ExitCode.OK
    if not out.json:
        _print_stale(found, room, out)
    if not found or args.dry_run:
        return ExitCode.OK
    if not args.yes:
        if not at_terminal(out):
            raise RefusedError(
                "Nothing was pruned: prune asks first, and there is no terminal.", hint="agentdeck prune --yes"
            )
        if not ask("Delete all of this?"):
            out.narrate("Nothing was pruned.")
            return ExitCode.REFUSED
    step, failed = deck.history.prune(found, out.tell)
    if out.json:
        fields = [stale_fields(stale) for stale in found]
        out.emit("prune", stale=fields, room=room, step=step and step.number, failed=[stale.what for stale in failed])
    elif step is not None:
        out.narrate(f"“agentdeck undo --step {step.number}” restores what it can.")
    return ExitCode.FAILED if failed else ExitCode.OK


def _lasting(stale: Stale) -> str:
    """A warning where what goes does not come back; the gateway does by itself."""
    return "" if stale.can_be_undone or stale.kind == "gateway" else "for good"


def _print_stale(found: list[Stale], room: int, out: Output) -> None:
    if not found:
        out.narrate("Nothing is stale.")
        return
    rows = [
        [
            Cell(stale.kind),
            Cell(stale.what),
            Cell(stale.why),
            Cell(size_text(stale.room) if stale.room else "", DIM),
            Cell(_lasting(stale), YELLOW if stale.kind == "trash" else DIM),
        ]
        for stale in found
    ]
    out.table(
        [
            TableColumn("KIND", 8),
            TableColumn("WHAT", 10),
            TableColumn("WHY", 12),
            TableColumn("SIZE", 6),
            TableColumn("", 8),
        ],
        rows,
    )
    if room:
        out.narrate(f"{size_text(room)} in all.")
