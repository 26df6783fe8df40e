"""The record of landings shows every change of it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.reports.audit import as_csv, chained, inventory, read_lines

texts = st.text(max_size=30)
records = st.lists(
    st.fixed_dictionaries({"agent": texts, "task": texts, "cost": st.none() | st.floats(0, 9)}), max_size=6
)


def written(made: list[dict[str, object]]) -> list[str]:
    lines: list[str] = []
    for record in made:
        lines.append(chained(record, lines[-1] if lines else ""))
    return lines


@given(records)
def test_what_nobody_changed_is_sound(made: list[dict[str, object]]) -> None:
    found = read_lines("\n".join(written(made)) + "\n")
    assert [{key: line.record[key] for key in ("agent", "task", "cost")} for line in found] == made
    assert all(line.is_sound for line in found)


@given(records.filter(lambda made: len(made) > 1), st.data())
def test_a_changed_or_removed_line_shows(made: list[dict[str, object]], data: st.DataObject) -> None:
    lines = written(made)
    at = data.draw(st.integers(0, len(lines) - 2))
    changed = json.dumps({**json.loads(lines[at]), "agent": "somebody else entirely, with a long name"})
    assert not all(line.is_sound for line in read_lines("\n".join([*lines[:at], changed, *lines[at + 1 :]])))
    assert not all(line.is_sound for line in read_lines("\n".join(lines[:at] + lines[at + 1 :])))


@given(st.text(max_size=300))
def test_any_file_can_be_read(text: str) -> None:
    read_lines(text)


def test_a_cell_is_no_formula_and_the_inventory_is_yaml() -> None:
    assert "'=cmd()" in as_csv([{"task": "=cmd()", "models": ["a:b", "c:d"]}]) and "a:b; c:d" in as_csv(
        [{"models": ["a:b", "c:d"]}]
    )
    made = inventory('sh"op', [{"model": "m: 1", "local": None, "purposes": ["tier deep"]}])
    assert made == 'system: "sh\\"op"\nmodels:\n  - model: "m: 1"\n    local: null\n    purposes: ["tier deep"]\n'
