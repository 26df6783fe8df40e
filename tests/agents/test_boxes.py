"""Real agent CLIs do their work in a box."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.views import StartRequest
from tests.agents.answering import press_enter_until
from tests.agents.conftest import PACKAGES
from tests.support.decks import Bench
from tests.support.fake_api import FakeApi
from tests.support.retry import eventually

ALL = bool(os.environ.get("AGENTDECK_TEST_MORE_AGENTS"))
pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.skipif(not ALL, reason="“make test” runs them in a full box")
@pytest.mark.parametrize("profile", PACKAGES)
def test_it_edits_and_commits_and_goes_on_from_its_session(bench: Bench, api: FakeApi, profile: str) -> None:
    deck = bench.deck()
    outside = bench.home / "outside"
    api.commands = ("echo one > one.txt", "git add -A", "git commit -qm One", f"touch '{outside}'; ls '{bench.root}'")
    deck.start(
        StartRequest(
            task="Commit it", profile=profile, name="it", mode=Mode.HEADLESS, permission="all", sure=True, box="files"
        )
    )
    view = deck.wait("it")
    log = "\n".join(line.text for line in deck.log_lines("it"))
    assert bench.git("log", "-1", "--format=%s", view.branch) == "One", log
    assert view.status.state is State.DONE
    assert not outside.exists()
    assert view.activity is not None and view.activity.requests, "its transcript is read from its own home"
    api.commands = (*api.commands, "git commit -q --allow-empty -m Two")
    session = view.status.session
    deck.resume("it", "Again")
    view = deck.wait("it")
    assert bench.git("log", "-1", "--format=%s", view.branch) == "Two"
    assert view.status.session == session
    assert not any(Path(bench.home, name).exists() for name in (".claude/projects", ".codex/sessions"))


def test_an_interactive_one_asks_and_is_answered(bench: Bench, api: FakeApi) -> None:
    deck = bench.deck()
    api.commands = ("git commit -q --allow-empty -m Asked",)
    deck.start(
        StartRequest(
            task="Commit it", profile="claude", name="it", mode=Mode.INTERACTIVE, permission="ask", box="files"
        )
    )
    press_enter_until(deck, "it", lambda view: view.state is State.WAITING and "Bash" in view.reason, 60)
    deck.answer("it", "yes")
    eventually(lambda: bench.git("log", "-1", "--format=%s", "agentdeck/it") == "Asked", 60)
    eventually(lambda: deck.agent("it").state is State.DONE, 30)
    deck.stop("it")
