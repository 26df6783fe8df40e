"""The verb radar: who will collide with whom, as a matrix that fits the terminal."""

from __future__ import annotations

import textwrap
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from agentdeck.cli.agents import MARK_STYLES
from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import BOLD, DIM, YELLOW, Output, flush, terminal_width
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.merging.radar import Pair, RadarReport, Verdict
from agentdeck.core.text.text import columns, cut, pad, plain
from agentdeck.engine.views.documents import collision_fields
from agentdeck.errors import ExitCode

if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views.radar import CollisionPlace

_WORDS = {
    Verdict.CLEAN: "clean",
    Verdict.TOUCHES: "touches the same files",
    Verdict.CONFLICTS: "conflicts",
}
_UNKNOWN = "?"
_BASE = "base"
_TOUCHING = 20
"""Pairs that touch the same files of which these are told."""
_NAME_LEAST = 12
"""Columns below which a name is not cut to make room for the matrix; then that is printed in parts."""


def radar(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    if args.sides:
        return _sides(deck, args.names, out)
    if args.watch:
        for report in deck.radar.follow(args.names):
            if not out.json:
                _new_page(report, out)
            _print(report, args.names, out)
            flush()
        return ExitCode.OK
    _print(deck.radar.look(args.names, _warn(out)), args.names, out)
    return ExitCode.OK


def _warn(out: Output) -> Callable[[Event], None]:
    """What could not be looked at is told; conflicts are what is printed."""
    return lambda event: out.tell(event) if event.kind == EventKind.WARNING else None


def _sides(deck: Deck, names: Sequence[str], out: Output) -> ExitCode:
    """Print both sides of every conflict of these agents, or of all."""
    report = deck.radar.look(names, _warn(out))
    every = [(pair, False) for pair in report.base] + [(pair, True) for pair in report.pairs]
    found = [
        deck.radar.collision(pair.a, pair.b, is_agent=is_agent)
        for pair, is_agent in every
        if pair.verdict is Verdict.CONFLICTS
    ]
    if out.json:
        out.emit("conflicts", conflicts=[collision_fields(each) for each in found])
        return ExitCode.OK
    for each in found:
        for place in each.places:
            out.line(f"{out.styled('✗', MARK_STYLES[Verdict.CONFLICTS])} {out.styled(plain(place.where), BOLD)}")
            _side(each.ours, each.task, place.ours, out)
            _side(each.theirs, each.their_task or _written_by(place), place.theirs, out)
    if not found:
        out.narrate("Nothing conflicts.")
    return ExitCode.OK


def _side(name: str, why: str, lines: Sequence[str], out: Output) -> None:
    out.line(f"  {out.styled(plain(name), BOLD)}  {out.styled(plain(why.partition(chr(10))[0]), DIM)}")
    for line in lines:
        out.line(f"    {plain(line)}")


def _written_by(place: CollisionPlace) -> str:
    who = (f"{each.agent}: {each.task}" if each.agent else f"{each.author}: {each.subject}" for each in place.owners)
    return "; ".join(who)


def _new_page(report: RadarReport, out: Output) -> None:
    out.clear_screen()
    out.line(out.styled(time.strftime("%H:%M:%S", time.localtime(report.at)), DIM))


def _print(report: RadarReport, names: Sequence[str], out: Output) -> None:
    if out.json:
        out.emit("radar", **report.to_json())
        return
    if not report.agents:
        out.narrate("No agent has work to land.")
        return
    for line in matrix(report, terminal_width(), out, wanted=_in_full(report, names)):
        out.line(line)
    out.line()
    for line in _findings(report, out):
        out.line(line)
    if len(report.order) > 1:
        text = f"Order to land in: {', '.join(report.order)}"
        for line in textwrap.wrap(text, terminal_width() or 10_000, subsequent_indent="  ", break_on_hyphens=False):
            out.line(line)


def _in_full(report: RadarReport, names: Sequence[str]) -> tuple[str, ...]:
    """The agents that were asked for; all where none were."""
    about = {pair.a for pair in report.base} | set(report.problems) | set(report.order)
    return tuple(name for name in report.agents if name in about) if names else report.agents


def matrix(report: RadarReport, width: int | None, out: Output, *, wanted: Sequence[str]) -> Iterator[str]:
    """The lines of the table: a row an agent, a column an agent of `wanted` by its number in the rows.

    Where all are wanted, each pair is told once, below the diagonal. What is wider than `width` comes in parts.
    """
    numbers = {name: number for number, name in enumerate(report.agents, 1)}
    cells = {(pair.a, pair.b): pair.verdict for pair in report.pairs}
    cells |= {(b, a): verdict for (a, b), verdict in cells.items()}
    base = {pair.a: pair.verdict for pair in report.base}
    is_whole = len(wanted) == len(report.agents)
    across = [name for name in wanted if not is_whole or numbers[name] < len(report.agents)]
    digits = len(str(len(report.agents)))
    longest = max(columns(plain(name)) for name in report.agents)
    room = 10_000 if width is None else width - digits - 1 - 2 - len(_BASE)
    named = min(longest, max(_NAME_LEAST, room - len(across) * (digits + 1)))
    at_once = max(1, (room - named) // (digits + 1))
    for start in range(0, max(1, len(across)), at_once):
        part = across[start : start + at_once]
        heads = "".join(f" {numbers[name]:>{digits}}" for name in part)
        yield out.styled(f"{'':{digits}} {'':{named}}  {_BASE}{heads}", DIM).rstrip()
        for name in report.agents:
            row = [other for other in part if not is_whole or numbers[other] < numbers[name]]
            if start and not row:
                continue
            label = pad(cut(plain(name), named), named)
            text = _cell(base.get(name), len(_BASE), out) if name in wanted else " " * len(_BASE)
            for other in row:
                verdict = cells.get((name, other))
                text += " " + (" " * digits if name == other else _cell(verdict, digits, out))
            yield f"{out.styled(f'{numbers[name]:>{digits}}', DIM)} {label}  {text}".rstrip()
        if start + at_once < len(across):
            yield ""
    unknown = {_UNKNOWN: "not known"} if any(report.problems) else {}
    words = {verdict.glyph: word for verdict, word in _WORDS.items()} | unknown
    yield out.styled("  ".join(f"{glyph} {word}" for glyph, word in words.items()), DIM)


def _cell(verdict: Verdict | None, width: int, out: Output) -> str:
    glyph, style = (verdict.glyph, MARK_STYLES[verdict]) if verdict else (_UNKNOWN, DIM)
    return " " * (width - 1) + out.styled(glyph, style)


def _findings(report: RadarReport, out: Output) -> Iterator[str]:
    """What is behind the glyphs: every conflict with its lines, then the shared files, then what is not known."""
    every = (*report.base, *report.pairs)
    for pair in (pair for pair in every if pair.verdict is Verdict.CONFLICTS):
        yield f"{_head(pair, out)} {out.styled(plain(pair.a), BOLD)} conflicts with {out.styled(plain(pair.b), BOLD)}"
        yield from (f"    {plain(conflict.where)}" for conflict in pair.conflicts)
    touching = [pair for pair in every if pair.verdict is Verdict.TOUCHES]
    for pair in touching[:_TOUCHING]:
        text = f" {pair.a} touches the same files as {pair.b}: {', '.join(pair.shared)}"
        width = terminal_width()
        yield _head(pair, out) + (plain(text) if width is None else cut(plain(text), width - 1))
    if len(touching) > _TOUCHING:
        yield out.styled(
            f"~ and {len(touching) - _TOUCHING} more pairs; “agentdeck radar NAME” lists those of one agent", DIM
        )
    for name, why in report.problems.items():
        yield out.styled(f"{_UNKNOWN} {plain(name)}: {plain(why)}", YELLOW)


def _head(pair: Pair, out: Output) -> str:
    return out.styled(pair.verdict.glyph, MARK_STYLES[pair.verdict])
