"""Races: start agents on the same task, compare them, land one of them."""

from __future__ import annotations

from argparse import Namespace
from itertools import pairwise
from typing import TYPE_CHECKING

from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import BOLD, DIM, GREEN, RED, YELLOW, Cell, Output, TableColumn, inside_agent, terminal_width
from agentdeck.core.frozen import asdict
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import cut, plain
from agentdeck.errors import ExitCode, RefusedError, UsageError

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views.trials import Race, Score, Standing

_WIDTH = 160
"""Columns of two changes side by side where nobody said how wide the output is."""


def race(args: Namespace, out: Output) -> ExitCode:
    if args.keep and not args.land:
        raise UsageError("--keep works with --land only.", hint="agentdeck race --land best --keep")
    deck = open_deck(out)
    if args.list:
        return _list(deck, out)
    found = deck.races.standing(args.race, out.tell)
    if args.diff:
        return _diff(deck, found, out)
    show(found, out)
    return land(deck, found, args.land, out, keep=args.keep) if args.land else outcome(found)


def outcome(found: Standing) -> ExitCode:
    """OK where somebody can land, or has landed."""
    return ExitCode.OK if found.best or found.race.ended else ExitCode.FAILED


def land(deck: Deck, found: Standing, wanted: str, out: Output, *, keep: bool) -> ExitCode:
    from agentdeck.engine.views.landings import Stage

    if inside_agent():
        raise RefusedError("An agent can't pick the winner of a race.", hint="Ask a person.")
    how = f"the rule of --land {wanted}" if wanted == "best" else "terminal"
    landing = deck.races.land(found, wanted, out.tell, approved=how, keep=keep)
    if landing is not None and landing.entries[0].stage is not Stage.LANDED:
        entry = landing.entries[0]
        raise RefusedError(f"{entry.agent} did not land: {entry.reason}", detail=entry.detail, hint=entry.hint)
    rest = "the others stay" if keep else "the others are removed; “agentdeck undo --list” lists the steps"
    out.narrate(f"The race is over; {rest}.")
    return ExitCode.OK


def show(found: Standing, out: Output) -> None:
    """Print the race as a table."""
    this = found.race
    if out.json:
        out.emit("race", **race_fields(found))
        return
    out.narrate(f"Race {this.id} on {plain(this.base)} at {this.commit[:10]}: {cut(plain(this.task), 60)}")
    racers = {racer.name: racer for racer in this.racers}
    rows = []
    for place, score in found.places:
        racer = racers[score.name]
        tests = f"changes {len(score.tests)} test file{'s' * (len(score.tests) != 1)}" if score.tests else ""
        told = [score.out, "landed" if this.winner == score.name and this.ended else "", tests]
        tied = sum(each == place for each, _ in found.places) > 1 and place
        rows.append(
            [
                Cell(f"{place}{'=' if tied else ''}" if place else "–", GREEN if place == 1 else DIM),
                Cell(score.name, BOLD),
                Cell(f"{racer.profile}{'@' * bool(racer.tier)}{racer.tier}"),
                Cell(score.gate, GREEN if score.gate == "passed" else RED),
                Cell("" if score.metric is None else f"{score.metric:g}"),
                Cell(_size(score.files, score.lines)),
                Cell("" if score.cost is None else f"${score.cost:.2f}"),
                Cell(short_duration(score.seconds) if score.seconds else ""),
                Cell("; ".join(filter(None, told)), YELLOW if score.tests and not score.out else ""),
            ]
        )
    heads = [("", 2), ("NAME", 6), ("AGENT", 6), ("GATE", 6), ("METRIC", 6), ("CHANGE", 8), ("COST", 5), ("TIME", 4)]
    out.table([*(TableColumn(head, width) for head, width in heads), TableColumn("", 10)], rows)
    if not this.ended and found.best:
        out.narrate(f"To compare: agentdeck race --diff {this.id}; to land: agentdeck race --land NAME {this.id}")


def race_fields(found: Standing) -> dict[str, object]:
    this = found.race
    racers = {racer.name: racer for racer in this.racers}
    scores = [{**asdict(score), **asdict(racers[score.name]), "place": place} for place, score in found.places]
    return {**race_head(this), "racers": scores}


def race_head(this: Race) -> dict[str, object]:
    fields = {**asdict(this), "names": this.names}
    for name in ("judged", "racers", "run_id"):
        fields.pop(name)
    return fields


def _list(deck: Deck, out: Output) -> ExitCode:
    races = deck.races.all()
    if out.json:
        out.emit("races", races=[race_head(each) for each in races])
        return ExitCode.OK
    rows = [
        [Cell(each.id, BOLD), Cell(" ".join(each.names)), Cell(each.winner), Cell(cut(plain(each.task), 60))]
        for each in races
    ]
    if not rows:
        out.narrate("No race yet.")
        return ExitCode.OK
    heads = [("RACE", 22), ("AGENTS", 10), ("WINNER", 6), ("TASK", 10)]
    out.table([TableColumn(head, width) for head, width in heads], rows)
    return ExitCode.OK


def _diff(deck: Deck, found: Standing, out: Output) -> ExitCode:
    """Print the changes of each two that follow one another in the ranking side by side."""
    scores = [score for _, score in found.places if score.files]
    if len(scores) < 2:
        raise RefusedError("There are no two changes to compare.", hint=f"agentdeck race {found.race.id}")
    for one, other in pairwise(scores):
        for line in beside_lines(deck, one, other, terminal_width() or _WIDTH):
            kinds = {"+": GREEN, "-": RED}
            out.line(line if not out.colours() else _coloured(line, kinds, out))
        out.line()
    return ExitCode.OK


def beside_lines(deck: Deck, one: Score, other: Score, width: int) -> list[str]:
    from agentdeck.core.trials.beside import beside

    files = [deck.review.diff(deck.agent(score.name)).files for score in (one, other)]
    return list(beside((one.name, other.name), files[0], files[1], width))


def _coloured(line: str, kinds: dict[str, str], out: Output) -> str:
    parts = line.split(" │ ", 1)
    return " │ ".join(out.styled(part, kinds.get(part[:1], "")) for part in parts)


def _size(files: int, lines: int) -> str:
    """How much was changed; empty where nothing was."""
    return f"{files} file{'s' * (files != 1)}, {lines} line{'s' * (lines != 1)}" if files else ""
