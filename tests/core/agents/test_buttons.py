"""Options in one line of a screen, and the one that a colour marks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.buttons import letters, marked_in_row, row
from agentdeck.core.question import Option

LABELS = st.lists(
    st.sampled_from(["Allow once", "Allow always", "Reject", "Confirm", "Cancel"]), min_size=2, unique=True
)
PLAIN, MARKED = "\x1b[48;2;30;30;30m", "\x1b[48;2;245;167;66m"


@given(LABELS, st.data())
def test_the_marked_option_has_a_background_of_its_own(labels: list[str], data: st.DataObject) -> None:
    marked = data.draw(st.integers(0, len(labels)))
    drawn = [f" {MARKED if at == marked else PLAIN} {label} {PLAIN}" for at, label in enumerate(labels, 1)]
    line = f"\x1b[38;2;1;2;3m  ┃{PLAIN}  {''.join(drawn)}   ctrl+f fullscreen  ⇆ select  enter confirm\x1b[0m"
    options = tuple(map(Option, labels))
    assert marked_in_row(f"above\n{line}\n  ┃", options) == marked


@given(st.text(), st.text())
def test_any_line_can_be_read(line: str, more: str) -> None:
    row(line)
    letters(line)
    assert marked_in_row(line + more, (Option("Yes"), Option("No"))) == 0
