"""What an agent writes into the deck's own files is not believed: nothing is deleted or written where it says."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Agent, Mode
from agentdeck.core.agents.leases import Lease
from agentdeck.engine.deck import Deck
from agentdeck.engine.lifecycle import leases
from agentdeck.engine.records.parts import part_of
from agentdeck.engine.records.steps import Steps
from agentdeck.engine.world import World
from agentdeck.errors import DeckError, RefusedError, StoreError
from agentdeck.system.files.files import lock_holder, locked
from agentdeck.system.git.repository import Repository
from agentdeck.system.state.store import Store
from agentdeck.system.terminal.tmux import Tmux
from tests.support.decks import Bench
from tests.support.odd_worktrees import documents, picture, start
from tests.support.share import diagonal

FIELDS = [
    ("worktree", "path"),
    ("worktree", "git_dir"),
    ("env file", "path"),
    ("env file", "tmp"),
    ("database", "path"),
    ("pane", "log"),
    ("pane", "session"),
    ("pane", "window"),
]
HOSTILE: dict[str, Callable[[Bench, Path, Path], str]] = {
    "a person's folder": lambda bench, tree, own: str(own),
    "a file of a person": lambda bench, tree, own: str(own / "db.sqlite3"),
    "by way of ..": lambda bench, tree, own: f"{tree}/{os.path.relpath(own, tree)}",
    "a file by way of ..": lambda bench, tree, own: f"{tree}/{os.path.relpath(own, tree)}/db.sqlite3",
    "by a link": lambda bench, tree, own: f"{linked(tree, own)}/db.sqlite3",
    "the home folder": lambda bench, tree, own: str(bench.home),
    "the main checkout": lambda bench, tree, own: str(bench.root),
    "git's folder": lambda bench, tree, own: str(bench.root / ".git"),
    "the root": lambda bench, tree, own: "/",
    "nothing": lambda bench, tree, own: "",
    "a relative path": lambda bench, tree, own: ".",
}


def linked(tree: Path, target: Path) -> Path:
    link = tree / "link"
    if not link.is_symlink():
        link.symlink_to(target)
    return link


def change(deck: Deck, kind: str, key: str, value: Any) -> None:
    path = deck.store.agent_folder("one") / "agent.json"
    data = json.loads(path.read_text())
    (lease,) = [lease for lease in data["leases"] if lease["kind"] == kind]
    lease["data"][key] = value
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(("field", "value"), diagonal(FIELDS, HOSTILE, 2))
def test_no_place_in_a_lease_is_believed(bench: Bench, field: tuple[str, str], value: str) -> None:
    tree, own = start(bench), documents(bench)
    bench.write("wip.txt", "not committed")
    deck = bench.deck()
    change(deck, *field, HOSTILE[value](bench, tree, own))
    before, main = [picture(own), picture(bench.root)], bench.git("rev-parse", "main")
    with contextlib.suppress(DeckError):
        deck.resume("one")
        deck.wait("one")
    with contextlib.suppress(DeckError):
        deck.review.text("one")
    events: list[str] = []
    deck.remove("one", lambda event: events.append(event.text), stop=True)
    with contextlib.suppress(DeckError):
        deck.undo()
    assert [picture(own), picture(bench.root)] == before
    assert bench.git("rev-parse", "main") == main
    assert deck.store.open().folder.is_dir()


def test_a_branch_in_a_lease_is_not_deleted_for_it(bench: Bench) -> None:
    start(bench)
    bench.git("branch", "precious")
    bench.git("switch", "-q", "precious")
    bench.write("precious", "years of work")
    tip = bench.commit("precious")
    bench.git("switch", "-q", "main")
    deck = bench.deck()
    for key, value in {"branch": "precious", "create": True, "base": "precious", "base_commit": tip}.items():
        change(deck, "worktree", key, value)
    deck.remove("one")
    assert bench.git("rev-parse", "precious") == tip


def test_a_worktree_of_a_persons_own_is_not_removed_for_a_lease(bench: Bench) -> None:
    start(bench)
    mine = bench.home / "mine"
    bench.git("worktree", "add", "-q", str(mine))
    (mine / "wip").write_text("mine")
    deck, before = bench.deck(), picture(mine)
    change(deck, "worktree", "path", str(mine))
    change(deck, "worktree", "git_dir", str(bench.root / ".git" / "worktrees" / "mine"))
    deck.remove("one")
    assert picture(mine) == before
    assert bench.git("status", "--porcelain", cwd=mine) == "?? wip"


def test_another_agents_worktree_is_not_removed_for_a_lease(bench: Bench) -> None:
    start(bench)
    other = start(bench, "two")
    deck, before = bench.deck(), picture(other)
    change(deck, "worktree", "path", str(other))
    change(deck, "worktree", "git_dir", str(bench.root / ".git" / "worktrees" / "two"))
    deck.remove("one")
    assert picture(other) == before
    assert deck.review.text("two")


@pytest.mark.parametrize("key", ["trash", "landing"])
def test_a_record_with_a_path_for_a_stamp_is_damaged(bench: Bench, key: str) -> None:
    start(bench)
    deck, own = bench.deck(), documents(bench)
    before = picture(own)
    path = deck.store.agent_folder("one") / "agent.json"
    stamp = f"/../../../../{os.path.relpath(own, bench.root)}"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: stamp, "phase": "releasing"}))
    with pytest.raises(StoreError):
        deck.remove("one")
    assert picture(own) == before


@pytest.mark.parametrize("name", ["trash", "logs", "agents", "steps", "landings", "databases"])
def test_a_link_in_place_of_a_folder_of_the_deck_is_refused(bench: Bench, name: str) -> None:
    start(bench)
    own, folder = documents(bench), bench.deck().store.folder / name
    before = picture(own)
    if folder.exists():
        shutil.move(folder, bench.home / "aside")
    folder.symlink_to(own)
    with pytest.raises(StoreError, match=f"{name} can't be read"):
        bench.deck().store.open()
    assert picture(own) == before


@pytest.mark.parametrize("name", ["events.jsonl", "operation.lock", "status.lock", "session.cast"])
def test_a_link_in_place_of_a_file_of_an_agent_is_not_written_to(bench: Bench, name: str) -> None:
    start(bench)
    own, deck = documents(bench), bench.deck()
    path = deck.store.agent_folder("one") / name
    path.unlink(missing_ok=True)
    path.symlink_to(own / "thesis.txt")
    before = picture(own)
    with contextlib.suppress(DeckError):
        deck.resume("one")
        deck.wait("one")
    with contextlib.suppress(DeckError):
        deck.remove("one", stop=True)
    assert picture(own) == before


@pytest.mark.parametrize(
    "part",
    [
        {
            "kind": "record again",
            "name": "../../../home/my documents",
            "stamp": "1",
            "ref": "",
            "path": "x",
            "branch": "",
        },
        {"kind": "record", "name": "..", "stamp": "1", "ref": "", "path": "x", "branch": ""},
        {"kind": "removal", "agent": "../one", "trash": "1"},
        {"kind": "removal", "agent": "one", "trash": "../../x"},
        {"kind": "branch", "branch": "x", "tip": "0" * 40, "ref": "refs/heads/main", "settings": []},
    ],
)
def test_a_step_that_was_changed_is_not_undone(bench: Bench, part: dict[str, Any]) -> None:
    own, deck = documents(bench), bench.deck()
    before = picture(own)
    Steps(deck.store.open()).record("key", "text", part_of(part))
    with pytest.raises(RefusedError, match="The step was changed"):
        deck.undo()
    assert picture(own) == before


def test_the_holder_of_a_lock_is_not_who_the_file_names(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        (tmp_path / "lock").write_text("1")
        assert lock_holder(tmp_path / "lock") == os.getpid()


# What is believed lies where AgentDeck puts it, whatever the lease says.

WORDS = st.sampled_from(
    ["..", ".", "", "one", "tree", "home", "link", "0123abcd-one", "agentdeck-0", "db.sqlite3", "a\nb"]
)
PATHS = st.builds(
    lambda start, words: start + "/".join(words), st.sampled_from(["/", "", "/tmp/", "TREE/", "HOME/"]), st.lists(WORDS)
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("deck")
    (folder / "tree").mkdir()
    (folder / "home").mkdir()
    (folder / "tree" / "link").symlink_to(folder / "home")
    common = folder / ".git"
    (common / "agentdeck").mkdir(parents=True)
    (common / "agentdeck" / "deck.json").write_text('{"format": 1, "id": "0123abcd"}')
    return World(Repository(folder, common, False), folder, Store(common / "agentdeck"), Tmux("none"))


@given(path=PATHS, tmp=PATHS)
def test_an_env_files_lease_is_believed_only_for_its_own_places(world: World, path: str, tmp: str) -> None:
    tree = str(world.root / "tree")
    path, tmp = (
        text.replace("TREE", tree)
        .replace("HOME", str(world.root / "home"))
        .replace("agentdeck-0", f"agentdeck-{os.getuid()}")
        for text in (path, tmp)
    )
    lease = Lease("env file", True, {"path": path, "tmp": tmp})
    agent = Agent(
        "one", "", "", Mode.HEADLESS, 0.0, leases=(Lease("worktree", True, {"path": tree, "branch": ""}), lease)
    )
    if leases.doubt(world, agent, lease):
        with pytest.raises(RefusedError):
            leases.check(world, agent, lease)
        return
    assert not path or os.path.realpath(os.path.dirname(path)).startswith(tree)  # noqa: PTH120
    assert tmp.endswith(f"/agentdeck-{os.getuid()}/0123abcd-one")
    assert ".." not in Path(tmp).parts


KINDS = st.sampled_from(["worktree", "ports", "database", "env file", "pane"])
KEYS = st.sampled_from("path branch ports engine name mark prefix tmp session window log".split())
VALUES = st.one_of(
    st.none(), st.integers(), st.text(max_size=5), st.lists(st.none()), st.sampled_from(["sqlite", "redis"])
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(kind=KINDS, data=st.dictionaries(KEYS, VALUES))
def test_any_lease_at_all_is_judged_without_an_error(world: World, kind: str, data: dict[str, Any]) -> None:
    lease = Lease(kind, True, data)
    assert isinstance(leases.doubt(world, Agent("one", "", "", Mode.HEADLESS, 0.0, leases=(lease,)), lease), str)
