"""The dashboard's last look at each line: whatever a widget draws, text in its columns is what goes out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Label, Static

from agentdeck.tui.look.styled import OnlyText, clean, painted
from tests.support.decks import Bench
from tests.support.harmless import harm_in
from tests.tui.pilots import Driver, drive

HOSTILE = st.text(st.characters() | st.sampled_from("\x1b[]Pm;\x07\x9b\x7f\r\n\t\u202e\u2066\u200d\udc9b\u3164x漢"))


@given(st.lists(HOSTILE, max_size=4))
def test_a_line_is_text_and_keeps_its_width(texts: list[str]) -> None:
    segments = [Segment(text) for text in texts]
    shown = OnlyText().apply(segments, Color(0, 0, 0))
    assert harm_in("".join(segment.text for segment in shown)) == set()
    assert not any(char in segment.text for segment in shown for char in "\r\n\t\x1b")
    for old, new in zip(segments, shown, strict=True):
        assert cell_len(new.text) >= cell_len(old.text.replace("\n", ""))


@given(HOSTILE)
def test_what_panes_show_is_text(text: str) -> None:
    drawn = "".join(segment.text for line in painted(text.split("\n")) for segment in line)
    for shown in (clean(text), drawn):
        assert harm_in(shown) == set()
        assert "\x1b" not in shown


def test_no_widget_gets_past_it(bench: Bench) -> None:
    evil = "begin\x1b]0;OWNED\x07\x1b[2J\u202e\x9b31m\u200b\x7fend"

    async def script(on: Driver) -> None:
        hostile = (Static(Content(evil)), Static(evil, markup=False), Label(evil, markup=False), Input(evil))
        box = Vertical(*hostile)
        box.styles.dock, box.styles.height = "top", "auto"
        await on.app.screen.mount(box)
        on.app.notify(evil, title=evil, markup=False)
        await on.until(lambda: on.text().count("begin") >= 4)
        assert harm_in(on.text()) == set()
        assert "\x1b" not in on.text()

    drive(bench.deck(), script)
