"""Which messages answer a question."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.notices.replies import Asked, answer, buttons, line

TWO = [
    Asked("fox", "k1", "aaaa0001", (("yes", "Yes"), ("no", "No"))),
    Asked("owl", "k2", "bbbb0002", (("1", "Red"), ("2", "Blue"), ("3", "Green"), ("4", "None"))),
]


def test_a_word_and_a_number_answer_its_question_alone() -> None:
    assert answer(" aaaa0001 no\n", TWO) == (TWO[0], "no")
    assert answer("bbbb0002 4", TWO) == (TWO[1], "4")
    for text in ("", "2", "aaaa0001", "aaaa0001 1", "bbbb0002 5", "bbbb0002 ٢", "bbbb0002 2 2", "cccc0003 1"):
        assert answer(text, TWO) is None


@given(st.text())
def test_no_other_message_answers(text: str) -> None:
    found = answer(text, TWO)
    assert found is None or text.strip().startswith(found[0].word)


def test_what_a_notice_says() -> None:
    told = "To answer, send “aaaa0001 yes” or “aaaa0001 no” to https://ntfy.sh/x."
    assert line("https://ntfy.sh/x", TWO[0]) == told
    shown = json.loads(buttons("https://ntfy.sh/x", TWO[1]))
    assert [each["label"] for each in shown] == ["Red", "Blue", "Green"]
    assert all(answer(each["body"], TWO) for each in shown)
