"""Verbs about who serves models, and what that costs: gateway, models, spend."""

from __future__ import annotations

import csv
import io
import os
import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.cli.agents import print_meters
from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import BOLD, DIM, GREEN, RED, YELLOW, Cell, Output, TableColumn
from agentdeck.cli.reading import parse_since
from agentdeck.core.frozen import asdict
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import plain
from agentdeck.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views.money import Backups, Spending, SpendingLine

_HEALTH = {"closed": GREEN, "open": RED, "half-open": YELLOW}


def gateway(args: Namespace, out: Output) -> ExitCode:
    if args.action == "presets":
        return _presets(out)
    deck = open_deck(out, looks=args.action in ("status", "metrics", "stop"))
    if args.action == "check":
        return _check(deck, out)
    if args.action == "metrics":
        text = deck.providers.metrics()
        out.emit("metrics", text=text) if out.json else out.line(text.rstrip())
        return ExitCode.OK
    if args.action == "start":
        deck.providers.start_gateway()
    elif args.action == "stop":
        deck.providers.stop_gateway()
    return _status(deck, out)


def _presets(out: Output) -> ExitCode:
    """The providers that need no table: who has a key here, which formats they speak, and where."""
    from agentdeck.core.config.presets import PARTIAL, PRESETS

    found: list[dict[str, Any]] = [
        {
            "name": name,
            "key": preset.get("key_env") or preset.get("login_key_env", ""),
            "apis": list(preset["apis"]),
            "base_url": preset.get("base_url", ""),
            "local": bool(preset.get("local")),
        }
        for name, preset in {**PRESETS, **PARTIAL}.items()
    ]
    for each in found:
        each["key_set"] = bool(os.environ.get(each["key"])) if each["key"] else None
    if out.json:
        out.emit("gateway_presets", presets=found)
        return ExitCode.OK
    marks = {True: Cell("set", GREEN), None: Cell(""), False: Cell("not set", DIM)}
    rows = [
        [
            Cell(each["name"]),
            Cell(each["key"] or ("none" if each["local"] else "")),
            marks[each["key_set"]],
            Cell(", ".join(each["apis"])),
            Cell(each["base_url"] or "base_url has to be set", DIM),
        ]
        for each in found
    ]
    names = [("PROVIDER", 10), ("KEY", 10), ("HERE", 4), ("FORMATS", 10), ("ADDRESS", 20)]
    out.table([TableColumn(name, width) for name, width in names], rows)
    return ExitCode.OK


def _status(deck: Deck, out: Output) -> ExitCode:
    found = deck.providers.gateway()
    if out.json:
        out.emit(
            "gateway",
            running=found.running,
            wanted=found.wanted,
            pid=found.pid,
            port=found.port,
            started=found.started,
            providers=[asdict(each) for each in found.providers],
            agents={name: asdict(each) for name, each in found.agents.items()},
        )
        return ExitCode.OK
    if found.started is None:
        dead = "; it starts with the first agent that needs it"
        if found.wanted:
            dead = " though it should: “agentdeck gateway start”"
        out.line(f"The gateway is not running{dead}.")
        return ExitCode.OK
    age = short_duration(time.time() - found.started)
    out.line(f"The gateway listens on 127.0.0.1:{found.port} (process {found.pid}, for {age}).")
    if found.providers:
        rows = [
            [
                Cell(each.name),
                Cell(each.state, _HEALTH[each.state]),
                Cell(short_duration(max(0.0, each.until - time.time())) if each.until else "", DIM),
                Cell(each.reason),
            ]
            for each in found.providers
        ]
        out.table(
            [TableColumn("PROVIDER", 8), TableColumn("BREAKER", 8), TableColumn("FOR", 3), TableColumn("WHY", 10)], rows
        )
    over = [[Cell(name), Cell(each.text)] for name, each in found.agents.items() if each.text]
    if over:
        out.line()
        out.table([TableColumn("AGENT", 8), TableColumn("SERVED", 20)], over)
    return ExitCode.OK


def _check(deck: Deck, out: Output) -> ExitCode:
    targets = deck.providers.check()
    if out.json:
        out.emit("gateway_check", targets=targets)
    elif targets:
        marks = {True: Cell("✓", GREEN), None: Cell("–", YELLOW), False: Cell("✗", RED)}
        rows = [
            [
                marks[each["ok"]],
                Cell(each["tier"]),
                Cell(f"{each['provider']}:{each['model']}" if each["model"] else each["provider"]),
                Cell("" if each["seconds"] is None else f"{each['seconds']:.2f} s", DIM),
                Cell(each["text"]),
            ]
            for each in targets
        ]
        out.table(
            [
                TableColumn("", 1),
                TableColumn("TIER", 6),
                TableColumn("TARGET", 12),
                TableColumn("TOOK", 6),
                TableColumn("", 12),
            ],
            rows,
        )
    else:
        out.narrate("No tier is configured, and no model server answers on this machine.")
    return ExitCode.FAILED if any(each["ok"] is False for each in targets) else ExitCode.OK


