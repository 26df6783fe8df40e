"""A removal says which git-ignored files it does not save."""

from __future__ import annotations

import pytest

from agentdeck.engine.views import StartRequest
from agentdeck.system.git import ignored
from tests.support.decks import CONFIG, Bench


def begin(bench: Bench, script: str) -> list[str]:
    bench.write(".gitignore", "*.sqlite3\n.env\nbuild/\n")
    bench.commit("Ignore")
    bench.write(".env", "KEY=1\n")
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-c", script)))
    deck.wait("one")
    return [event.text for event in deck.store.events("one") if event.kind == "ignored.left"]


def test_files_that_came_along_unchanged_are_nothing_to_lose(bench: Bench) -> None:
    begin(bench, "test -f .env; echo x > new.txt; ln -s /nowhere build")
    assert bench.deck().unsaved("one") == ""


def test_edited_and_made_files_are_counted_with_their_size_and_places(bench: Bench) -> None:
    begin(bench, "echo KEY=2 >> .env; mkdir -p build/a; head -c 2000 /dev/zero | tee build/one > build/a/two")
    told: list[str] = []
    bench.deck().remove("one", lambda event: told.append(event.text))
    (sentence,) = [text for text in told if "git ignores" in text]
    assert sentence == "3 files (3.9 KiB) that git ignores won't be saved: .env, build/"


def test_the_count_of_many_ends_early_and_each_place_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignored, "_MOST", 3)
    begin(bench, "mkdir -p build/a; for n in 1 2 3; do echo $n > build/a/$n; done; echo KEY=2 >> .env; > x.sqlite3")
    assert bench.deck().unsaved("one").startswith("more than 3 files (")
    assert bench.deck().unsaved("one").endswith(" that git ignores won't be saved: .env, build/, x.sqlite3")


def test_as_many_as_are_counted_are_all(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignored, "_MOST", 3)
    begin(bench, "mkdir -p build/a; for n in 1 2 3; do echo $n > build/a/$n; done")
    assert bench.deck().unsaved("one") == "3 files (6 B) that git ignores won't be saved: build/"


def test_files_as_in_the_main_worktree_s_folder_are_nothing_to_lose(bench: Bench) -> None:
    bench.write("build/a/kept.o", "kept\n")
    bench.write("build/a/other.o", "other\n")
    begin(bench, "mkdir -p build/a; echo kept > build/a/kept.o; echo OTHER > build/a/other.o; ln -s / build/a/l")
    assert bench.deck().unsaved("one") == "1 file (6 B) that git ignores won't be saved: build/"


def test_what_is_saved_is_not_told(bench: Bench) -> None:
    bench.write("agentdeck.toml", CONFIG + "[trash]\nignored = true\n")
    bench.commit("Save all")
    begin(bench, "echo KEY=2 >> .env")
    assert bench.deck().unsaved("one") == ""
