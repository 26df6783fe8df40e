"""The columns of the list of agents: what each says of a row, how wide it is, and which fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agentdeck.core.agents.agent import State
from agentdeck.core.frozen import dataclass
from agentdeck.core.merging.radar import Verdict
from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import columns as columns_of
from agentdeck.core.text.text import cut, cut_start, plain, short_count
from agentdeck.engine.views.review import GitFacts
from agentdeck.tui.feed.snapshot import SHOWN_SAMPLES, Outcome, Row
from agentdeck.tui.look.look import short_bytes, sparkline

GAP = 2
_LEAST_NAME, _MOST_NAME = 12, 40
_LEAST_WHAT = 24
_ROOMY_WHAT = 32
_NOTHING = "–"

Part = tuple[str, str]
"""A text and the name of its style: a component class of the list without `agents--`, or “”."""


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    width: int
    """What it takes, also while it has nothing to say: columns stay where they are."""
    parts: Callable[[Row, float], list[Part]]
    """What it says of a row at a time."""
    right: bool = False
    keep_end: bool = False
    """Whether the end of its text tells more than the beginning."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that fit a width, each with its own width."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]


def _state(row: Row, now: float) -> list[Part]:
    if row.is_lost:
        return [("? lost", "lost")]
    if row.view.unreachable:
        return [(f"{row.state.glyph} {row.state}?", "dim")]
    if row.is_idle:
        return [("○ idle", "dim")]
    if row.state is State.DONE and row.outcome is Outcome.LOOSE:
        return [("◐ done", "loose")]
    if row.state is State.DONE and row.outcome is Outcome.NOTHING:
        return [("○ done", "dim")]
    return [(f"{row.state.glyph} {row.state}", str(row.state))]


def _name(row: Row, now: float) -> list[Part]:
    return [(row.name, "name")]


def _profile(row: Row, now: float) -> list[Part]:
    profile, model = plain(row.view.profile), plain(row.view.model)
    return [(profile, ""), (f" {model}", "dim")] if model else [(profile, "")]


def _host(row: Row, now: float) -> list[Part]:
    return [(plain(row.view.host), "problem" if row.view.unreachable else "")] if row.view.host else [("here", "dim")]


def _branch(row: Row, now: float) -> list[Part]:
    branch = plain(row.view.where)
    return [(branch, "")] if branch else [("detached", "dim")]


def _conflict(row: Row, now: float) -> list[Part]:
    mark = row.mark
    if mark is None:
        return []
    if mark.verdict is Verdict.CLEAN or not mark.others:
        return [("·", "dim")]
    more = f" +{len(mark.others) - 1}" if len(mark.others) > 1 else ""
    style = "conflict" if mark.verdict is Verdict.CONFLICTS and row.mark_holds else "dim"
    return [(f"{mark.verdict.glyph} {plain(mark.others[0])}{more}{'' if row.mark_holds else '?'}", style)]


def _pull(row: Row, now: float) -> list[Part]:
    pull = row.view.pull
    if pull is None:
        return []
    wrong = pull.state == "open" and bool(pull.needs or pull.failed or pull.conflicts)
    return [(pull.short, "problem" if wrong else "dim")]


def _changes(row: Row, now: float) -> list[Part]:
    facts = row.facts
    if facts is None or not (facts.added or facts.deleted or facts.files):
        return [(_NOTHING, "dim")] if facts is not None else []
    files = f" {_count(facts.files)}f" if facts.files else ""
    return [(f"+{_count(facts.added)}", "added"), (f" -{_count(facts.deleted)}", "deleted"), (files, "dim")]


def _count(number: int) -> str:
    return str(number) if number < 1000 else short_count(number)


def _cpu(row: Row, now: float) -> list[Part]:
    if row.load is None:
        return [(_NOTHING, "dim")]
    return [(sparkline(row.load.history, SHOWN_SAMPLES, full=100.0), "spark"), (f"{row.load.cpu:4.0f}%", "")]


def _memory(row: Row, now: float) -> list[Part]:
    return [(short_bytes(row.load.memory), "")] if row.load else [(_NOTHING, "dim")]


def _context(row: Row, now: float) -> list[Part]:
    """How full the context is; the tokens in use where the CLI does not say how many it can hold."""
    activity = row.view.activity
    if activity is None or not activity.context:
        return [(_NOTHING, "dim")]
    if not activity.window:
        told = short_count(activity.context)
        return [(told if len(told) <= CONTEXT.width else f"{activity.context / 1000:.0f}k", "")]
    return [(f"{100 * activity.context / activity.window:.0f}%", "")]


