from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.text.text import (
    _NARROW,
    GAP,
    coloured,
    columns,
    cut,
    cut_start,
    fit,
    listed,
    pad,
    plain,
    seen,
    visible,
)


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[01;31m\x1b[Kfound\x1b[m\x1b[K by grep", "found by grep"),
        ("\x1b[2J\x1b[Hgone", "␛[2J␛[Hgone"),
        ("\x1b\x1b[31m[2Jgone", "␛[2Jgone"),
        ("\x1b]0;title\x07name", "␛]0;title␇name"),
        ("\x1bP+q544e\x1b\\x", "␛P+q544e␛\\x"),
        ("\x9b31mred", "<U+009B>31mred"),
        ("one\ntwo\r\nthree", "one two three"),
        ("a\u202egnp.exe", "a<U+202E>gnp.exe"),
        ("a\u2066b\u2069\u200e\u061c", "a<U+2066>b<U+2069><U+200E><U+061C>"),
        ("not \udcff UTF-8", "not <U+DCFF> UTF-8"),
        ("ma\u200bin\u200d\ufe0f", "ma<U+200B>in<U+200D><U+FE0F>"),
        ("hidden\U000e0041\U000e0042", "hidden<U+E0041><U+E0042>"),
        ("bell\x07 back\x08 \x7f", "bell␇ back␈ ␡"),
        ("❤\ufe0f\u200d🔥 and می\u200cخواهم", "❤🔥 and میخواهم"),
        ("a" + "\u0301" * 40 + "b", "a\u0301\u0301b"),
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


HOSTILE = st.text(st.characters() | st.sampled_from("\x1b[]mK;8:\x07\x9b\x9d\u202e\u200d\ufe0f\U000e0041\udc9b\n\r\t"))
_VISIBLE_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Signs that are drawn around or under numbers."""


def _is_harmless(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") or char in _VISIBLE_FORMATS


@given(HOSTILE)
def test_plain_text_is_one_line_of_characters_that_can_be_seen(text: str) -> None:
    clean = plain(text)
    assert all(map(_is_harmless, clean))
    assert plain(clean) == clean
    assert all(map(_is_harmless, re.sub(r"[\n\t]", "", seen(text))))


@given(HOSTILE)
def test_lines_and_tabs_of_a_text_stay(text: str) -> None:
    shown = visible(text)
    assert all(map(_is_harmless, shown.replace("\n", "").replace("\t", "")))
    assert (shown.count("\n"), shown.count("\t")) == (text.count("\n"), text.count("\t"))


@given(HOSTILE)
def test_of_all_sequences_only_colours_get_through_and_end_with_their_line(text: str) -> None:
    for line in coloured(text).split("\n"):
        codes = re.findall(r"\x1b\[([0-9;:]*)m", line)
        assert all(map(_is_harmless, re.sub(r"\x1b\[[0-9;:]*m", "", line).replace("\t", "")))
        assert not codes or codes[-1] in ("", "0")


@pytest.mark.parametrize("codes", ["8", "31;8", "08", "38;5;1;8", "48;2;1;2;3;8", "8:1", "38:5:1;8"])
def test_a_colour_that_hides_what_it_colours_is_none(codes: str) -> None:
    assert coloured(f"\x1b[{codes}mhidden") == f"␛[{codes}mhidden"


@pytest.mark.parametrize("codes", ["38;5;8", "48;2;8;8;8", "38:5:8", "1;38;5;8;4", "28"])
def test_the_eighth_colour_is_one(codes: str) -> None:
    assert coloured(f"\x1b[{codes}mgrey\x1b[m") == f"\x1b[{codes}mgrey\x1b[m"


WIDE = {"abc": 3, "日本": 4, "e\u0301": 1, "🙂": 2, "": 0, "● one…": 6, "👍🏽": 2, "❤\ufe0f": 2}
FAMILY = "👨\u200d👩\u200d👧"


@pytest.mark.parametrize(("text", "wide"), [*WIDE.items(), (FAMILY, 2), ("\u1100\u1161\u11a8", 2)])
def test_columns(text: str, wide: int) -> None:
    assert columns(text) == wide


def test_what_is_not_looked_up_has_one_column_a_character() -> None:
    from wcwidth import wcwidth

    simple = [char for char in map(chr, range(0x110000)) if re.fullmatch(_NARROW, char)]
    assert len(simple) > 1000
    assert {wcwidth(char) for char in simple} == {1}


def test_what_is_drawn_as_one_is_kept_or_cut_as_one() -> None:
    assert cut(f"a {FAMILY} b", 4) == "a…"
    assert cut(f"a {FAMILY} b", 5) == f"a {FAMILY}…"
    assert cut_start(f"a {FAMILY} b", 5) == f"…{FAMILY} b"
    assert cut_start("\u1112\u1161\u11ab\u1100\u1173\u11af", 3) == "…\u1100\u1173\u11af"


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
