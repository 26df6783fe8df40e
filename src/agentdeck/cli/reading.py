"""Verbs that look and change nothing: ls, show, logs, diff, ports."""

from __future__ import annotations

import re
import time
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from agentdeck.cli.agents import print_agents, print_meters, reason_part
from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import BOLD, DIM, Cell, Output, TableColumn, event_text, flush, is_terminal, state_cell
from agentdeck.core.frozen import asdict
from agentdeck.core.text.durations import parse_duration, short_duration
from agentdeck.core.text.text import cut, plain, short_count, size_text
from agentdeck.engine.views.documents import agent_fields
from agentdeck.errors import ExitCode, NotFoundError, UsageError

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views import AgentView
    from agentdeck.engine.views.holdings import Holding
    from agentdeck.engine.views.radar import KnownMark

_EVENTS_SHOWN = 8


def ls(args: Namespace, out: Output) -> ExitCode:
    if args.all:
        return _ls_all(out)
    deck = open_deck(out, looks=True)
    views = deck.agents()
    marks = deck.radar.marks(views)
    meters = deck.accounts.metered()
    if out.json:
        fields = [agent_fields(view, marks.get(view.name)) for view in views]
        out.emit("agents", root=str(deck.root), agents=fields, accounts=[each.to_json() for each in meters])
    elif views:
        print_agents(out, views, marks)
        print_meters(out, meters)
    else:
        out.narrate('No agents here yet. Start one: agentdeck run "what to do"')
    return ExitCode.OK


def _ls_all(out: Output) -> ExitCode:
    from agentdeck.engine.deck import Deck

    found = [(deck, views) for deck in Deck.everywhere() if (views := deck.agents())]
    if out.json:
        decks = [{"root": str(deck.root), "agents": [agent_fields(view) for view in views]} for deck, views in found]
        out.emit("decks", decks=decks)
        return ExitCode.OK
    for number, (deck, views) in enumerate(found):
        if number:
            out.line()
        out.line(out.styled(plain(str(deck.root)), BOLD))
        print_agents(out, views, {})
    if not found:
        out.narrate("You have no agents in any repository.")
    return ExitCode.OK


