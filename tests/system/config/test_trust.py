"""The record of what was approved: whose it is, for which repository, and what becomes of a bad one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agentdeck.errors import ConfigError, DeckError
from agentdeck.system.config import settings
from agentdeck.system.config.trust import Approvals, standing

VALUES: dict[str, Any] = {"landing.gate": ["make test"], "landing.remove": True}


@pytest.fixture
def approvals(tmp_path: Path) -> Approvals:
    (tmp_path / "shop/.git").mkdir(parents=True)
    return Approvals(tmp_path / "state/trust", tmp_path / "shop/.git")


def counts(approvals: Approvals, values: dict[str, Any] = VALUES, own: dict[str, Any] | None = None) -> bool:
    return standing(values, own or {}, approvals).counts


def test_what_was_approved_counts_and_nothing_else(approvals: Approvals) -> None:
    assert counts(approvals, {})
    assert not counts(approvals)
    approvals.approve(VALUES, commit="c0ffee")
    assert counts(approvals)
    for other in ({}, {**VALUES, "landing.remove": 1}, {**VALUES, "landing.gate": ["make test", ""]}, {"x": None}):
        assert not counts(approvals, other), other
    (change,) = standing({**VALUES, "landing.gate": ["true"]}, {}, approvals).changes
    assert change.lines() == ['- "make test"', '+ "true"']


def test_it_is_private_and_says_when_from_where_and_by_whom(approvals: Approvals) -> None:
    approvals.approve(VALUES, commit="c0ffee")
    assert approvals.path.stat().st_mode & 0o777 == 0o600
    assert approvals.folder.stat().st_mode & 0o777 == 0o700
    (entry,) = json.loads(approvals.path.read_text())["approved"]
    assert entry["commit"] == "c0ffee"
    assert set(entry) == {"values", "by", "at", "commit"}


def test_going_back_to_what_was_approved_before_does_not_ask_again(approvals: Approvals) -> None:
    for number in range(30):
        approvals.approve({**VALUES, "landing.gate": [str(number)]})
    assert counts(approvals, {**VALUES, "landing.gate": ["29"]})
    assert counts(approvals, {**VALUES, "landing.gate": ["15"]})
    assert not counts(approvals, {**VALUES, "landing.gate": ["5"]}), "only the last ones are kept"
    approvals.approve({})
    assert counts(approvals, {})
    assert standing({"x": 1}, {}, approvals).approved == {}


def test_a_copy_and_a_moved_repository_ask_again(approvals: Approvals, tmp_path: Path) -> None:
    approvals.approve(VALUES)
    shutil.copytree(tmp_path / "shop", tmp_path / "copy")
    assert not counts(Approvals(approvals.folder, tmp_path / "copy/.git"))
    (tmp_path / "shop").rename(tmp_path / "moved")
    assert not counts(Approvals(approvals.folder, tmp_path / "moved/.git"))
    shutil.copytree(tmp_path / "moved", tmp_path / "shop")
    assert not counts(approvals), "another folder at the same path"
    (tmp_path / "link").symlink_to(tmp_path / "copy")
    approvals = Approvals(approvals.folder, tmp_path / "copy/.git")
    approvals.approve(VALUES)
    assert counts(Approvals(approvals.folder, tmp_path / "link/.git")), "the real path is what counts"


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", "null", "[" * 100_000, '{"repository": 1, "approved": []}'])
def test_a_damaged_record_is_none(approvals: Approvals, damage: str) -> None:
    approvals.approve(VALUES)
    approvals.path.write_text(damage)
    assert not counts(approvals)
    approvals.approve(VALUES)
    assert counts(approvals)


@pytest.mark.parametrize("entries", [[{"values": []}], [{}], [1], {"values": {}}, None])
def test_entries_of_another_form_are_none(approvals: Approvals, entries: Any) -> None:
    approvals.approve(VALUES)
    record = json.loads(approvals.path.read_text())
    approvals.path.write_text(json.dumps({**record, "approved": entries}))
    assert not counts(approvals)


def test_a_record_that_others_can_write_is_none(approvals: Approvals, tmp_path: Path) -> None:
    approvals.approve(VALUES)
    approvals.path.chmod(0o620)
    assert not counts(approvals)
    approvals.path.chmod(0o600)
    approvals.folder.chmod(0o777)
    assert not counts(approvals)
    with pytest.raises(DeckError) as caught:
        approvals.approve(VALUES)
    assert caught.value.hint == f"chmod go-w {approvals.folder}"
    approvals.folder.chmod(0o700)
    assert counts(approvals)
    real = approvals.path.rename(tmp_path / "elsewhere.json")
    approvals.path.symlink_to(real)
    assert not counts(approvals)


def test_a_folder_in_place_of_the_record_is_none_and_the_hint_moves_it_away(approvals: Approvals) -> None:
    approvals.path.mkdir(parents=True)
    approvals.folder.chmod(0o700)
    assert not counts(approvals)
    with pytest.raises(DeckError, match="can't be written") as caught:
        approvals.approve(VALUES)
    subprocess.run(["sh", "-c", caught.value.hint], check=True)
    approvals.approve(VALUES)
    assert counts(approvals)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be two people")
def test_a_record_of_somebody_else_is_none(approvals: Approvals) -> None:
    approvals.approve(VALUES)
    os.chown(approvals.path, 65534, 65534)
    assert not counts(approvals)


def test_where_the_state_folder_can_not_be_written_nothing_is_approved(approvals: Approvals) -> None:
    approvals.folder.parent.write_text("in the way")
    with pytest.raises(DeckError, match="can't be written"):
        approvals.approve(VALUES)
    assert not counts(approvals)


@pytest.mark.parametrize(
    ("roots", "trusted"),
    [
        (["{tmp}"], True),
        (["{tmp}/shop"], True),
        (["{tmp}/sho"], False),
        (["{tmp}/shop/.git/x"], False),
        (["shop", "", "."], False),
        (["~/.."], True),
        ("{tmp}", False),
        ([1, None], False),
        ({}, False),
    ],
)
def test_the_users_own_file_names_folders_to_trust(
    approvals: Approvals, tmp_path: Path, roots: Any, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "shop"))
    monkeypatch.chdir(tmp_path)
    filled = json.loads(json.dumps(roots).replace("{tmp}", str(tmp_path)))
    assert counts(approvals, own={"trust": {"roots": filled}}) == trusted


class Folder:
    def __init__(self, root: Path) -> None:
        self.root = root

    def sensitive(self, text: str) -> dict[str, Any]:
        (self.root / "agentdeck.toml").write_text(text)
        return settings.read(self.root, environ={"HOME": str(self.root / "home")}).sensitive


def test_comments_and_order_change_nothing_and_other_files_count(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    first = folder.sensitive('[hooks]\nsetup = ["a"]\n[landing]\ngate = ["b"]\nmethod = "squash"\n')
    assert first == folder.sensitive('# hi\nlanding.gate = ["b"]  # no\n[hooks]\n"setup" = [\n"\\u0061",\n]\n')
    (tmp_path / ".worktreeinclude").write_text("# secrets\n\n*.key\n")
    assert folder.sensitive("") == {".worktreeinclude": ["*.key"]}


def test_an_env_file_of_the_repository_is_approved_by_what_it_sets(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    text = '[agent]\nenv_file = "keys.env"\n'
    assert list(folder.sensitive(text)) == ["agent.env_file"], "there is none"
    (tmp_path / "keys.env").write_text("KEY=secret\nPATH=/evil\n")
    first = folder.sensitive(text)
    assert list(first) == ["agent.env_file", "agent.env_file contents.KEY", "agent.env_file contents.PATH"]
    assert "secret" not in json.dumps(first)
    (tmp_path / "keys.env").write_text("# other words\nPATH=/evil\nKEY='secret'\n")
    assert folder.sensitive(text) == first
    (tmp_path / "keys.env").write_text("KEY=secret\nPATH=/worse\n")
    assert folder.sensitive(text) != first
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    linked = folder.sensitive('[agent]\nenv_file = "link/keys.env"\n')
    assert "agent.env_file contents.PATH" in linked
    own = tmp_path / "home/.config/agentdeck"
    own.mkdir(parents=True)
    (own / "config.toml").write_text(text)
    assert list(folder.sensitive("")) == ["agent.env_file contents.KEY", "agent.env_file contents.PATH"]


def test_a_link_counts_by_what_it_leads_to_and_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "real.toml").write_text('[hooks]\nsetup = ["a"]\n')
    path = tmp_path / "repo/agentdeck.toml"
    path.symlink_to(tmp_path / "real.toml")
    assert settings.read(tmp_path / "repo").sensitive == {"hooks.setup": ["a"]}
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("zero", "folder", "pipe"):
        path.unlink()
        path.symlink_to(tmp_path / name)
        with pytest.raises(ConfigError, match=r"agentdeck\.toml"):
            settings.read(tmp_path / "repo")
    path.unlink()
    path.write_text(f"# {'x' * 2_000_000}\n")
    with pytest.raises(ConfigError, match="larger than"):
        settings.read(tmp_path / "repo")
