"""At the limit of one account the other goes on with the conversation, also after a kill in the middle of that."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.deck import Deck
from agentdeck.engine.profiles.handing import progress_of
from agentdeck.engine.views import StartRequest
from agentdeck.errors import DeckError, RefusedError
from agentdeck.system.files.files import state_home
from tests.support.accounts import with_acme
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.share import EVERY

LAST = "Continue with acme@work"
WORK = '[accounts.work]\nprofile = "acme"\n'


@pytest.fixture
def deck(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Deck:
    with_acme(bench, monkeypatch, WORK)
    bench.write("login", "", cwd=place())
    return bench.deck()


def place() -> Path:
    return state_home() / "accounts" / "work"


def start(deck: Deck) -> None:
    deck.start(StartRequest(task="do it", profile="acme", account="default", name="fox", mode=Mode.HEADLESS))


def conversation(deck: Deck) -> list[dict[str, str]]:
    tree = deck.agent("fox").worktree
    assert tree is not None
    return [json.loads(line) for line in (tree / "conversation").read_text().splitlines()]


def limit(folder: Path, seconds: float = 7000) -> float:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "limit").write_text(f"{time.time() + seconds:.0f}")
    return time.time() + seconds


def test_the_other_account_has_the_conversation(deck: Deck, bench: Bench) -> None:
    limit(bench.home / ".acme")
    start(deck)
    view = deck.wait("fox")
    assert view.profile == "acme@work"
    assert [each["by"] for each in conversation(deck)] == [".acme", "work"]
    assert conversation(deck)[0]["said"] == "do it"
    assert "take over" not in conversation(deck)[1]["said"]
    (bench.home / ".acme" / "limit").unlink()
    eventually(lambda: not deck.agent("fox").alive)
    deck.fail_over("fox", "acme")
    eventually(lambda: deck.agent("fox").profile == "acme")
    deck.wait("fox")
    assert [each["by"] for each in conversation(deck)] == [".acme", "work", ".acme"]


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.02, 0.05, 0.1, 0.3] if EVERY else [0.0, 0.02])
def test_a_runner_that_is_killed_in_the_middle_is_gone_on_with(deck: Deck, bench: Bench, delay: float) -> None:
    limit(bench.home / ".acme")
    start(deck)
    folder = deck.store.agent_folder("fox")

    def is_moving() -> bool:
        progress = progress_of(folder)
        return progress is not None and progress.profile == "acme@work"

    eventually(is_moving, pause=0.001)
    time.sleep(delay)
    pid = deck.agent("fox").status.runner_pid
    assert pid is not None
    with suppress(ProcessLookupError):  # it may be done already
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not deck.agent("fox").alive)
    deck.resume("fox", "and more")
    view = deck.wait("fox")
    assert (view.profile, view.state) == ("acme@work", State.DONE)
    said = conversation(deck)
    assert said[0] == {"said": "do it", "by": ".acme"}, "the conversation came along"
    assert said[-1]["said"].endswith("and more")
    assert not list(place().rglob("*.agentdeck")), "no draft is left"


def test_where_both_are_limited_the_earliest_is_awaited(deck: Deck, bench: Bench) -> None:
    limit(bench.home / ".acme", 7000)
    limit(place(), 4)
    start(deck)
    assert "acme@work" in eventually(lambda: _waits(deck), 20)
    (place() / "limit").unlink()
    assert deck.wait("fox").profile == "acme@work"


def _waits(deck: Deck) -> str:
    status = deck.agent("fox").status
    return status.reason if status.state is State.LIMITED and status.reason.startswith("until") else ""


@pytest.mark.parametrize("waits_first", [False, True])
def test_a_person_who_wants_to_be_asked_is(deck: Deck, bench: Bench, waits_first: bool) -> None:
    bench.own(f"{WORK}[failover]\nask = true\n")
    limit(bench.home / ".acme")
    start(deck)
    eventually(lambda: deck.agent("fox").state is State.WAITING, 20)
    question = deck.agent("fox").status.question
    assert question is not None
    first, last = (each.label for each in question.options)
    assert (first.startswith("Wait until "), last) == (True, LAST)
    for choice, text in (("3", ""), ("yes", ""), ("", "go on")):
        with pytest.raises(DeckError):
            deck.answer("fox", choice, text)
    if waits_first:
        assert deck.answer("fox", "1", seen=question) == first
        status = deck.agent("fox").status
        assert (status.state, status.questions) == (State.LIMITED, ())
        with pytest.raises(RefusedError, match="asks nothing"):
            deck.answer("fox", "2")
        deck.fail_over("fox", "acme@work")
    else:
        assert deck.answer("fox", "2") == LAST
    view = deck.wait("fox")
    assert view.profile == "acme@work"
    assert [each["by"] for each in conversation(deck)] == [".acme", "work"]
    told = [each.reason for each in deck.failovers(view)]
    assert [text.partition(" until")[0] for text in told] == ([] if waits_first else ["acme's usage limit"])


def test_nobody_is_asked_in_the_quiet_hours(deck: Deck, bench: Bench) -> None:
    now = time.time()
    span = f"{time.strftime('%H:%M', time.localtime(now - 3600))}-{time.strftime('%H:%M', time.localtime(now + 3600))}"
    bench.own(f'{WORK}[failover]\nask = true\n[notify]\nquiet = "{span}"\n')
    limit(bench.home / ".acme")
    start(deck)
    assert deck.wait("fox").profile == "acme@work"


def test_a_conversation_that_went_on_elsewhere_is_not_overwritten(deck: Deck, bench: Bench) -> None:
    """Then the other account begins anew, with a brief."""
    limit(bench.home / ".acme")
    bench.write("projects", "a file in the way", cwd=place())
    start(deck)
    deck.wait("fox")
    assert (place() / "projects").read_text() == "a file in the way"


def test_a_key_of_an_account_goes_to_its_own_agents_alone(
    deck: Deck, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.own('[accounts.work]\nprofile = "acme"\nkey = "WORK_KEY"\n')
    monkeypatch.setenv("WORK_KEY", "sk-work-0123456789")
    monkeypatch.setenv("ACME_KEY", "sk-usual-0123456789")
    program = bench.home / "bin" / "acme"
    program.write_text('#!/bin/sh\necho "$ACME_KEY" >key\n')
    for name, account, key in (("one", "work", "sk-work-0123456789"), ("two", "default", "sk-usual-0123456789")):
        deck.start(StartRequest(task="x", profile="acme", account=account, name=name, mode=Mode.HEADLESS))
        tree = deck.wait(name).worktree
        assert tree is not None
        assert (tree / "key").read_text().strip() == key
    for path in deck.store.folder.rglob("*"):
        assert not path.is_file() or b"sk-work-0123456789" not in path.read_bytes(), path
