from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.config.tomllines import dotted, leaves
from agentdeck.errors import ConfigError, ExitCode
from agentdeck.system.config.settings import DEFAULT, Settings, load


class Files:
    """A repository and a home with a configuration file each."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repo"
        self.home = folder / "home"
        self.user_file = self.home / ".config/agentdeck/config.toml"
        self.user_file.parent.mkdir(parents=True)
        self.root.mkdir()
        self.environ = {"HOME": str(self.home)}

    def deck(self, text: str) -> Files:
        (self.root / "agentdeck.toml").write_text(text, "utf-8")
        return self

    def user(self, text: str) -> Files:
        self.user_file.write_text(text, "utf-8")
        return self

    def load(self) -> Settings:
        return load(self.root, environ=self.environ)

    def error(self) -> ConfigError:
        with pytest.raises(ConfigError) as caught:
            self.load()
        assert caught.value.exit_code is ExitCode.CONFIG
        return caught.value


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_without_files_all_is_default(files: Files) -> None:
    settings = files.load()
    assert settings.config.agent.profile == "claude"
    assert set(settings.origins.values()) == {DEFAULT}
    assert settings.origins["worktree.copy"] == DEFAULT


def test_the_decks_file_goes_over_the_users_key_by_key(files: Files) -> None:
    files.user('[ports]\nper_agent = 2\nnames = ["API_PORT", "WEB_PORT"]\n[agent.env]\nA = "user"\nB = "user"\n')
    files.deck('# mine\n[ports]\nnames = ["DB_PORT"]\n\n[agent]\nenv = { B = "deck", "C.d" = "deck" }\n')
    settings = files.load()
    config = settings.config
    assert config.ports.per_agent == 2
    assert config.ports.names == ["DB_PORT"]
    assert config.agent.env == {"A": "user", "B": "deck", "C.d": "deck"}
    user = "~/.config/agentdeck/config.toml"
    assert {key: place for key, place in settings.origins.items() if place != DEFAULT} == {
        "ports.per_agent": f"{user}:2",
        "ports.names": "agentdeck.toml:3",
        "agent.env.A": f"{user}:5",
        "agent.env.B": "agentdeck.toml:6",
        'agent.env."C.d"': "agentdeck.toml:6",
    }


def test_every_value_has_an_origin(files: Files) -> None:
    settings = files.deck("[runner]\nquiet = 1\n").load()
    values = settings.config.model_dump(mode="json", by_alias=True)
    assert set(settings.origins) == {dotted(path) for path, _ in leaves(values)}


def test_xdg_config_home_is_honoured(files: Files, tmp_path: Path) -> None:
    place = tmp_path / "xdg" / "agentdeck"
    place.mkdir(parents=True)
    (place / "config.toml").write_text("[ports]\nper_agent = 7\n")
    files.environ["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    settings = files.load()
    assert settings.config.ports.per_agent == 7
    assert settings.origins["ports.per_agent"] == f"{place}/config.toml:2"
    files.environ["XDG_CONFIG_HOME"] = "relative"
    assert files.load().config.ports.per_agent == 4


def test_a_machine_without_a_home_has_the_decks_file_only(files: Files) -> None:
    settings = load(files.deck("[ports]\nper_agent = 1\n").root, environ={"XDG_CONFIG_HOME": "/nowhere"})
    assert settings.config.ports.per_agent == 1


def test_all_mistakes_are_told_at_once_each_with_its_line(files: Files) -> None:
    files.user('[hooks]\nsetup = "make"\n')
    files.deck('[ports]\nper_agnt = 3\n\n[agent]\ntimeout = "soon"\nenv.A = 1\n[worktree]\ncopy = [\n  "a",\n  2,\n]\n')
    error = files.error()
    assert error.title == "There are 5 mistakes in agentdeck.toml and ~/.config/agentdeck/config.toml."
    assert error.detail.splitlines() == [
        "agentdeck.toml:2: unknown key “ports.per_agnt” — did you mean “per_agent”?",
        'agentdeck.toml:5: agent.timeout must be a number, not "soon"',
        "agentdeck.toml:6: agent.env.A must be text in quotes, not 1",
        "agentdeck.toml:10: worktree.copy[1] must be text in quotes, not 2",
        '~/.config/agentdeck/config.toml:2: hooks.setup must be a list, not "make"',
    ]


@pytest.mark.parametrize(
    ("text", "title", "hint"),
    [
        ("\n[prots]\n", "agentdeck.toml:2: unknown key “prots”.", "did you mean “ports”?"),
        ("[worktree]\ncopy_files = []", "agentdeck.toml:2: unknown key “worktree.copy_files”.", "did you mean “copy”?"),
        (
            "[queue]\nzzz = 1",
            "agentdeck.toml:2: unknown key “queue.zzz”.",
            "known keys: jobs, agents, max_load, min_free_mb, min_disk_mb",
        ),
        ("[agent]\ntimeout = -1", "agentdeck.toml:2: agent.timeout must be greater than 0, not -1.", ""),
        ("[agent]\nbase = 2020-01-01", "agentdeck.toml:2: agent.base must be text in quotes, not 2020-01-01.", ""),
        ("[ports]\nrange = [20000]", "agentdeck.toml:2: ports.range has too few values.", ""),
        ("[ports]\nrange = [20000, 20001, 20002]", "agentdeck.toml:2: ports.range has too many values.", ""),
        ("\nhooks = true", "agentdeck.toml:2: hooks must be a table, not true.", ""),
        (
            '[database]\n\nengine = "mysql"',
            "agentdeck.toml:3: database.engine must be "
            '“auto”, “none”, “sqlite”, “postgres”, “redis” or “command”, not "mysql".',
            "",
        ),
        (
            "[ports]\nrange = [20001, 20000]",
            "agentdeck.toml:1: ports: the range has fewer ports than one agent needs.",
            "",
        ),
        ("[gateway]\nretires = 1", "agentdeck.toml:2: unknown key “gateway.retires”.", "did you mean “retries”?"),
        (
            "[providers.ollama.timeouts]\nconect = 1",
            "agentdeck.toml:2: unknown key “providers.ollama.timeouts.conect”.",
            "did you mean “connect”?",
        ),
    ],
)
def test_one_mistake_is_one_sentence(files: Files, text: str, title: str, hint: str) -> None:
    error = files.deck(text).error()
    assert error.title == title
    assert error.hint.startswith(hint) if hint else not error.hint


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\n[x\n", 2),
        ("\n\na = 1 2\n", 3),
        ("a = 1\na = 2\nb = 3\n", 2),
        ('a = """\nnever ends\n', 2),
        ("a = 'x\n", 1),
        ("[a]\n[a]\n", 2),
    ],
)
def test_a_syntax_error_names_its_line(files: Files, text: str, line: int) -> None:
    error = files.deck(text).error()
    assert error.title == f"agentdeck.toml:{line} is not valid TOML."
    assert error.detail