def _cost(row: Row, now: float) -> list[Part]:
    return [(_NOTHING, "dim")] if row.cost is None else [(f"${row.cost:.2f}", "")]


def _age(row: Row, now: float) -> list[Part]:
    return [(short_duration(max(0.0, now - row.view.since)), "dim")]


def _what(row: Row, now: float) -> list[Part]:
    """The question it asks, the tool that it runs, what it leaves, or why it failed; and which messages wait for it."""
    waits, pull = row.view.messages_text, _pull(row, now)
    told = [*pull, (" · ", "dim")] if pull and (row.state.has_ended or row.is_idle) else []
    return [*([(f"{waits} · ", "reason-waiting")] if waits else []), *told, *_does(row)]


def _does(row: Row) -> list[Part]:
    if row.view.unreachable or row.is_lost or (row.facts is not None and row.facts.problem) or row.view.trouble:
        return [(_one_line(row.reason).removeprefix(f"{row.view.host} is "), "problem")]
    if row.state is State.WAITING and row.question is not None:
        return _asked(row)
    if row.state in (State.DONE, State.LANDED) or row.is_idle:
        return _landed(row) if row.state is State.LANDED else _done(row)
    if row.state is State.WORKING and row.view.tool is not None:
        return [(_one_line(row.view.tool.text), "")]
    if reason := _one_line(row.reason):
        return [(reason, f"reason-{row.state}")]
    return [(_one_line(row.view.agent.task or " ".join(row.view.agent.argv)), "dim")]


def _asked(row: Row) -> list[Part]:
    question = row.view.status.question
    assert question is not None
    text, about = _one_line(question.head), _one_line(" ".join(question.about))
    more = [(f"  {about}", "")] if about else []
    count = len(row.view.status.questions)
    also = [(f" (1 of {count})", "dim")] if count > 1 else []
    return [(text, "reason-waiting"), *also, *more]


def _done(row: Row) -> list[Part]:
    facts, said = row.facts, _one_line(row.reason)
    result = [(f" · {said}", "dim")] if said else []
    if facts is None:
        return result or [(_one_line(row.view.agent.task), "dim")]
    if said == row.view.status.result:
        result = []  # what its worktree has says it better
    if facts.is_behind:
        return [("fetching its work", "dim"), *result]
    if facts.loose:
        return [(_to_land(facts), "loose"), *result]
    if facts.ahead:
        mark = row.mark
        if row.mark_holds and mark and mark.verdict is Verdict.CONFLICTS and row.view.base in mark.others:
            return [(f"{_to_land(facts)} · conflicts with {plain(row.view.base)}", "conflict"), *result]
        return [(f"{_to_land(facts)} · ready to land", "done"), *result]
    return [(f"{plain(row.view.base)} has all of it" if facts.is_in_base else "nothing changed", "dim"), *result]


def _landed(row: Row) -> list[Part]:
    """Where it landed, and what it has made since."""
    facts, told = row.facts, [(_one_line(row.reason), f"reason-{row.state}")]
    if facts is None or not (facts.ahead or facts.loose):
        return told
    return [(f"{_to_land(facts)} since", "loose" if facts.loose else "done"), (" · ", "dim"), *told]


def _to_land(facts: GitFacts) -> str:
    commits = f"{facts.ahead} commit{'' if facts.ahead == 1 else 's'}" if facts.ahead else "no commit"
    return f"{commits}, {facts.loose} loose file{'' if facts.loose == 1 else 's'}" if facts.loose else commits


def _one_line(text: str) -> str:
    return plain(" ".join(text.split()))


