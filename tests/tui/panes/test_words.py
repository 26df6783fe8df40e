"""What changed within a line: nothing that both have is marked, and nothing that differs is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.merging.patch import PatchLine
from agentdeck.tui.panes.words import Spans, changed_words, marked, partner

TEXT = st.text(alphabet="ab _(),.漢é", max_size=30)


def without(text: str, spans: Spans) -> str:
    return "".join(char for at, char in enumerate(text) if not any(begin <= at < end for begin, end in spans))


@given(TEXT, TEXT)
def test_what_is_left_without_the_marked_words_is_the_same_on_both_sides(old: str, new: str) -> None:
    before, after = changed_words(old, new)
    if before or after:
        assert without(old, before) == without(new, after)


def test_only_the_words_that_changed_are_marked() -> None:
    old, new = "    return sum(prices)", "    return total(prices, tax)"
    before, after = changed_words(old, new)
    assert [old[begin:end] for begin, end in before] == ["sum"]
    assert [new[begin:end] for begin, end in after] == ["total", ", tax"]
    assert changed_words("import os", "x = 1") == ((), ())


@given(
    st.lists(st.tuples(TEXT, st.sampled_from(["", "code-name"])), max_size=6), st.integers(0, 60), st.integers(0, 60)
)
def test_marking_leaves_the_text_as_it_is(pieces: list[tuple[str, str]], begin: int, size: int) -> None:
    end = begin + size
    whole = "".join(text for text, _ in pieces)
    found = list(marked(pieces, ((begin, end),), "word-added"))
    assert "".join(text for text, _ in found) == whole
    assert "".join(text for text, look in found if "word-added" in look) == whole[begin:end]


@given(st.lists(st.sampled_from("-+ "), max_size=12))
def test_each_line_has_one_partner_who_has_it(kinds: list[str]) -> None:
    lines = [PatchLine(kind, "") for kind in kinds]
    for at, line in enumerate(lines):
        other = partner(lines, at)
        if other is not None:
            assert partner(lines, other) == at
            assert {line.kind, lines[other].kind} == {"-", "+"}
