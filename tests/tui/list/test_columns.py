"""Columns stay where they are: only the width and the longest name decide."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Agent, Mode, State, Status
from agentdeck.core.merging.radar import Mark, Verdict
from agentdeck.core.text.text import columns as columns_of
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.review import GitFacts
from agentdeck.tui.feed.snapshot import Load, Outcome, Row
from agentdeck.tui.list.cards import LINES, card
from agentdeck.tui.list.columns import (
    AGENT,
    CHANGES,
    CONFLICT,
    CPU,
    GAP,
    WHAT,
    Column,
    Layout,
    Part,
    cells,
    fitted,
    lay_out,
)


def cell(column: Column, row: Row, width: int) -> list[Part]:
    """What the list says in a column of so many columns."""
    layout = Layout((column,) if column is WHAT else (WHAT, column), (width,) if column is WHAT else (9, width))
    return cells(layout, row, 0.0)[-1]


_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,38}", fullmatch=True)


def _row(name: str, state: State = State.WORKING, facts: GitFacts | None = None) -> Row:
    agent = Agent(name, f"Task of {name}", "claude", Mode.INTERACTIVE, 0.0, base="main")
    view = AgentView(agent, Status(state, 0.0), alive=True)
    return Row(view, facts)


@given(st.lists(_NAMES, min_size=1, max_size=5), st.integers(60, 300))
def test_the_columns_fill_the_width_and_do_not_depend_on_what_they_say(names: list[str], width: int) -> None:
    rows = [_row(name) for name in names]
    layout = lay_out(rows, width)
    assert sum(layout.widths) + GAP * (len(layout.widths) - 1) >= width
    full = [replace(row, facts=GitFacts(3, 1, 999, 99, files=12, loose=2), load=Load(50.0), cost=12.5) for row in rows]
    assert lay_out(full, width) == layout


@given(_NAMES, st.integers(60, 300))
def test_a_name_is_whole_while_any_column_stands_that_tells_less(name: str, width: int) -> None:
    layout = lay_out([_row(name)], width)
    shown = dict(zip(layout.columns, layout.widths, strict=True))
    if len(layout.columns) > 4:
        assert shown[AGENT] >= len(name)
        assert shown[WHAT] >= 24


@given(_NAMES, st.integers(24, 120), st.integers(1, LINES))
def test_each_line_of_a_card_is_as_wide_as_the_list(name: str, width: int, lines: int) -> None:
    found = card(_row(name, State.DONE, GitFacts(1, 0, 2, 1, files=1)), 0.0, width, lines)
    assert len(found) == lines
    assert all(sum(columns_of(text) for text, _ in parts) == width for parts in found)


def test_a_card_says_where_an_agent_is_that_is_elsewhere() -> None:
    row = _row("fix")
    away = replace(row, view=replace(row.view, agent=replace(row.view.agent, host="dev1")))
    for each, said in ((row, "claude"), (away, "dev1  claude")):
        assert "".join(text for text, _ in card(each, 0.0, 40, LINES)[2]).strip() == said


@pytest.mark.parametrize(
    ("facts", "outcome", "said"),
    [
        (GitFacts(1, files=1), Outcome.READY, "1 commit · ready to land"),
        (GitFacts(2, files=3, loose=1), Outcome.LOOSE, "2 commits, 1 loose file"),
        (GitFacts(0, files=2, loose=2), Outcome.LOOSE, "no commit, 2 loose files"),
        (GitFacts(), Outcome.NOTHING, "nothing changed"),
        (GitFacts(is_in_base=True), Outcome.NOTHING, "main has all of it"),
        (GitFacts(is_behind=True), Outcome.UNKNOWN, "fetching its work"),
        (None, Outcome.UNKNOWN, "Task of fix"),
    ],
)
def test_what_a_done_agent_left_looks_different(facts: GitFacts | None, outcome: Outcome, said: str) -> None:
    row = _row("fix", State.DONE, facts)
    assert row.outcome is outcome
    assert "".join(text for text, _ in cell(WHAT, row, 40)).strip() == said


@pytest.mark.parametrize(
    ("mark", "holds", "said"),
    [
        (Mark(Verdict.CONFLICTS, ("main",)), True, "1 commit · conflicts with main"),
        (Mark(Verdict.CONFLICTS, ("polish", "main")), True, "1 commit · conflicts with main"),
        (Mark(Verdict.CONFLICTS, ("main",)), False, "1 commit · ready to land"),
        (Mark(Verdict.CONFLICTS, ("polish",)), True, "1 commit · ready to land"),
        (Mark(Verdict.TOUCHES, ("main",)), True, "1 commit · ready to land"),
    ],
)
def test_what_conflicts_with_its_base_is_not_called_ready_to_land(*, mark: Mark, holds: bool, said: str) -> None:
    row = replace(_row("fix", State.DONE, GitFacts(1, files=1)), mark=mark, mark_holds=holds)
    assert "".join(text for text, _ in cell(WHAT, row, 40)).strip() == said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (None, "on main as abc"),
        (GitFacts(), "on main as abc"),
        (GitFacts(1, added=1, files=1), "1 commit since · on main as abc"),
        (GitFacts(0, added=1, files=1, loose=1), "no commit, 1 loose file since · on main as abc"),
    ],
)
def test_a_landed_agent_says_what_it_has_made_since(facts: GitFacts | None, said: str) -> None:
    row = _row("fix", State.LANDED, facts)
    row = replace(row, view=replace(row.view, status=Status(State.LANDED, 0.0, reason="on main as abc")))
    assert "".join(text for text, _ in cell(WHAT, row, 60)).strip() == said


@given(
    st.lists(st.text("ab …", min_size=1, max_size=12).filter(lambda text: "……" not in text), max_size=4),
    st.integers(1, 40),
)
@example(["aaaa", "aaaa", "aa ", "…"], 10)
def test_what_was_cut_says_so_once(texts: list[str], width: int) -> None:
    parts = [(text, "") for text in texts]
    for keep_end in (False, True):
        shown = fitted(parts, width, keep_end=keep_end)
        assert sum(columns_of(text) for text, _ in shown) == width
        if "……" not in "".join(texts):
            assert "……" not in "".join(text for text, _ in shown)


@pytest.mark.parametrize(("holds", "said"), [(True, ("✗ main", "conflict")), (False, ("✗ main?", "dim"))])
def test_a_conflict_that_may_be_over_has_a_question_mark(*, holds: bool, said: tuple[str, str]) -> None:
    row = replace(_row("fix"), mark=Mark(Verdict.CONFLICTS, ("main",)), mark_holds=holds)
    assert cell(CONFLICT, row, 12)[0] == said


def test_a_list_that_is_sorted_by_cpu_shows_it() -> None:
    assert CPU not in lay_out([_row("fix")], 100).columns
    assert CPU in lay_out([_row("fix")], 100, first=CPU).columns


def test_what_is_too_long_goes_on_over_columns_that_have_nothing_to_say_and_none_moves() -> None:
    row = replace(_row("fix"), facts=GitFacts())
    row = replace(row, view=replace(row.view, agent=replace(row.view.agent, task="a task that takes more than that")))
    layout = Layout((WHAT, CHANGES, CONFLICT, AGENT), (10, 6, 4, 5))
    what, *rest = cells(layout, row, 0.0)
    assert ("".join(text for text, _ in what), rest[:2]) == ("a task that takes more… ", [[], []])
    changed = cells(layout, replace(row, facts=GitFacts(1, added=3, files=1)), 0.0)
    assert ["".join(text for text, _ in parts) for parts in changed[:2]] == ["a task th…", "+3 -0…"]
    for found in (cells(layout, row, 0.0), changed):
        filled = [sum(columns_of(text) for text, _ in parts) for parts in found if parts]
        assert sum(filled) + GAP * (len(filled) - 1) == sum(layout.widths) + GAP * 3