def test_a_file_in_another_encoding_names_the_line(files: Files) -> None:
    (files.root / "agentdeck.toml").write_bytes(b"a = 1\n\n# caf\xe9\n")
    assert files.error().title == "agentdeck.toml:3 is not UTF-8 text."


def test_a_byte_order_mark_and_windows_line_ends_are_harmless(files: Files) -> None:
    (files.root / "agentdeck.toml").write_bytes(b"\xef\xbb\xbf# x\r\n[ports]\r\nper_agent = 1\r\n")
    assert files.load().origins["ports.per_agent"] == "agentdeck.toml:3"


def test_a_file_that_cannot_be_read(files: Files) -> None:
    (files.root / "agentdeck.toml").mkdir()
    error = files.error()
    assert error.title == "agentdeck.toml can't be read."
    assert "directory" in error.detail


@given(st.lists(st.one_of(st.text(min_size=1), st.integers(0, 5)), min_size=1))
def test_a_dotted_path_is_the_key_that_toml_reads(steps: list[str | int]) -> None:
    keys = [str(step) for step in steps]
    written = dotted(keys)
    try:
        read: Any = tomllib.loads(f"{written} = 1")
    except tomllib.TOMLDecodeError:
        assert any(char < " " or char >= "\x7f" for key in keys for char in key)
        return
    for key in keys:
        read = read[key]
    assert read == 1


def test_pydantic_is_loaded_when_it_is_needed_and_not_before() -> None:
    import subprocess

    line = "import sys, agentdeck.system.config.settings; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line], check=False).returncode == 0
