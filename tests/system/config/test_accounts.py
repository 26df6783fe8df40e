"""Accounts: profiles with a login of their own, whose folders have the person's settings and no other login."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from agentdeck.core.config.accounts import AccountConfig
from agentdeck.errors import ConfigError
from agentdeck.system.config.accountfolders import prepare
from agentdeck.system.config.accounts import lanes_of, profile_of
from agentdeck.system.config.profiles import load_profiles
from agentdeck.system.config.settings import load

ROOT = Path("/w/my repo")
SECRET = "sk-ant-0123456789"


def test_an_account_is_a_profile_without_the_usual_login(tmp_path: Path) -> None:
    profiles = load_profiles(tmp_path)
    lanes, wrong = lanes_of(profiles, {"work": AccountConfig(profile="claude", folder=str(tmp_path / "a b"))})
    assert not wrong
    made = profile_of(profiles["claude"], lanes["claude@work"])
    assert (made.name, made.title) == ("claude@work", "Claude Code (work)")
    assert made.env["CLAUDE_CONFIG_DIR"] == str(tmp_path / "a b")
    assert {"ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"} <= set(made.env_unset)
    assert not any(path.startswith("~") for path in made.login.paths)


def test_what_can_be_no_account_is_told(tmp_path: Path) -> None:
    config = {
        "ghost": AccountConfig(profile="nobody"),
        "sh": AccountConfig(profile="shell"),
        "default": AccountConfig(profile="claude"),
        "good": AccountConfig(profile="codex", key="WORK_KEY"),
    }
    lanes, wrong = lanes_of(load_profiles(tmp_path), config)
    assert set(lanes) == {"codex@good"}
    assert set(wrong) == {"ghost", "sh", "default"}


def test_an_account_has_one_kind_of_login() -> None:
    with pytest.raises(ValueError, match="one of folder, key and tier"):
        AccountConfig(profile="claude", key="A", tier="deep")


def test_a_repository_can_name_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "agentdeck.toml").write_text('[accounts.work]\nprofile = "claude"\nfolder = "/tmp/theirs"\n')
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert "only your own file" in f"{caught.value.title} {caught.value.detail}"


SUPPORT = SimpleNamespace(folder="CLAUDE_CONFIG_DIR", home="~/.claude", links=("settings.json", "skills"))


def test_its_folder_has_the_settings_and_no_login(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "lane"
    own = home / ".claude"
    (own / "skills").mkdir(parents=True)
    (own / "settings.json").write_text("{}")
    (own / ".credentials.json").write_text(SECRET)
    servers = {"plain": {"command": "x"}, "secret": {"command": "y", "env": {"KEY": SECRET}}}
    project = {"hasTrustDialogAccepted": True, "lastSessionId": "s", "history": [SECRET]}
    state = {
        "hasCompletedOnboarding": True,
        "primaryApiKey": SECRET,
        "oauthAccount": {"emailAddress": SECRET},
        "userID": SECRET,
        "mcpServers": servers,
        "projects": {str(ROOT): project, "/another": project},
    }
    (home / ".claude.json").write_text(json.dumps(state))
    for _ in range(2):
        prepare(folder, SUPPORT, "claude", {"HOME": str(home)}, ROOT)
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "settings.json").resolve() == (own / "settings.json").resolve()
    made = json.loads((folder / ".claude.json").read_text())
    assert made["hasCompletedOnboarding"] is True
    assert made["projects"] == {str(ROOT): {"hasTrustDialogAccepted": True}}
    assert list(made["mcpServers"]) == ["plain"]
    for path in folder.iterdir():
        assert path.is_symlink() or SECRET not in path.read_text()
    assert not (folder / ".credentials.json").exists()


def test_what_is_there_stays(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "lane"
    (home / ".claude").mkdir(parents=True)
    (home / ".claude/settings.json").write_text("{}")
    (home / ".claude.json").write_text(json.dumps({"theme": "dark", "hasCompletedOnboarding": True}))
    folder.mkdir()
    (folder / "settings.json").write_text('{"own": 1}')
    (folder / ".claude.json").write_text('{"theme": "light", "oauthAccount": 1}')
    prepare(folder, SUPPORT, "claude", {"HOME": str(home)}, ROOT)
    assert (folder / "settings.json").read_text() == '{"own": 1}'
    made = json.loads((folder / ".claude.json").read_text())
    assert made == {"theme": "light", "oauthAccount": 1, "hasCompletedOnboarding": True}
    (folder / ".claude.json").write_text("{broken")
    prepare(folder, SUPPORT, "claude", {"HOME": str(home)}, ROOT)
    assert (folder / ".claude.json").read_text() == "{broken"
