"""Benchmarks of tiers, and the tier that a task should get: bench and route."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.cli.deck import open_deck
from agentdeck.cli.interrupts import terminated_as_interrupted
from agentdeck.cli.output import BOLD, DIM, GREEN, RED, YELLOW, Cell, Output, TableColumn
from agentdeck.cli.texts import read_text
from agentdeck.core.frozen import asdict
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import plain, short_count
from agentdeck.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from agentdeck.core.trials.results import BenchResult, Rate
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views.money import Spending


def bench(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.core.trials.promotion import FLOOR, MIN_RUNS

    floor, least = args.floor or FLOOR, args.min_runs or MIN_RUNS
    path = Path(args.file)
    if path.suffix == ".jsonl":
        deck = open_deck(out, looks=True)
        if not path.exists():
            raise UsageError(f"There is no file {path}.")
        results = deck.benchmarks.results(path)
        tier = args.tiers.split(",")[0].strip() if args.tiers else results[0].tier if results else ""
    else:
        if not args.tiers:
            raise UsageError("Which tiers?", hint="agentdeck bench suite.toml --tiers routine,deep")
        deck = open_deck(out)
        results, tier = _run(args, deck, out)
    _show(deck, results, tier, floor, least, out)
    return ExitCode.OK


def _run(args: Namespace, deck: Deck, out: Output) -> tuple[list[BenchResult], str]:
    from agentdeck.engine.views.trials import BenchRequest

    suite = deck.benchmarks.suite(Path(args.file))
    tiers = tuple(dict.fromkeys(filter(None, (each.strip() for each in args.tiers.split(",")))))
    if not tiers:
        raise UsageError("Which tiers?", hint="agentdeck bench suite.toml --tiers routine,deep")
    path = Path(args.out or Path(args.file).with_suffix(".jsonl"))
    request = BenchRequest(
        suite,
        tiers,
        path,
        args.repeat,
        args.id or time.strftime("%Y%m%d-%H%M%S"),
        args.agent or "",
        args.jobs or 0,
        box=args.box != "off",
    )
    if not request.box:
        out.complain("Without a box, agents can read the checks if they look for them.", YELLOW)
    count = len(suite.task) * len(tiers) * args.repeat
    out.narrate(f"{count} runs, as “{request.id}”; their results go to {plain(str(path))}")
    with terminated_as_interrupted():
        results = deck.benchmarks.run(request, out.tell)
    return results, suite.tier or tiers[0]


def _show(deck: Deck, results: list[BenchResult], tier: str, floor: float, least: int, out: Output) -> None:
    from agentdeck.core.trials.results import rates

    tables = {
        "TIER": rates(results, lambda result: result.tier),
        "MODEL": rates(results, lambda result: result.model or "unknown"),
    }
    told = deck.benchmarks.propose(results, tier, floor=floor, min_runs=least)
    patch = deck.benchmarks.as_diff(told)
    if out.json:
        shown = {f"by_{name.lower()}": [_rate_fields(rate) for rate in found] for name, found in tables.items()}
        proposal = {**asdict(told), "diff": patch}
        out.emit("bench", results=[asdict(each) for each in results], **shown, proposal=proposal)
        return
    for name, found in tables.items():
        heads = [(name, 8), ("RUNS", 4), ("PASSED", 6), ("95 %", 8), ("COST", 6), ("TOKENS", 6), ("TIME", 4), ("", 8)]
        out.table([TableColumn(head, width) for head, width in heads], [_row(rate, floor) for rate in found])
        out.line()
    for move in told.moves:
        way = "leads" if move.way == "up" else "goes to the end of"
        out.line(f"Proposal: {plain(move.target)} {way} {plain(move.tier)}: {plain(move.why)}")
    for note in told.notes:
        out.line(plain(note))
    if patch:
        out.line(plain_lines(patch))
        out.narrate("Nothing was changed. To use it, apply this to the file by hand or with “git apply”.")


def plain_lines(text: str) -> str:
    return "\n".join(plain(line) for line in text.splitlines())


def _row(rate: Rate, floor: float) -> list[Cell]:
    low, high = rate.interval
    return [
        Cell(plain(rate.name), BOLD),
        Cell(str(rate.runs)),
        Cell(f"{rate.passed}, {rate.rate:.0%}" if rate.runs else "", GREEN if low >= floor else ""),
        Cell(f"{low:.0%} to {high:.0%}" if rate.runs else ""),
        Cell("" if rate.cost is None else f"${rate.cost:.3f}"),
        Cell(short_count(rate.tokens) if rate.tokens else ""),
        Cell(short_duration(rate.seconds) if rate.runs else ""),
        Cell(f"{rate.uncounted} don't count" if rate.uncounted else "", DIM),
    ]


def _rate_fields(rate: Rate) -> dict[str, object]:
    return {**asdict(rate), "rate": rate.rate, "interval": rate.interval}


def route(args: Namespace, out: Output) -> ExitCode:
    text = " ".join(args.task)
    if text == "-":
        text = read_text("-").strip()
    if not text.strip():
        raise UsageError("There is no task.", hint='agentdeck route "what to do"')
    report = open_deck(out, looks=True).benchmarks.route(text)
    found, spent = report.route, report.spent
    over = spent.deep_limit is not None and spent.deep_share > spent.deep_limit
    if out.json:
        out.emit(
            "route",
            tier=found.tier,
            reasons=found.reasons,
            chain=report.chain,
            tiers=[
                {"tier": line.name, "requests": line.requests, "cost": line.cost, "share": _share(line.cost, spent)}
                for line in spent.lines
            ],
            cost=spent.total.cost,
            deepest=report.deepest,
            deep_share=spent.deep_share,
            deep_limit=spent.deep_limit,
            alert=over,
        )
        return ExitCode.OK
    chain = f" ({plain(' → '.join(report.chain))})" if report.chain else " (not configured: the agent's own provider)"
    out.line(f"{found.tier}{chain}: it {plain('; it '.join(found.reasons))}")
    if spent.lines:
        rows = [
            [
                Cell(plain(line.name), BOLD),
                Cell(str(line.requests)),
                Cell(f"${line.cost:.2f}"),
                Cell(f"{_share(line.cost, spent):.0%}"),
            ]
            for line in spent.lines
        ]
        out.table([TableColumn(head, 5) for head in ("TIER", "REQUESTS", "COST", "SHARE")], rows)
    if report.deepest is not None and spent.total.requests:
        model, cost = report.deepest
        out.line(f"All of it with {plain(model)}: ${cost:.2f}; it was ${spent.total.cost:.2f}.")
    if over:
        told = f"{spent.deep_share:.0%} of the cost; budgets.deep_share is {spent.deep_limit:.0%}"
        out.complain(f"The tier deep has {told}.", RED)
    return ExitCode.OK


def _share(cost: float, spent: Spending) -> float:
    return cost / spent.total.cost if spent.total.cost else 0.0
