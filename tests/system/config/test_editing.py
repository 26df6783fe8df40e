"""Single keys of the user's own file are changed, and nothing else in it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.errors import ConfigError
from agentdeck.system.config.editing import change, parsed, user_file

_FILE = """\
# mine
[dashboard]  # how it looks
theme = "nord"   # blue

# keys that I like
[keys]
"agent.stop" = "f9"
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "agentdeck" / "config.toml"


def test_comments_order_and_all_else_stay(own: Path, tmp_path: Path) -> None:
    own.parent.mkdir(parents=True)
    own.write_text(_FILE)
    change(tmp_path, ("dashboard", "theme"), "gruvbox")
    assert own.read_text() == _FILE.replace('"nord"', '"gruvbox"')
    change(tmp_path, ("dashboard", "bell"), False)
    assert _FILE.splitlines()[-1] in own.read_text()
    assert "# keys that I like" in own.read_text()
    change(tmp_path, ("dashboard", "bell"), None)
    change(tmp_path, ("dashboard", "theme"), None)
    change(tmp_path, ("landing", "method"), None)
    assert tomllib.loads(own.read_text()) == {"dashboard": {}, "keys": {"agent.stop": "f9"}}


def test_without_a_file_one_is_made_for_the_user_alone(own: Path, tmp_path: Path) -> None:
    change(tmp_path, ("agent", "env", "A"), "b")
    assert tomllib.loads(own.read_text()) == {"agent": {"env": {"A": "b"}}}
    assert own == user_file()
    assert own.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("value", ["sideways", 3])
def test_what_would_not_be_valid_is_not_written(own: Path, tmp_path: Path, value: object) -> None:
    with pytest.raises(ConfigError):
        change(tmp_path, ("landing", "method"), value)
    assert not own.exists()


def test_a_file_behind_a_link_is_written_and_a_broken_one_is_not(own: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(_FILE)
    own.parent.mkdir(parents=True)
    own.symlink_to(real)
    change(tmp_path, ("dashboard", "theme"), "light")
    assert own.is_symlink()
    assert 'theme = "light"   # blue' in real.read_text()
    real.write_text("[broken")
    with pytest.raises(ConfigError):
        change(tmp_path, ("dashboard", "theme"), "dark")
    assert real.read_text() == "[broken"


@given(st.one_of(st.booleans(), st.integers(-(2**62), 2**62), st.lists(st.sampled_from(["waiting", "failed"]))))
def test_values_are_read_as_toml_writes_them(value: object) -> None:
    assert parsed(str(value).lower() if isinstance(value, bool) else str(value)) == value


@pytest.mark.parametrize("text", ["dark", "[1", "1\nother = 2", ""])
def test_what_is_no_value_is_told(text: str) -> None:
    with pytest.raises(ConfigError):
        parsed(text)
