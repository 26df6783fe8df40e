"""The verb about machines: hosts."""

from __future__ import annotations

import time
from argparse import Namespace
from contextlib import suppress
from typing import TYPE_CHECKING

from agentdeck import __version__
from agentdeck.cli.agents import print_agents
from agentdeck.cli.output import DIM, GREEN, RED, YELLOW, Cell, Output, TableColumn
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import listed, plain, size_text
from agentdeck.engine.views.documents import agent_fields
from agentdeck.errors import ExitCode, UnreachableError, UsageError

if TYPE_CHECKING:
    from agentdeck.core.fleet.placement import Needs
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views import AgentView
    from agentdeck.engine.views.fleet import HostView


def hosts(args: Namespace, out: Output) -> ExitCode:
    act = _ACTS[args.action]
    needs_name = args.action not in ("ls", "why", "check", "image")
    if needs_name and not args.name:
        raise UsageError(f"Name the host: agentdeck hosts {args.action} NAME.")
    return act(args, out)


def needs_of(args: Namespace) -> Needs:
    """What the command line says that a host must have."""
    from agentdeck.core.fleet.placement import Needs

    return Needs(args.cpu or 0.0, args.memory or 0, args.gpu or 0, tuple(args.label))


def _ls(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.engine.deck import Deck

    found = Deck.hosts().all(note=lambda event: out.complain(plain(event.text), YELLOW))
    if out.json:
        out.emit("hosts", hosts=[_fields(each) for each in found])
    elif found:
        out.table(_COLUMNS, [_row(each) for each in found])
    else:
        out.narrate(_none())
    return ExitCode.OK


def _none() -> str:
    from agentdeck.engine.deck import Deck

    if sources := Deck.hosts().sources():
        return f"There is no host now. {listed(sources)} can give one: agentdeck run --on {sources[0]}"
    return "You have no hosts. Add one that ssh knows: agentdeck hosts add NAME"


_COLUMNS = [
    TableColumn("HOST", 6),
    TableColumn("STATE", 6),
    TableColumn("AGENTS", 3),
    TableColumn("IDLE", 6),
    TableColumn("MEMORY", 6),
    TableColumn("DISK", 6),
    TableColumn("GPU", 3),
    TableColumn("LABELS", 6),
    TableColumn("REACH", 10),
    TableColumn("", 10),
]


def _row(view: HostView) -> list[Cell]:
    from agentdeck.engine.views.fleet import HostState

    facts, now = view.facts, time.time()
    state = Cell("ok", GREEN) if facts is not None else Cell("unreachable", RED)
    if view.drained and facts is not None:
        state = Cell("drained", YELLOW)
    if view.lost:
        state = Cell(f"lost {short_duration(now - view.lost)} ago", YELLOW)
    numbers = ["", "", "", "", ""]
    if facts is not None:
        idle = HostState(view.name, facts).idle
        running = sum(each.alive for each in facts.agents)
        sizes = (size_text(facts.free_memory), size_text(facts.free_disk))
        numbers = [str(running), f"{max(0.0, idle):.1f}/{facts.cores}", *sizes, str(len(facts.gpus) or "")]
    return [
        Cell(view.name),
        state,
        *map(Cell, numbers),
        Cell(" ".join(view.labels), DIM),
        Cell(view.reach, DIM),
        Cell("" if view.lost else view.trouble, YELLOW),
    ]


def _fields(view: HostView) -> dict[str, object]:
    """What docs/json.md calls a host."""
    return {
        "name": view.name,
        "reach": view.reach,
        "labels": list(view.labels),
        "trouble": view.trouble or None,
        "lost": view.lost or None,
        "drained": view.drained or None,
        "provider": view.provider or None,
        "ends": view.ends or None,
        "facts": view.facts and view.facts.to_json(),
    }


def _add(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.engine.deck import Deck

    if sum(map(bool, (args.ssh, args.folder_host, args.exec))) > 1:
        raise UsageError("Give one of --ssh, --exec and --folder.")
    if args.program and args.install:
        raise UsageError("Give either --program or --install.")
    if args.install:
        out.narrate(f"Installing agentdeck {__version__} on {args.name}. This can take a few minutes.")
    added = Deck.hosts().add(
        args.name,
        destination=args.ssh or "",
        folder=args.folder_host or "",
        command=args.exec or "",
        program=args.program or "",
        labels=args.label,
        install=args.install,
    )
    if out.json:
        out.emit("host", **_fields(added))
    else:
        assert added.facts is not None
        out.line(f"{added.name}: agentdeck {added.facts.version}, {added.facts.cores} cores, {added.reach}")
        out.narrate(f'Start an agent there: agentdeck run --on {added.name} "what to do"')
    return ExitCode.OK


def _check(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.engine.deck import Deck

    names = [args.name] if args.name else Deck.hosts().names()
    if args.name and (deck := _deck_here()) is not None:
        with suppress(UnreachableError):  # the check says it
            deck.fleet.welcome(args.name, out.tell)
    good, rows, told = True, [], []
    for name in names:
        for check in Deck.hosts().check(name):
            good = good and check.ok is not False
            told.append({"host": name, "name": check.name, "ok": check.ok, "text": check.text, "hint": check.hint})
            rows.append((f"{name}  {check.name}", check))
    if out.json:
        out.emit("checks", ok=good, checks=told)
    elif rows:
        out.checks(rows)
    else:
        out.narrate(_none())
    return ExitCode.OK if good else ExitCode.FAILED


def _deck_here() -> Deck | None:
    """The deck around the current folder; None outside of a repository, or where it was never used."""
    from agentdeck.engine.deck import Deck
    from agentdeck.errors import NotFoundError

    try:
        deck = Deck.find()
    except NotFoundError:
        return None
    return deck if deck.is_used else None


def _rm(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.engine.deck import Deck

    source = Deck.hosts().remove(args.name)
    if out.json:
        out.emit("forgotten", host=args.name)
    elif source:
        out.narrate(f"{args.name} was given back to {source}.")
    else:
        out.narrate(f"{args.name} is no host of yours any more. Nothing on it was changed.")
    return ExitCode.OK


def _drain(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.engine.deck import Deck

    is_on = args.action == "drain"
    Deck.hosts().drain(args.name, on=is_on)
    if out.json:
        out.emit("hosts", hosts=[_fields(each) for each in Deck.hosts().all([args.name])])
    elif is_on:
        out.narrate(f"Nothing new starts on {args.name}; its agents go on. Back: agentdeck hosts undrain {args.name}")
    else:
        out.narrate(f"Agents can start on {args.name} again.")
    return ExitCode.OK


def _lose(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.cli.deck import require_trust
    from agentdeck.engine.deck import Deck

    deck = Deck.find()
    deck.check()
    require_trust(deck, out)
    return _print(deck, deck.fleet.lose(args.name, out.tell), "No agent had to start again.", out)


def _adopt(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.engine.deck import Deck

    deck = Deck.find()
    return _print(deck, deck.fleet.adopt(args.name, out.tell), f"{args.name} has no agents to adopt.", out)


def _print(deck: Deck, views: list[AgentView], without: str, out: Output) -> ExitCode:
    if out.json:
        out.emit("agents", root=str(deck.root), agents=[agent_fields(view) for view in views])
    elif views:
        print_agents(out, views)
    else:
        out.narrate(without)
    return ExitCode.OK


def _why(args: Namespace, out: Output) -> ExitCode:
    """Where a task would start, or why an agent is where it is."""
    from agentdeck.engine.deck import Deck

    if args.name and args.name not in Deck.hosts().names() and (deck := _deck_here()) is not None:
        return _why_agent(deck, args, out)
    judgements = Deck.hosts().judge(needs_of(args))
    shown = [each for each in judgements if args.name in (None, "", each.host)]
    if args.name and not shown:
        raise UsageError(f"There is no host “{args.name}”.", hint="agentdeck hosts ls")
    if out.json:
        told = [{"host": each.host, "fits": each.fits, "chosen": each.chosen, "text": each.text} for each in shown]
        out.emit("placement", hosts=told)
        return ExitCode.OK
    for each in shown:
        mark, style = ("→", GREEN) if each.chosen else ("✓", GREEN) if each.fits else ("✗", RED)
        out.line(f"{out.styled(mark, style)} {each.host}: {plain(each.text)}")
    if not shown:
        out.narrate(_none())
    return ExitCode.OK


def _why_agent(deck: Deck, args: Namespace, out: Output) -> ExitCode:
    view = deck.agent(args.name)
    text = deck.fleet.why(view)
    if out.json:
        out.emit("placement", hosts=[{"host": view.host, "fits": True, "chosen": True, "text": text}])
    else:
        out.line(f"{out.styled('→', GREEN)} {text}")
    return ExitCode.OK


def _image(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.engine.deck import Deck

    text = Deck.hosts().dockerfile()
    if out.json:
        out.emit("image", dockerfile=text)
    else:
        out.line(text.rstrip("\n"))
    return ExitCode.OK


_ACTS = {
    "image": _image,
    "ls": _ls,
    "add": _add,
    "check": _check,
    "drain": _drain,
    "undrain": _drain,
    "rm": _rm,
    "lose": _lose,
    "adopt": _adopt,
    "why": _why,
}
