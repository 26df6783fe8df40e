from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.text import GAP, columns, cut, fit, listed, pad, plain


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b]0;title\x07name", "name"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP+q544e\x1b\\x", "x"),
        ("\x9b31mred", "31mred"),
        ("a\x1b]52;c;cm0gLXJm", "a"),
        ("one\ntwo\r\nthree", "one two three"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("bell\x07 back\x08", "bell back"),
        ("\x1bcreset", "reset"),
        ("tab\there", "tab     here"),
        ("日本 é ok", "日本 é ok"),
    ],
)
def test_nothing_that_a_terminal_obeys_is_left(hostile: str, harmless: str) -> None:
    assert plain(hostile) == harmless


def test_a_sentence_names_a_few_of_many() -> None:
    assert listed(["one", "two"]) == "one, two"
    assert listed([str(number) for number in range(200)], 3) == "0, 1, 2 and 197 more"
    assert listed(["1", "2", "3"], 3) == "1, 2, 3"


@given(st.text(st.characters() | st.sampled_from("\x1b[]m;\x07\x9b\x9d")))
def test_plain_text_is_one_line_of_printable_characters(text: str) -> None:
    clean = plain(text)
    assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in clean)
    assert plain(clean) == clean


@pytest.mark.parametrize(("text", "wide"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("🙂", 2), ("", 0)])
def test_columns(text: str, wide: int) -> None:
    assert columns(text) == wide


@given(st.text(), st.integers(0, 30))
def test_what_is_cut_fits_and_says_so(text: str, width: int) -> None:
    short = cut(text, width)
    assert columns(short) <= width
    if columns(text) <= width:
        assert short == text
    elif width:
        assert short.endswith("…")
        assert text.startswith(short[:-1])
        assert columns(pad(short, width)) == width


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15)), min_size=1, max_size=6), st.integers(1, 200))
def test_columns_of_a_table_fit_unless_they_are_at_their_least(pairs: list[tuple[int, int]], total: int) -> None:
    natural, least = [list(each) for each in zip(*pairs, strict=True)]
    widths = fit(natural, least, total)
    assert all(min(low, wide) <= now <= wide for now, low, wide in zip(widths, least, natural, strict=True))
    if sum(widths) + GAP * (len(widths) - 1) > total:
        assert widths == [min(low, wide) for low, wide in zip(least, natural, strict=True)]
    if sum(natural) + GAP * (len(natural) - 1) <= total:
        assert widths == natural
    assert fit(natural, least, None) == natural


def test_the_widest_column_gives_way_first() -> None:
    assert fit([10, 40, 100], [10, 10, 10], 84) == [10, 35, 35]