def models(args: Namespace, out: Output) -> ExitCode:
    if args.file and args.action != "serve":
        raise UsageError(f"“models {args.action}” takes no file.", hint="agentdeck models serve FILE.gguf")
    deck = open_deck(out, looks=args.action == "stop")
    if args.action == "serve":
        return _serve(args, deck, out)
    if args.action == "stop":
        names = deck.providers.stop_serving()
        out.emit("served", stopped=names) if out.json else out.narrate(f"Stopped {', '.join(names)}.")
        return ExitCode.OK
    reports = deck.providers.models()
    if out.json:
        out.emit("models", servers=[asdict(each) for each in reports])
        return ExitCode.OK
    rows = [
        [
            Cell("✓", GREEN) if each.ok else Cell("–" if not each.models else "✗", DIM if not each.models else RED),
            Cell(each.provider),
            Cell(each.base_url, DIM),
            Cell(", ".join(each.models)),
            Cell("" if each.seconds is None else f"{each.seconds:.1f} s"),
            Cell("" if each.speed is None else f"{each.speed:.0f} tokens/s"),
            Cell(each.text),
        ]
        for each in reports
    ]
    columns = [("", 1), ("PROVIDER", 8), ("WHERE", 10), ("MODELS", 12), ("TOOK", 5), ("SPEED", 6), ("", 8)]
    out.table([TableColumn(title, least) for title, least in columns], rows)
    return ExitCode.OK


def _serve(args: Namespace, deck: Deck, out: Output) -> ExitCode:
    from agentdeck.core.config.presets import SERVED_PORT

    if not args.file:
        raise UsageError("Which model?", hint="agentdeck models serve FILE.gguf")
    out.narrate(f"Loading {plain(Path(args.file).name)} …")
    from agentdeck.system.machine.host import home_path

    served = deck.providers.serve(home_path(args.file), port=args.port or SERVED_PORT, context=args.context)
    if out.json:
        out.emit("served", window=served.window, base_url=served.base_url, model=served.model)
        return ExitCode.OK
    out.line(f"{plain(served.model)} is available at {served.base_url}.")
    if args.port in (None, SERVED_PORT):
        out.narrate("The tier “local” includes it as “served”. “agentdeck models stop” stops it.")
    return ExitCode.OK


def spend(args: Namespace, out: Output) -> ExitCode:
    if args.csv and out.json:
        raise UsageError("Use either --csv or --json.")
    since = parse_since(args.since, time.time()) if args.since else 0.0
    deck = open_deck(out, looks=True)
    found, meters = deck.providers.spending(args.by, since), deck.accounts.metered()
    if found.mistake:
        out.complain(plain(f"agentdeck: without the prices and limits of the configuration: {found.mistake}"), YELLOW)
    if out.json:
        dearest = found.dearest and {"model": found.dearest[0], "cost": found.dearest[1]}
        deep = {"share": found.deep_share, "limit": found.deep_limit}
        lines = [_fields(line) for line in found.lines]
        backups = {**asdict(found.backups), "saved": found.backups.saved}
        told = {"dearest": dearest, "deep": deep, "backups": backups, "accounts": [each.to_json() for each in meters]}
        out.emit("spend", by=args.by, since=since, lines=lines, total=_fields(found.total), **told)
    elif args.csv:
        rows = io.StringIO()
        writer = csv.DictWriter(rows, list(_fields(found.total)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_fields(line) for line in found.lines)
        out.line(rows.getvalue().rstrip("\n"))
    else:
        _print_spending(found, args.by, out)
        print_meters(out, meters)
    return ExitCode.OK


def _fields(line: SpendingLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "requests": line.requests,
        **asdict(line.usage),
        "cost": round(line.cost, 6),
        "unpriced": line.unpriced,
        "seconds": round(line.seconds, 3),
    }


def _print_spending(found: Spending, by: str, out: Output) -> None:
    if not found.lines:
        out.narrate("No spending recorded.")
        return
    titles = (by.upper(), "REQUESTS", "INPUT", "CACHED", "OUTPUT", "COST")
    rows = [
        [
            Cell(line.name, BOLD if line is found.total else ""),
            Cell(str(line.requests)),
            Cell(f"{line.usage.input + line.usage.cache_write:,}"),
            Cell(f"{line.usage.cache_read:,}"),
            Cell(f"{line.usage.output:,}"),
            Cell(_priced(line)),
        ]
        for line in (*found.lines, found.total)
    ]
    out.table([TableColumn(title, 5) for title in titles], rows)
    if found.dearest is not None:
        model, cost = found.dearest
        out.line(f"At {plain(model)}'s prices this would have cost {_money(cost)}.")
    if (backups := found.backups).requests:
        out.line(_backups_text(backups))
    if found.deep_share or found.deep_limit is not None:
        limit = found.deep_limit
        over = limit is not None and found.deep_share > limit
        said = f", {'more than' if over else 'within'} the limit of {limit:.0%}" if limit is not None else ""
        out.line(out.styled(f"The tier “deep” has {found.deep_share:.0%} of it{said}.", YELLOW if over else ""))


def _backups_text(backups: Backups) -> str:
    served = "1 request" if backups.requests == 1 else f"{backups.requests} requests"
    text = f"Backups served {served} for {_priced(backups)}"
    if backups.saved is None:
        return f"{text}."
    less = f"saved {_money(backups.saved)}" if backups.saved >= 0 else f"cost {_money(-backups.saved)} more"
    return f"{text}; at the first provider's prices {_money(backups.primary or 0.0)}, so they {less}."


def _priced(spent: SpendingLine | Backups) -> str:
    return _money(spent.cost) + (f" and {spent.unpriced} without a price" if spent.unpriced else "")


def _money(dollars: float) -> str:
    return f"${dollars:.2f}" if dollars >= 0.1 or not dollars else f"${dollars:.4f}"
