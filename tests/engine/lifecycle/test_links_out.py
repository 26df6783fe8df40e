"""A link that came with the repository leads nothing that AgentDeck writes out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.engine.views import StartRequest
from agentdeck.errors import RefusedError
from tests.support.decks import CONFIG, Bench

ONE = StartRequest(name="one", argv=("true",))


@pytest.fixture
def outside(bench: Bench, tmp_path: Path) -> Path:
    """A person's folder, and a link to it in the repository."""
    folder = tmp_path / "a person's"
    folder.mkdir()
    (bench.root / "way-out").symlink_to(folder, target_is_directory=True)
    bench.commit("A link")
    return folder


@pytest.mark.parametrize(
    "config",
    [
        '[env_file]\npath = "way-out/.env"\n',
        '[worktree]\npath = "way-out/{name}"\n',
        CONFIG + 'path = "way-out/db.sqlite3"\n',
    ],
    ids=["env file", "worktree", "database"],
)
def test_a_start_is_refused_and_leaves_nothing(bench: Bench, outside: Path, config: str) -> None:
    bench.write("agentdeck.toml", config)
    with pytest.raises(RefusedError, match="leads out"):
        bench.deck().start(ONE)
    assert not list(outside.iterdir())
    assert bench.worktrees() == [str(bench.root)]
    assert bench.branches() == ["main"]


def test_a_link_that_the_person_made_is_theirs(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    (bench.root / ".worktrees").symlink_to(tmp_path / "large disk", target_is_directory=True)
    deck = bench.deck()
    deck.start(ONE)
    assert deck.wait("one").outcome == 0
    assert (tmp_path / "large disk/one").is_dir()
