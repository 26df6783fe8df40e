from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentdeck.core.config.kept import Kept
from agentdeck.errors import ConfigError
from agentdeck.system.config.profiles import load_profiles
from agentdeck.system.config.settings import Settings, load, read
from agentdeck.system.files.files import state_home


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    top = tmp_path / "repository"
    top.mkdir()
    return top


def kept_files() -> list[Path]:
    return sorted((state_home() / "kept").iterdir())


def validated(root: Path) -> Settings:
    """What is read for the first time, and then known."""
    sources = read(root)
    settings = sources.settings()
    sources.remember(settings)
    return settings


def test_what_was_validated_is_read_again_and_is_the_same(root: Path) -> None:
    (root / "agentdeck.toml").write_text('[agent]\nprofile = "codex"\n')
    (root / ".worktreeinclude").write_text("node_modules\n")
    first = validated(root)
    again = load(root)
    assert not isinstance(first.config, Kept)
    assert isinstance(again.config, Kept)
    assert again.config.agent.profile == "codex"
    assert (again.origins, again.values, again.include) == (first.origins, first.values, first.include)


def test_a_change_of_one_letter_is_seen(root: Path) -> None:
    file = root / "agentdeck.toml"
    file.write_text("[ports]\nper_agent = 2\n")
    before = file.stat()
    validated(root)
    file.write_text("[ports]\nper_agent = 3\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load(root).config.ports.per_agent == 3


def test_a_mistake_is_told_every_time(root: Path) -> None:
    validated(root)
    (root / "agentdeck.toml").write_text("[ports]\nper_agent = '4'\n")
    for _ in range(2):
        with pytest.raises(ConfigError, match="per_agent"):
            load(root)


def test_what_needs_approval_is_kept_apart_from_what_does_not(root: Path) -> None:
    (root / "agentdeck.toml").write_text("[hooks]\nsetup = ['make']\n")
    for _ in range(2):
        validated(root)
        sources = read(root)
        assert sources.settings().config.hooks.setup == ["make"]
        assert sources.harmless().config.hooks.setup == []


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"of": 1}', '{"of": "%s", "value": {"config": [[]]}}'])
def test_a_damaged_one_is_made_again(root: Path, damage: str) -> None:
    validated(root)
    load_profiles()
    for file in kept_files():
        of = json.loads(file.read_text())["of"]
        file.write_text(damage.replace("%s", of))
    assert validated(root).config.ports.per_agent == 4
    assert load_profiles()["claude"].title == "Claude Code"
    assert all(json.loads(file.read_text())["value"] for file in kept_files())


def test_nobody_else_can_read_it_and_it_is_not_needed(root: Path) -> None:
    validated(root)
    assert all(file.stat().st_mode & 0o077 == 0 for file in (*kept_files(), state_home() / "kept"))
    for file in kept_files():
        file.unlink()
    (state_home() / "kept").rmdir()
    (state_home() / "kept").write_text("no folder")
    assert validated(root).config == validated(root).config


def test_a_profile_of_the_users_is_seen_when_it_changes(root: Path) -> None:
    mine = root.parent / ".config/agentdeck/profiles/mine.toml"
    mine.parent.mkdir(parents=True)
    assert "mine" not in load_profiles()
    for title in ("First", "Other"):
        mine.write_text(f'title = "{title}"\ncommand = "sh"\ninstall = "-"\n[headless]\nprompt = ["sh"]\n')
        assert load_profiles()["mine"].title == load_profiles()["mine"].title == title


def test_nothing_is_validated_where_nothing_changed(root: Path) -> None:
    line = "\n".join(
        (
            "import sys; from pathlib import Path; from agentdeck.system.config import profiles, settings",
            "sources = settings.read(Path('.')); sources.remember(sources.settings()); profiles.load_profiles()",
            "print('pydantic' in sys.modules)",
        )
    )
    answers = [subprocess.check_output([sys.executable, "-c", line], cwd=root, text=True).strip() for _ in range(2)]
    assert answers == ["True", "False"]
