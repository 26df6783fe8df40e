"""What lies in a worktree's place is not always the worktree: no verb takes it for one, and nothing of it changes."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.engine.records.landings import LandRequest, Stage
from agentdeck.errors import DeckError, RefusedError
from tests.support.decks import Bench
from tests.support.odd_worktrees import documents, picture, start

Change = Callable[[Bench, Path], list[Path]]
"""Puts an odd state in place of the worktree; returns the folders that must not change from then on."""


def link_to_documents(bench: Bench, tree: Path) -> list[Path]:
    tree.rename(bench.home / "elsewhere")
    target = documents(bench)
    tree.symlink_to(target)
    return [target, bench.home / "elsewhere"]


def link_to_the_main_checkout(bench: Bench, tree: Path) -> list[Path]:
    tree.rename(bench.home / "elsewhere")
    tree.symlink_to(bench.root)
    return [bench.home / "elsewhere"]


def link_to_another_worktree(bench: Bench, tree: Path) -> list[Path]:
    other = start(bench, "two")
    shutil.rmtree(tree)
    tree.symlink_to(other)
    return [other]


def dangling_link(bench: Bench, tree: Path) -> list[Path]:
    shutil.rmtree(tree)
    tree.symlink_to(bench.home / "nothing")
    return []


def no_git_file(bench: Bench, tree: Path) -> list[Path]:
    (tree / ".git").unlink()
    return []


def empty_git_file(bench: Bench, tree: Path) -> list[Path]:
    (tree / ".git").write_text("")
    return []


def a_pipe_for_a_git_file(bench: Bench, tree: Path) -> list[Path]:
    (tree / ".git").unlink()
    os.mkfifo(tree / ".git")
    return []


def a_repository_of_its_own(bench: Bench, tree: Path) -> list[Path]:
    (tree / ".git").unlink()
    bench.git("init", "-q", cwd=tree)
    bench.commit("own", cwd=tree)
    return [tree]


def points_to_main(bench: Bench, tree: Path) -> list[Path]:
    (tree / ".git").write_text(f"gitdir: {bench.root / '.git'}\n")
    return [tree]


def points_to_another_repository(bench: Bench, tree: Path) -> list[Path]:
    other = bench.home / "another"
    bench.git("init", "-q", str(other))
    (tree / ".git").write_text(f"gitdir: {other / '.git'}\n")
    return [tree, other]


def points_to_another_worktree(bench: Bench, tree: Path) -> list[Path]:
    other = start(bench, "two")
    shutil.copy(other / ".git", tree / ".git")
    return [tree, other]


def replaced_by_a_clone(bench: Bench, tree: Path) -> list[Path]:
    shutil.rmtree(tree)
    bench.git("clone", "-q", str(bench.root), str(tree))
    return [tree]


def replaced_by_a_folder(bench: Bench, tree: Path) -> list[Path]:
    shutil.rmtree(tree)
    shutil.copytree(documents(bench), tree)
    return [tree]


def replaced_by_a_file(bench: Bench, tree: Path) -> list[Path]:
    shutil.rmtree(tree)
    tree.write_text("a file")
    return []


def record_says_elsewhere(bench: Bench, tree: Path) -> list[Path]:
    target = documents(bench)
    record = bench.root / ".git" / "worktrees" / tree.name
    (record / "gitdir").write_text(f"{target}/.git\n")
    return [tree, target]


def record_leads_elsewhere(bench: Bench, tree: Path) -> list[Path]:
    other = bench.home / "another"
    bench.git("init", "-q", str(other))
    (bench.root / ".git" / "worktrees" / tree.name / "commondir").write_text(f"{other / '.git'}\n")
    return [tree, other]


def no_record(bench: Bench, tree: Path) -> list[Path]:
    shutil.rmtree(bench.root / ".git" / "worktrees" / tree.name)
    return [tree]


FOREIGN: dict[str, tuple[Change, bool]] = {
    # With it, whether the folder is known to be the agent's still, so that its removal saves it.
    "a link to a person's folder": (link_to_documents, False),
    "a link to the main checkout": (link_to_the_main_checkout, False),
    "a link to another worktree": (link_to_another_worktree, False),
    "a link to nothing": (dangling_link, False),
    "no .git": (no_git_file, True),
    "an empty .git": (empty_git_file, True),
    "a .git that never ends": (a_pipe_for_a_git_file, True),
    "a .git folder": (a_repository_of_its_own, False),
    ".git points to main": (points_to_main, False),
    ".git points to another repository": (points_to_another_repository, False),
    ".git points to another worktree": (points_to_another_worktree, False),
    "a clone": (replaced_by_a_clone, False),
    "another folder": (replaced_by_a_folder, False),
    "a file": (replaced_by_a_file, False),
    "the record names another folder": (record_says_elsewhere, False),
    "the record leads to another repository": (record_leads_elsewhere, False),
    "the record is gone": (no_record, False),
}


@dataclass
class Scene:
    bench: Bench
    deck: Deck
    tree: Path
    is_saved: bool
    kept: dict[Path, dict[str, str]]
    main: str

    def check(self) -> None:
        """Nothing outside of the worktree has changed."""
        for folder, before in self.kept.items():
            assert picture(folder) == before, folder
        assert self.bench.git("rev-parse", "main") == self.main


@pytest.fixture(params=FOREIGN)
def scene(bench: Bench, request: pytest.FixtureRequest) -> Scene:
    change, is_saved = FOREIGN[request.param]
    tree = start(bench)
    bench.write("wip.txt", "not committed")
    kept = [bench.root, *change(bench, tree)]
    pictures = {folder: picture(folder) for folder in kept}
    return Scene(bench, bench.deck(), tree, is_saved, pictures, bench.git("rev-parse", "main"))


def test_every_verb_leaves_it_alone_and_says_so(scene: Scene) -> None:
    deck, bench = scene.deck, scene.bench
    deck.repair()
    assert "one" in [view.name for view in deck.agents()]
    verbs: dict[str, Callable[[], object]] = {
        "diff": lambda: deck.review.text("one"),
        "uncommitted": lambda: deck.review.uncommitted("one"),
        "resume": lambda: deck.resume("one"),
        "failover": lambda: deck.fail_over("one", "shell"),
        "pr": lambda: deck.landings.propose(LandRequest(("one",))),
    }
    for verb, act in verbs.items():
        with pytest.raises(DeckError) as caught:
            act()
        assert "work tree" not in str(caught.value), verb
        scene.check()
    for request in (LandRequest(("one",), commit="", gate=()), LandRequest(("one",), commit="", dry_run=True)):
        (entry,) = deck.land(request).entries
        assert entry.stage is Stage.SET_ASIDE and "can't be used" in entry.reason, entry
    report = deck.radar.look()
    assert "one" in report.problems
    deck.history.stale()
    scene.check()
    assert deck.agent("one").state is State.DONE  # what was refused has changed nothing
    checks = {check.name: check for check in deck.doctor()}
    assert checks["agent one"].ok is False
    assert "foreign" in checks["agent one"].text
    scene.check()
    assert bench.git("status", "--porcelain").splitlines() == ["?? wip.txt"]


def test_it_can_be_removed_and_what_is_the_agents_comes_back(scene: Scene) -> None:
    events: list[str] = []
    scene.deck.remove("one", lambda event: events.append(event.text))
    scene.check()
    assert "one" not in [view.name for view in scene.deck.agents()]
    if scene.is_saved:
        assert not os.path.lexists(scene.tree)
        scene.deck.undo()
        assert (scene.tree / "new").read_text() == "new\n"
        assert (scene.tree / "work").read_text() == "work\nmore\n"
        assert scene.deck.review.text("one")
    else:
        assert os.path.lexists(scene.tree)
        assert any("left unchanged" in text for text in events), events
        before = picture(scene.tree)
        with contextlib.suppress(RefusedError):
            scene.deck.undo()
        assert picture(scene.tree) == before
    scene.check()


def test_the_repair_that_doctor_names_works(scene: Scene) -> None:
    hint = next(check.hint for check in scene.deck.doctor() if check.name == "agent one")
    command = hint.partition("  (or")[0]
    subprocess.run(["sh", "-c", command], check=True)
    if not scene.deck.agent("one").trouble and scene.tree.exists():
        assert scene.deck.review.text("one")
        assert (scene.tree / "work").read_text() == "work\nmore\n"
    else:
        scene.deck.resume("one")
        scene.deck.wait("one")
        assert scene.deck.review.text("one")


def test_a_worktree_that_was_moved_and_linked_back_is_worked_in_and_left_where_it_is(bench: Bench) -> None:
    tree, there = start(bench), bench.home / "the other disk" / "one"
    there.parent.mkdir()
    shutil.move(tree, there)
    tree.symlink_to(there)
    deck, before = bench.deck(), picture(there)
    assert not deck.agent("one").trouble
    assert "+more" in deck.review.text("one")
    assert all(check.ok for check in deck.doctor() if check.name == "agent one")
    events: list[str] = []
    deck.remove("one", lambda event: events.append(event.text))
    assert picture(there) == before
    assert not os.path.lexists(tree)
    assert f"{tree} was a link to {there}; only the link was removed; {there} was left unchanged." in events
    deck.undo()
    assert not tree.is_symlink()
    assert (tree / "new").read_text() == "new\n"
    assert picture(there) == before


@pytest.mark.parametrize("how", ["git worktree move", "mv and git worktree repair"])
def test_a_worktree_that_was_moved_with_git_is_followed(bench: Bench, how: str) -> None:
    tree, there = start(bench), bench.home / "moved ünï"
    if how == "git worktree move":
        bench.git("worktree", "move", "-f", "-f", str(tree), str(there))
    else:
        shutil.move(tree, there)
        bench.git("worktree", "repair", str(there))
    deck = bench.deck()
    deck.repair()
    assert deck.agent("one").worktree == there
    assert "+more" in deck.review.text("one")
    deck.remove("one")
    assert not there.exists()
    deck.undo()
    assert (there / "new").read_text() == "new\n"


def test_worktrees_behind_a_linked_folder_are_worktrees_as_any_other(bench: Bench) -> None:
    tree, there = start(bench), bench.home / "the other disk"
    shutil.move(tree.parent, there)
    tree.parent.symlink_to(there)
    deck = bench.deck()
    assert not deck.agent("one").trouble
    assert "+more" in deck.review.text("one")
    deck.remove("one")
    assert not any(there.iterdir())
    deck.undo()
    assert (there / "one" / "new").read_text() == "new\n"


def test_the_error_is_a_sentence_and_a_command_that_works(bench: Bench) -> None:
    tree = start(bench)
    (tree / ".git").unlink()
    with pytest.raises(RefusedError) as caught:
        bench.deck().review.text("one")
    assert caught.value.title == f"The worktree of one at {tree} can't be used: its .git file is gone."
    assert shlex.quote(f"{tree}/.git") in caught.value.hint
    subprocess.run(["sh", "-c", caught.value.hint], check=True)
    assert "+more" in bench.deck().review.text("one")
