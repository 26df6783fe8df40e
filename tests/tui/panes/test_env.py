"""The Env tab: everything an agent was given, with its secrets hidden."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.text.secrets import HIDDEN, is_secret, masked
from agentdeck.engine.views import StartRequest
from agentdeck.tui.panes.env import EnvPane
from tests.support.decks import Bench
from tests.tui.panes.opened import Pilot, on_pane


def test_addresses_database_and_variables_are_shown_and_secrets_hidden(bench: Bench) -> None:
    env = {"API_TOKEN": "s3cret", "PLAIN": "seen", "QUEUE_URL": "amqp://me:hunter2@host/x"}
    view = bench.deck().start(StartRequest(name="fix", argv=("sleep", "1000"), env=env))

    async def script(on: Pilot[EnvPane]) -> None:
        on.pane.show(view)
        await on.sees("worktree", "agentdeck/fix", "DATABASE_URL", "seen", f"amqp://me:{HIDDEN}@host/x")
        assert f"http://127.0.0.1:{view.ports[0]}" in on.text()
        assert "s3cret" not in on.text()
        assert "hunter2" not in on.text()
        on.pane.rows.focus()
        at = next(at for at, entry in enumerate(on.pane._entries) if entry.name == "API_TOKEN")
        await on.press(*["down"] * (at - on.pane.rows.cursor), "asterisk")
        await on.sees("s3cret")
        await on.press("asterisk")
        await on.until(lambda: "s3cret" not in on.text())
        assert on.pane.app.clipboard == ""
        await on.press("ctrl+c")
        assert on.pane.app.clipboard == "s3cret"
        assert "s3cret" not in on.text()
        await on.press("asterisk")
        await on.sees("s3cret")
        on.pane.set_active(False)
        on.pane.set_active(True)
        await on.until(lambda: "s3cret" not in on.text())

    on_pane(EnvPane, bench, script, (100, 40))


@pytest.mark.parametrize(
    ("value", "name", "shown"),
    [
        ("abc", "GITHUB_TOKEN", HIDDEN),
        ("abc", "db_password", HIDDEN),
        ("abc", "HOME", "abc"),
        ("", "API_KEY", ""),
        ("postgres://u:p@h:5/d", "DATABASE_URL", f"postgres://u:{HIDDEN}@h:5/d"),
        ("postgres://u@h/d", "DATABASE_URL", "postgres://u@h/d"),
        ("redis://:p@h", "", f"redis://:{HIDDEN}@h"),
        ("host=h password=p x=y", "", f"host=h password={HIDDEN} x=y"),
    ],
)
def test_what_is_hidden(value: str, name: str, shown: str) -> None:
    assert masked(value, name) == shown


@given(st.text(alphabet="abcXYZ019!$:@", min_size=4, max_size=30))
def test_no_password_of_a_url_is_seen(password: str) -> None:
    assert password not in masked(f"postgres://someone:{password}@host/db", "DATABASE_URL")
    assert is_secret("MY_API_KEY")
