"""Comments are kept until they are sent, and reach the agent whole."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from agentdeck.engine.review.comments import Comments, message, send
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.review import Comment
from agentdeck.errors import StoreError, UsageError
from tests.support.decks import Bench, world_of
from tests.support.retry import eventually


def _begin(bench: Bench, script: str) -> None:
    bench.deck().start(StartRequest(name="fix", argv=("sh", "-c", script)))


def test_the_message_names_every_place_and_quotes_the_line() -> None:
    text = message(
        [
            Comment("src/app.py", 12, "Use the logger.\nNot this.", quote="    print('hello')"),
            Comment("old.py", 3, "Why?", quote="x" * 500, removed=True),
            Comment("logo.png", 0, "Too \x1b[31mlarge\x07."),
        ]
    )
    assert text.startswith("I have reviewed your changes and have 3 comments.")
    assert "1. src/app.py:12\n   > print('hello')\n   Use the logger.\n   Not this.\n" in text
    assert "2. old.py:3 (a line that you removed)\n   > xxx" in text
    assert text.endswith("3. logo.png\n   Too large␇.")
    assert max(map(len, text.splitlines())) < 220


def test_they_are_kept_sorted_and_deleted(bench: Bench) -> None:
    _begin(bench, "exec sleep 1000")
    kept = Comments(bench.deck().store, "fix")
    assert kept.all() == []
    kept.add(Comment("b.py", 2, "two"))
    kept.add(Comment("a.py", 9, "one"))
    assert [comment.text for comment in Comments(bench.deck().store, "fix").all()] == ["one", "two"]
    kept.delete({kept.all()[0].id})
    assert [comment.text for comment in kept.all()] == ["two"]
    with pytest.raises(UsageError):
        kept.add(Comment("a.py", 1, "  "))
    (bench.deck().store.agent_folder("fix") / "comments.json").write_text("[{]")
    with pytest.raises(StoreError):
        kept.all()


def test_two_who_write_at_once_lose_nothing(bench: Bench) -> None:
    _begin(bench, "exec sleep 1000")
    kept = Comments(bench.deck().store, "fix")

    def write(who: int) -> None:
        for number in range(10):
            kept.add(Comment("a.py", number, f"{who}-{number}"))

    threads = [Thread(target=write, args=(who,)) for who in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept.all()) == 30


def test_one_that_runs_is_typed_to_and_forgets_them(bench: Bench, tmp_path: Path) -> None:
    got = tmp_path / "got.txt"
    _begin(bench, f"cat > '{got}'")
    deck = bench.deck()
    kept = Comments(deck.store, "fix")
    kept.add(Comment("src/app.py", 1, "Say it in German.", quote="print('hello')"))
    assert send(world_of(deck), "fix") == "fix has 1 comment."
    eventually(lambda: got.exists() and "Say it in German." in got.read_text())
    assert "1. src/app.py:1\n   > print('hello')" in got.read_text()
    assert kept.all() == []
    with pytest.raises(UsageError):
        send(world_of(deck), "fix")


def test_one_that_has_ended_is_resumed_with_them(bench: Bench) -> None:
    _begin(bench, "true")
    eventually(lambda: not bench.deck().agent("fix").alive)
    deck = bench.deck()
    Comments(deck.store, "fix").add(Comment("a.py", 1, "Again."))
    assert send(world_of(deck), "fix") == "fix continues with 1 comment."
    lease = bench.deck().agent("fix").agent.lease("pane")
    assert lease is not None
    assert "1. a.py:1\n   Again." in lease.data["prompt"]
    assert Comments(deck.store, "fix").all() == []
