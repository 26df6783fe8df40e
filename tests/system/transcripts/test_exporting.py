"""A conversation goes to another account by the CLI's own commands, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.core.transcripts.formats import Place
from agentdeck.errors import CancelledError
from agentdeck.system.machine.process import cancellable
from agentdeck.system.transcripts.exporting import hand_over

PLACE = Place("opencode", ("$ACME_HOME/acme", "~/.acme"), "acme.db")
EXPORT = ("sh", "-c", 'cat "$ACME_HOME/acme/$1" && test -z "$SECRET"', "sh", "{session}")
IMPORT = ("sh", "-c", 'cp "$1" "$ACME_HOME/acme/$(cat "$1")" && pwd >"$ACME_HOME/folder"', "sh", "{file}")


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.setenv("SECRET", "of this process, not of the agent's")
    found = tmp_path / "one", tmp_path / "two ünd 'more'"
    for home in found:
        (home / "acme").mkdir(parents=True)
    (found[0] / "acme" / "ses_1").write_text("ses_1")
    return found


def go(homes: tuple[Path, Path], session: str = "ses_1", ways: tuple[tuple[str, ...], ...] = (EXPORT, IMPORT)) -> bool:
    left, to = ({"ACME_HOME": str(home), "PATH": "/usr/bin:/bin"} for home in homes)
    file = homes[0].parent / "conversation.json"
    try:
        return hand_over(PLACE, (ways[0], ways[1]), session, homes[0], left, to, file)
    finally:
        assert not file.exists()


def test_it_is_taken_over_in_the_agents_folder(homes: tuple[Path, Path]) -> None:
    (homes[0].parent / "conversation.json").write_text("of a crash")
    assert go(homes)
    assert (homes[1] / "acme" / "ses_1").read_text() == "ses_1"
    assert (homes[1] / "folder").read_text() == f"{homes[0]}\n"


@pytest.mark.parametrize("export", [("false",), ("true",), ("no-such-program",), ("echo", "another")])
def test_where_it_can_not_be_printed_it_is_told(homes: tuple[Path, Path], export: tuple[str, ...]) -> None:
    assert not go(homes, ways=(export, IMPORT))
    assert not (homes[1] / "folder").exists()


def test_where_it_can_not_be_taken_it_is_told(homes: tuple[Path, Path]) -> None:
    assert not go(homes, ways=(EXPORT, ("false",)))
    assert not go(homes, session="")


def test_accounts_in_one_folder_need_no_command(homes: tuple[Path, Path]) -> None:
    assert go((homes[0], homes[0]), ways=(("false",), ("false",)))


def test_it_can_be_stopped(homes: tuple[Path, Path]) -> None:
    with cancellable(lambda: True), pytest.raises(CancelledError):
        go(homes)
