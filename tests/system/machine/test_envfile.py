from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdeck.errors import ConfigError, RefusedError
from agentdeck.system.machine import envfile

values = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
names = st.from_regex(r"[A-Z_][A-Z0-9_]{0,10}", fullmatch=True)


@given(st.dictionaries(names, values, max_size=5))
def test_what_is_written_is_read_again(variables: dict[str, str]) -> None:
    text = "".join(f"{name}={envfile.quote(value)}\n" for name, value in variables.items())
    assert envfile.parse(text) == variables


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(variables=st.dictionaries(names.map(lambda name: f"X{name}"), values, min_size=1, max_size=5))
def test_a_shell_reads_the_same(variables: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("".join(f"{name}={envfile.quote(value)}\n" for name, value in variables.items()))
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    line = f"set -a; . '{path}'; exec '{sys.executable}' -I -c '{show}'"
    seen = json.loads(subprocess.run(["sh", "-c", line], capture_output=True, check=True).stdout)
    assert {name: seen[name] for name in variables} == variables


@given(st.text(max_size=60).filter(lambda text: "agentdeck" not in text))
def test_the_users_own_lines_come_back_byte_for_byte(own: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ".env.local"
        path.write_bytes(own.encode("utf-8", "surrogatepass"))
        before = path.read_bytes()
        envfile.write(path, {"PORT": "1"})
        envfile.write(path, {"PORT": "2", "B": "x y"})
        written = path.read_bytes()
        assert written.startswith(before)
        assert written.count(b"PORT=") - before.count(b"PORT=") == 1
        envfile.remove(path)
        assert path.read_bytes() == before


def test_a_file_of_ours_goes_away_whole_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "sub" / ".env.local"
    envfile.write(path, {"PORT": "1"})
    envfile.write(path, {"PORT": "2"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert envfile.parse(path.read_text()) == {"PORT": "2"}
    envfile.remove(path)
    assert not path.exists()
    envfile.remove(path)


def test_lines_that_a_person_added_to_our_file_stay(tmp_path: Path) -> None:
    path = tmp_path / ".env.local"
    envfile.write(path, {"PORT": "1"})
    path.write_text("MINE=1\n" + path.read_text())
    envfile.remove(path)
    assert path.read_text() == "MINE=1\n"


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "shared.env"
    real.write_bytes(b"A=1\r\n\xff")
    link = tmp_path / ".env.local"
    link.symlink_to(real)
    envfile.write(link, {"PORT": "1"})
    assert link.is_symlink()
    assert real.read_bytes().startswith(b"A=1\r\n\xff\n# >>> agentdeck")
    envfile.remove(link)
    assert real.read_bytes() == b"A=1\r\n\xff"


def test_a_link_that_leads_to_what_others_use_is_refused(tmp_path: Path) -> None:
    worktree = tmp_path / "worktree"
    worktree.mkdir()
    shared = tmp_path / ".env.local"
    envfile.write(shared, {"PORT": "1"})
    before = shared.read_bytes()
    (worktree / ".env.local").symlink_to(shared)
    with pytest.raises(RefusedError, match="a shared file"):
        envfile.write(worktree / ".env.local", {"PORT": "2"})
    envfile.remove(worktree / ".env.local")
    assert shared.read_bytes() == before


@pytest.mark.parametrize("own", [b"A=1", b"A=1\n", b""])
@pytest.mark.parametrize("edit", [lambda text: text.replace(b"\n", b"\r\n"), lambda text: text.rstrip(b"\n")])
def test_the_block_is_found_as_an_editor_leaves_it(own: bytes, edit: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / ".env.local"
    path.write_bytes(own)
    envfile.write(path, {"PORT": "1", "TEXT": "two\nlines"})
    path.write_bytes(edit(path.read_bytes()))
    envfile.write(path, {"PORT": "2"})
    assert path.read_bytes().count(b"PORT=") == 1
    envfile.remove(path)
    assert path.read_bytes().replace(b"\r\n", b"\n") == own


def test_only_double_quotes_have_escapes() -> None:
    text = '\ufeffA=\'x="\\$y\'\nexport B = "\\$y"\nC=\\$y\n'
    assert envfile.parse(text) == {"A": 'x="\\$y', "B": "$y", "C": "\\$y"}


def test_our_variables_win_over_the_users_in_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / ".env.local"
    path.write_text("PORT=3000")
    envfile.write(path, {"PORT": "20001"})
    assert envfile.parse(path.read_text())["PORT"] == "20001"


def test_usual_env_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.env"
    path.write_bytes(b"# keys\r\nexport A='it is'\r\nB=plain # comment\nC=\"two\nlines\"\n\nD=\nE=$HOME\n")
    assert envfile.source(path) == {"A": "it is", "B": "plain", "C": "two\nlines", "D": "", "E": "$HOME"}


@pytest.mark.parametrize("text", ["A=1\nnonsense here\n", "A=1\nB='open\n"])
def test_a_line_that_cannot_be_read_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.env"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"Line 2 of .*keys\.env"):
        envfile.source(path)


def test_a_missing_env_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        envfile.source(tmp_path / "no.env")