def show(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    view = deck.agent(args.name)
    if args.screen:
        text = deck.screen(view.name)
        if out.json:
            out.emit("screen", agent=view.name, text=text)
        else:
            for line in text.rstrip("\n").split("\n"):
                out.line(plain(line))
        return ExitCode.OK
    if args.failovers:
        return _failovers(deck, view, out)
    if args.brief:
        return _brief(deck, view, out)
    # First and last, for it tells what is used meanwhile.
    measured = deck.processes.measure(view)
    events, disk = deck.events(view.name), deck.processes.disk(view)
    known = deck.radar.marks(deck.agents()).get(view.name)
    held, used = deck.holdings(view), measured()
    usage = asdict(used) if used is not None else None
    from agentdeck.core.box.traffic import by_host

    network = by_host(deck.reports.network(view))
    cost = deck.providers.cost_of(view) if view.activity is not None else None
    meters = () if view.host else deck.accounts.metered()  # a host has accounts of its own
    meter = next((each for each in meters if each.name == view.profile), None)
    if out.json:
        leases = [{"kind": each.kind, "held": each.held, "text": _text(each)} for each in held]
        told = [event.to_json() for event in events]
        out.emit(
            "agent",
            **agent_fields(view, known),
            leases=leases,
            usage=usage,
            disk_bytes=disk,
            cost=cost,
            account=meter.to_json() if meter is not None else None,
            network=[asdict(each) for each in network],
            events=told,
        )
        return ExitCode.OK
    cell = state_cell(view.state)
    age = short_duration(time.time() - view.since)
    reason = reason_part(view)
    out.line(f"{out.styled(view.name, BOLD)}  {out.styled(cell.text, cell.style)} for {age}{reason}")
    reached = [("network", "\n".join(each.text for each in network))] if network else []
    used_up = [("limits", meter.text)] if meter is not None and meter.text else []
    for key, value in [*_facts(view, held, usage, disk), *used_up, *reached, *_cost_fact(cost), *_radar_fact(known)]:
        first, *rest = value.splitlines() or [""]
        out.line(f"  {out.styled(f'{key:<10}', DIM)} {plain(first)}")
        for line in rest:
            out.line(f"  {'':<10} {plain(line)}")
    for event in [event for event in events if event.text][-_EVENTS_SHOWN:]:
        out.line(f"  {out.styled(f'{_clock(event.at):<10}', DIM)} {event_text(event)}")
    return ExitCode.OK


def _brief(deck: Deck, view: AgentView, out: Output) -> ExitCode:
    brief = deck.reports.brief(view.name)
    if out.json:
        from agentdeck.engine.views.documents import to_json

        out.emit("brief", **to_json(brief))
        return ExitCode.OK
    for line in brief.lines():
        out.line(plain(line))
    return ExitCode.OK


def _failovers(deck: Deck, view: AgentView, out: Output) -> ExitCode:
    found = deck.failovers(view)
    if out.json:
        out.emit("failovers", agent=view.name, failovers=[asdict(each) for each in found])
        return ExitCode.OK
    for over in found:
        end = _clock(over.end) if over.end is not None else "now"
        served = out.styled(plain(f"{over.provider}:{over.model}".removesuffix(":")), BOLD)
        out.line(f"{_clock(over.start)} to {end}  {served}  {plain(over.reason)}")
        for commit in over.commits:
            out.line(f"  {out.styled(commit.commit[:10], DIM)} {plain(commit.subject)}")
    if not found:
        out.narrate(f"{view.name} was never failed over, as far as is known.")
    return ExitCode.OK


def _facts(
    view: AgentView, held: list[Holding], usage: dict[str, Any] | None, disk: int | None
) -> list[tuple[str, str]]:
    agent, status = view.agent, view.status
    facts = [
        ("task", agent.task),
        (
            "profile",
            f"{agent.profile}, {agent.mode}"
            + (f", tier {agent.tier}" if agent.tier else "")
            + (f", model {agent.model}" if agent.model else "")
            + (f", permission {agent.permission}" if agent.permission else "")
            + (f", box {agent.box}" if agent.box else ""),
        ),
        ("model", view.model),
        *_activity_facts(view),
        ("served by", view.served_by),
        ("failover to", view.profile if view.profile != agent.profile else ""),
        ("failover", ", ".join(agent.failover or ())),
        ("time-out", short_duration(agent.timeout) if agent.timeout else ""),
        ("id", agent.id),
        ("started by", (agent.parents or ("",))[-1]),
        ("variables", ", ".join(sorted(agent.env))),
        *((each.kind, _text(each)) for each in held),
        ("log", str(view.log or "")),
        ("exit code", "" if status.exit_code is None else str(status.exit_code)),
    ]
    if usage is not None:
        memory = usage["rss_bytes"] / 1024 / 1024
        facts.append(("usage", f"{usage['cpu_percent']:.0f} % CPU, {memory:.0f} MiB, {usage['processes']} processes"))
    if disk is not None:
        facts.append(("disk", size_text(disk)))
    return [(key, value) for key, value in facts if value]


def _cost_fact(cost: float | None) -> list[tuple[str, str]]:
    return [] if cost is None else [("cost", f"${cost:.2f}")]


def _activity_facts(view: AgentView) -> list[tuple[str, str]]:
    activity, tool = view.activity, view.tool
    if activity is None:
        return []
    used, since = activity.usage, max(0.0, time.time() - tool.since) if tool else 0.0
    window = f" of {short_count(activity.window)}" if activity.window else ""
    counts = f"{short_count(used.input + used.cache_write)} in, {short_count(used.cache_read)} from cache"
    requests = f"{activity.requests} request{'' if activity.requests == 1 else 's'}"
    return [
        ("now", f"{tool.text} (for {short_duration(since)})" if tool else ""),
        ("sub-agents", ", ".join(activity.subagents.values())),
        ("denied", ", ".join(activity.denied)),
        ("said last", cut(activity.last_words.strip(), 200)),
        ("context", f"{short_count(activity.context)}{window} tokens" if activity.context else ""),
        ("tokens", f"{counts}, {short_count(used.output)} out in {requests}" if activity.requests else ""),
    ]


def _radar_fact(known: KnownMark | None) -> list[tuple[str, str]]:
    if known is None:
        return []
    words = {"clean": "clean with", "touches": "touches the same files as", "conflicts": "conflicts with"}
    others = "all others" if known.mark.verdict == "clean" else ", ".join(known.mark.others)
    since = "" if known.holds else f", {short_duration(time.time() - known.at)} ago; “agentdeck radar” updates it"
    return [("radar", f"{known.mark.verdict.glyph} {words[known.mark.verdict]} {others}{since}")]


def _text(holding: Holding) -> str:
    return holding.text if holding.held else f"{holding.text} (not created yet)"


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def logs(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    view = deck.agent(args.name)
    if args.raw:
        if out.json or args.follow or args.grep or args.since:
            raise UsageError("--raw prints the recorded bytes and works with no other option.")
        for chunk in deck.raw_output(view.name):
            out.exact(chunk)
        return ExitCode.OK
    since = parse_since(args.since, time.time()) if args.since else None
    if args.network:
        return _network(deck, view, out, since, _pattern(args.grep))
    if view.log is None:
        raise NotFoundError(f"{view.name} has no log: it never ran.")
    for line in deck.log_lines(view.name, since=since, grep=_pattern(args.grep), follow=args.follow):
        if out.json:
            out.emit("line", agent=view.name, at=line.at, text=line.text)
        else:
            out.line(f"{out.styled(_clock(line.at), DIM)} {plain(line.text)}")
        if args.follow:
            flush()
    return ExitCode.OK


def _network(deck: Deck, view: AgentView, out: Output, since: float | None, grep: re.Pattern[str] | None) -> ExitCode:
    found = [each for each in deck.reports.network(view) if since is None or each.at >= since]
    for each in found:
        if grep is not None and not grep.search(each.text):
            continue
        if out.json:
            out.emit("connection", agent=view.name, **asdict(each))
        else:
            out.line(f"{out.styled(_clock(each.at), DIM)} {plain(each.text)}")
    if not found and not out.json:
        out.narrate(f"{view.name} asked its box's proxy for nothing.")
    return ExitCode.OK


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text is not None else None
    except re.error as error:
        raise UsageError(f"“{text}” is not a regular expression.", detail=str(error)) from error


def parse_since(text: str, now: float) -> float:
    """Epoch seconds of `10m` (ago), of a date, or of a date and time as ISO 8601 writes it (local where it says no
    zone); raise UsageError."""
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    from datetime import datetime

    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"“{text}” is not a time.", hint="Use 10m, 2h, 2026-01-31, 2026-01-31T14:30 or 2026-01-31T14:30:00Z."
        ) from error


def diff(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    view = deck.agent(args.name)
    if trouble := deck.fleet.fetch(view):
        out.narrate(trouble)
    text = deck.review.text(view.name, stat=args.stat, colour=not out.json and out.colours())
    if out.json:
        out.emit("diff", agent=view.name, base=view.base, branch=view.branch, stat=args.stat, text=text)
    elif text and (args.stat or is_terminal()):
        out.line(text.removesuffix("\n"))
    elif text:
        # For “git apply”: each byte of a file counts.
        out.exact((text.removesuffix("\n") + "\n").encode("utf-8", "surrogateescape"))
    elif not trouble:
        out.narrate(f"{view.name} has changed nothing since {view.base or 'its start'}.")
    return ExitCode.OK


def ports(args: Namespace, out: Output) -> ExitCode:
    if args.forward:
        return _forward(args.forward, out)
    leases = sorted(open_deck(out, looks=True).ports(), key=lambda lease: (lease.ports, lease.deck, lease.agent))
    if out.json:
        out.emit("ports", ports=[asdict(lease) for lease in leases])
    elif leases:
        now, elsewhere = time.time(), any(lease.host for lease in leases)
        rows = [
            [
                Cell(" ".join(map(str, lease.ports))),
                Cell(f"{lease.agent} (in use)" if lease.lingering else lease.agent),
                *([Cell(lease.host or "here", DIM)] if elsewhere else []),
                Cell(lease.deck, DIM),
                Cell(short_duration(now - lease.since)),
            ]
            for lease in leases
        ]
        titles = [("PORTS", 11), ("AGENT", 10), *([("HOST", 4)] if elsewhere else []), ("DECK", 8), ("AGE", 3)]
        out.table([TableColumn(*each) for each in titles], rows)
    else:
        out.narrate("None of your agents holds a port.")
    return ExitCode.OK


def _forward(name: str, out: Output) -> ExitCode:
    """Have the ports of an agent on another host here, until a person has enough."""
    from agentdeck.system.machine.host import run_in_terminal

    deck = open_deck(out, looks=True)
    view = deck.agent(name)
    if not view.host:
        raise UsageError(f"{view.name} is on this machine; its ports are open here already.")
    argv = deck.fleet.forward_argv(view)
    if out.json:
        out.emit("forward", agent=view.name, argv=argv)
        return ExitCode.OK
    shown = " ".join(f"http://127.0.0.1:{port}" for port in deck.fleet.ports_of(view))
    out.narrate(f"Ports of {view.name} on {view.host}, open here until Ctrl-C: {shown}")
    return ExitCode.OK if run_in_terminal(argv) in (0, 130, -2, 255) else ExitCode.FAILED
