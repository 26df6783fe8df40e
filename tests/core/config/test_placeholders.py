"""What `{name}` and the like in [agent.env] become, and what stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.config.placeholders import NAMES, check, fill, used

VALUES = {"name": "fix", "port": "20004", "index": "2", "worktree": "/w/fix {port}", "branch": "agentdeck/fix"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("app-{name}-{index}", "app-fix-2"),
        ("http://localhost:{port}/{branch}", "http://localhost:20004/agentdeck/fix"),
        ("{worktree}", "/w/fix {port}"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ("${HOME}/x {} { name }", "${HOME}/x {} { name }"),
        ("{{name}} is {name}", "{name} is fix"),
    ],
)
def test_what_is_filled_and_what_stays(text: str, filled: str) -> None:
    assert fill(check(text), VALUES) == filled


@given(st.text(st.characters(codec="utf-8", exclude_characters="{}")))
def test_text_without_braces_stays(text: str) -> None:
    assert fill(check(text), VALUES) == text


@given(st.text("{}$ aname_port1"))
def test_whatever_passes_the_check_can_be_filled_and_has_no_placeholder_of_ours_unfilled(text: str) -> None:
    if used(text) <= set(NAMES):
        fill(check(text), VALUES)
    else:
        with pytest.raises(ValueError, match="is not a placeholder"):
            check(text)
