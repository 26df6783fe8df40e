from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.preamble import Place, preamble, words

WHOLE = Place("/r/.worktrees/fix", "agentdeck/fix", (20000, 20001), "DATABASE_URL")


def test_it_says_where_the_agent_is_and_what_it_has() -> None:
    text = preamble(WHOLE, None, "No rebase.")
    for part in ("/r/.worktrees/fix", "agentdeck/fix", "20000, 20001", "DATABASE_URL", "git commit", "No rebase."):
        assert part in text
    assert "{" not in text


def test_it_says_nothing_of_what_the_agent_does_not_have() -> None:
    text = preamble(Place("/r/w", "b"), None, "")
    assert "ports" not in text
    assert "database" not in text


def test_a_person_s_own_text_stands_in_its_place_and_an_empty_one_is_none() -> None:
    assert preamble(WHOLE, "On {branch}, use {{ports}}.", "No rebase.") == "On agentdeck/fix, use {20000, 20001}."
    assert preamble(WHOLE, " ", "No rebase.") == ""
    assert words(("--say", "{preamble}"), "") == ()


@given(st.text(st.characters(codec="utf-8")))
def test_a_quoted_text_is_read_back_from_toml_as_it_was(text: str) -> None:
    found = words(("say={quoted}",), text)
    assert not text or tomllib.loads(found[0])["say"] == text
