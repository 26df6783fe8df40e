"""What a task says for the case that its host does not answer."""

from __future__ import annotations

import pytest

from agentdeck.core.fleet.orders import check_if_lost


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ("wait", 0.0)),
        ("wait", ("wait", 0.0)),
        ("fail after 30m", ("fail", 1800.0)),
        ("restart after 10s", ("restart", 10.0)),
    ],
)
def test_what_it_may_say(text: str, found: tuple[str, float]) -> None:
    assert check_if_lost(text) == found


@pytest.mark.parametrize("text", ["restart", "fail after", "fail after soon", "move after 5m", "wait after 5m"])
def test_what_it_may_not_say(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        check_if_lost(text)
