"""An agent that is started in a sub-folder of a repository begins in that sub-folder of its own worktree."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.engine.deck import Deck
from agentdeck.engine.views import StartRequest
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench
from tests.support.retry import eventually
from tests.support.verdicts import assert_ok

WHERE = ("sh", "-c", 'pwd; echo "$PWD"')


def said(bench: Bench, name: str) -> list[str]:
    return [line.text for line in bench.deck().log_lines(name) if not line.text.startswith("#")]


def worktree(bench: Bench, name: str) -> str:
    return str(bench.deck().agent(name).worktree)


@pytest.fixture
def package(bench: Bench) -> Path:
    """A folder of the repository with a name that is not easy."""
    bench.write("packages/the app #1/main.py", "pass\n")
    bench.commit("A package")
    return bench.root / "packages/the app #1"


@pytest.mark.parametrize(
    ("options", "from_root", "inside"),
    [
        ((), False, "/packages/the app #1"),
        (("--top",), False, ""),
        ((), True, ""),
        (("-C", "packages/the app #1"), True, "/packages/the app #1"),
    ],
)
def test_where_an_agent_begins(
    bench: Bench, package: Path, options: tuple[str, ...], from_root: bool, inside: str
) -> None:
    bench.write("agentdeck.toml", "[hooks]\nsetup = ['pwd > setup']\n")
    cwd = bench.root if from_root else package
    assert_ok(agentdeck("run", "-n", "one", *options, "--", *WHERE, cwd=cwd))
    top = worktree(bench, "one")
    assert said(bench, "one") == [top + inside] * 2
    assert Path(top, "setup").read_text() == f"{top}\n"
    (shown,) = objects(assert_ok(agentdeck("--json", "show", "one", cwd=bench.root)))
    assert shown["folder"] == inside.removeprefix("/")


def test_a_resumed_agent_and_one_of_the_dashboard_begin_there_too(bench: Bench, package: Path) -> None:
    deck = Deck.find(package)
    deck.start(StartRequest(name="one", argv=WHERE))
    deck.wait("one")
    eventually(lambda: not deck.agent("one").alive)
    bench.deck().resume("one")
    deck.wait("one")
    inside = f"{worktree(bench, 'one')}/packages/the app #1"
    assert said(bench, "one") == [inside] * 2


def test_one_that_is_started_from_within_another_agents_worktree_begins_in_the_same_folder(
    bench: Bench, package: Path
) -> None:
    assert_ok(agentdeck("run", "-n", "one", "--", "true", cwd=bench.root))
    within = Path(worktree(bench, "one")) / package.relative_to(bench.root)
    assert_ok(agentdeck("run", "-n", "two", "--", *WHERE, cwd=within))
    assert said(bench, "two")[0] == f"{worktree(bench, 'two')}/packages/the app #1"


def test_a_folder_that_the_base_does_not_have_is_told_and_the_agent_begins_at_the_top(bench: Bench) -> None:
    new = bench.root / "not committed"
    new.mkdir()
    done = agentdeck("run", "-n", "one", "--", *WHERE, cwd=new)
    assert_ok(done)
    assert "not committed is not in its worktree, so it starts at the top" in done.stderr
    assert said(bench, "one")[0] == worktree(bench, "one")


def test_a_folder_that_a_hook_makes_is_begun_in(bench: Bench) -> None:
    (bench.root / "made").mkdir()
    bench.write("agentdeck.toml", "[hooks]\nsetup = ['mkdir made']\n")
    done = agentdeck("run", "-n", "one", "--", *WHERE, cwd=bench.root / "made")
    assert_ok(done)
    assert "starts at the top" not in done.stderr
    assert said(bench, "one")[0] == f"{worktree(bench, 'one')}/made"


def test_a_link_that_leads_out_of_the_worktree_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    """In the main worktree it is a folder; what is committed is a link to a person's own."""
    outside = tmp_path / "own"
    outside.mkdir()
    (bench.root / "sub").symlink_to(outside)
    bench.commit("A link")
    (bench.root / "sub").unlink()
    (bench.root / "sub").mkdir()
    assert_ok(agentdeck("run", "-n", "one", "--", *WHERE, cwd=bench.root / "sub"))
    assert said(bench, "one")[0] == worktree(bench, "one")