AGENT = Column("AGENT", _LEAST_NAME, _name)
STATE = Column("STATE", 10, _state)
WHAT = Column("WHAT", _LEAST_WHAT, _what)
AGE = Column("AGE", 4, _age, right=True)
CPU = Column("CPU", 10, _cpu, right=True)
MEMORY = Column("MEM", 5, _memory, right=True)
CHANGES = Column("CHANGES", 14, _changes)
CONFLICT = Column("CONFLICT", 12, _conflict)
COST = Column("COST", 7, _cost, right=True)
CONTEXT = Column("CTX", 4, _context, right=True)
PROFILE = Column("PROFILE", 20, _profile)
HOST = Column("HOST", 8, _host)
BRANCH = Column("BRANCH", 22, _branch, keep_end=True)
PULL = Column("PR", 14, _pull)
NAME_AND_STATE = (AGENT, STATE)
_BY_NEED = (CHANGES, CONFLICT, COST, CONTEXT, PROFILE, CPU, MEMORY, BRANCH, PULL)
"""What is shown beside name, state, reason and age where there is room, the most useful first."""
_IN_ORDER = (AGENT, STATE, HOST, WHAT, PROFILE, BRANCH, PULL, CHANGES, CONFLICT, CPU, MEMORY, CONTEXT, COST, AGE)


def lay_out(rows: Iterable[Row], width: int, *, first: Column | None = None) -> Layout:
    """The columns for `width` columns of the terminal. Nothing but that and the longest name decides, so that none
    jumps as data comes and goes. `first` is shown before the others: it is what the list is sorted by. The hosts are
    shown where any agent is on another one than this machine."""
    rows = list(rows)
    longest = max((columns_of(plain(row.name)) for row in rows), default=0)
    name = max(_LEAST_NAME, min(longest, _MOST_NAME))
    fixed = name + STATE.width + AGE.width + 3 * GAP
    room = width - fixed - _LEAST_WHAT
    wanted = [first] if first is not None else []
    wanted += [HOST] if any(row.view.host for row in rows) else []
    shown = {AGENT, STATE, WHAT, AGE}
    for column in (*wanted, *(column for column in _BY_NEED if column not in wanted)):
        if column.width + GAP > room:
            break
        shown.add(column)
        room -= column.width + GAP
    columns = tuple(column for column in _IN_ORDER if column in shown)
    rest = sum(column.width + GAP for column in columns if column not in (AGENT, STATE, WHAT, AGE))
    what = max(8, width - fixed - rest)
    if what < _LEAST_WHAT // 2:
        name = max(8, name - (_LEAST_WHAT // 2 - what))
        what = max(8, width - name - STATE.width - AGE.width - 3 * GAP)
    # A conflict names another agent, which is whole where there is room.
    conflict = CONFLICT.width + max(0, min(name + 2 - CONFLICT.width, what - _ROOMY_WHAT)) * (CONFLICT in columns)
    sizes = {AGENT: name, WHAT: what - conflict + CONFLICT.width, CONFLICT: conflict}
    return Layout(columns, tuple(sizes.get(column, column.width) for column in columns))


def cells(layout: Layout, row: Row, now: float) -> list[list[Part]]:
    """One for each column. What WHAT has no room for goes on over the columns after it that have nothing to say of this
    row, whose cells are [] then: no column moves for that."""
    told = [column.parts(row, now) for column in layout.columns]
    widths, at = list(layout.widths), layout.columns.index(WHAT)
    over = at + 1
    while _width_of(told[at]) > widths[at] and over < len(told) and _says_nothing(told[over]):
        widths[at] += GAP + widths[over]
        over += 1
    made = [
        fitted(parts, width, right=column.right, keep_end=column.keep_end)
        for column, parts, width in zip(layout.columns, told, widths, strict=True)
    ]
    return [*made[: at + 1], *([] for _ in range(at + 1, over)), *made[over:]]


def _width_of(parts: Iterable[Part]) -> int:
    return sum(columns_of(text) for text, _ in parts)


def _says_nothing(parts: Iterable[Part]) -> bool:
    return all(text in ("", _NOTHING) for text, _ in parts)


def cell(column: Column, row: Row, now: float, width: int) -> list[Part]:
    """The column's parts cut and filled to exactly `width` columns."""
    return fitted(column.parts(row, now), width, right=column.right, keep_end=column.keep_end)


def fitted(parts: Iterable[Part], width: int, *, right: bool = False, keep_end: bool = False) -> list[Part]:
    found, room, was_cut = list[Part](), width, False
    for text, style in parts:
        shown = (cut_start if keep_end else cut)(text, room) if room > 0 else ""
        was_cut = was_cut or shown != text
        if was_cut and found and found[-1][0].rstrip().endswith("…"):
            shown = shown.removeprefix("…")  # that there is more is said already
        room -= columns_of(shown)
        if shown:
            found.append((shown, style))
    fill: Part = (" " * room, "")
    return [fill, *found] if right else [*found, fill]
