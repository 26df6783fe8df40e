from __future__ import annotations

import os
import re
import secrets
import shlex
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libtmux
import psutil
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agentdeck.errors import NotFoundError, TmuxError
from agentdeck.system.terminal.tmux import Tmux, quote
from tests.support.retry import eventually
from tests.support.sockets import end_server

TMUXES = os.environ.get("AGENTDECK_TEST_TMUX", "").split(os.pathsep)
"""Folders with another tmux to try all this with, beside the one in PATH: `AGENTDECK_TEST_TMUX=/opt/tmux-3.6/bin`."""


@pytest.fixture(params=TMUXES)
def tmux(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tmux]:
    if request.param:
        monkeypatch.setenv("PATH", f"{request.param}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    server = Tmux(f"agentdeck-test-{secrets.token_hex(4)}")
    yield server
    end_server(server.socket)


def dump(path: Path) -> list[str]:
    """A program that writes its environment and arguments to `path` and stays."""
    script = (
        "import json, os, sys, time; file = open(sys.argv[1] + '.tmp', 'w');"
        "json.dump([dict(os.environ), sys.argv[2:], os.getcwd()], file); file.close();"
        "os.rename(sys.argv[1] + '.tmp', sys.argv[1]); time.sleep(100)"
    )
    return [sys.executable, "-c", script, str(path)]


def test_a_window_gets_exactly_its_argv_environment_and_folder(tmux: Tmux, tmp_path: Path) -> None:
    import json

    folder = tmp_path / "wörk tree 'x'"
    folder.mkdir()
    out = tmp_path / "out.json"
    odd = ["a b", "it's", '"$HOME"', "#{pane_id}", ";", "x;", "\\", "new\nline", "ü", "-t"]
    env = {"KEY": 'it\'s a "secret" $x #{y} \\ ;', "LINES2": "a\nb", "EMPTY": "", "PATH": os.environ["PATH"]}
    env |= {"LATIN": os.fsdecode(b"caf\xe9"), "BYTES": os.fsdecode(b"\xff it's \xff\xfe")}
    tmux.open_window("deck", "fix", [*dump(out), *odd], cwd=folder, env=env)
    eventually(out.exists)
    seen_env, argv, cwd = json.loads(out.read_text())
    assert argv == odd
    assert {key: seen_env[key] for key in env} == env
    assert Path(cwd) == folder


def test_an_environment_larger_than_a_message_of_tmux_arrives(tmux: Tmux, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    env = {f"BIG_{number}": "x" * 20_000 for number in range(8)} | {"PATH": os.environ["PATH"]}
    tmux.open_window("deck", "fix", dump(out), cwd=tmp_path, env=env)
    eventually(out.exists)
    assert out.read_text().count("x" * 20_000) == 8


def test_no_variable_is_ever_in_the_arguments_of_a_process(tmux: Tmux, tmp_path: Path) -> None:
    env = {"SECRET": "sk-not-for-ps", "PATH": os.environ["PATH"]}
    tmux.open_window("deck", "fix", ["sleep", "100"], cwd=tmp_path, env=env)
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in lines if "sk-not-for-ps" in line]


def test_opening_a_living_window_again_is_harmless_and_a_dead_one_starts_again(tmux: Tmux, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"]}
    first = tmux.open_window("deck", "fix", ["sleep", "100"], cwd=tmp_path, env=env)
    assert tmux.open_window("deck", "fix", ["sleep", "100"], cwd=tmp_path, env=env) == first
    os.kill(first.pid, 9)
    eventually(lambda: [window.command_dead for window in tmux.windows()] == [True])
    second = tmux.open_window("deck", "fix", ["sleep", "100"], cwd=tmp_path, env=env)
    assert second.pid != first.pid
    assert len(tmux.windows()) == 1


def test_many_windows_opened_at_once_are_all_there_once(tmux: Tmux, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"]}
    names = [f"agent-{number}" for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda name: tmux.open_window("deck", name, ["sleep", "100"], cwd=tmp_path, env=env), names))
    assert sorted(window.name for window in tmux.windows()) == sorted(names)


def test_text_and_keys_reach_the_program(tmux: Tmux, tmp_path: Path) -> None:
    tmux.open_window("deck", "fix", ["cat"], cwd=tmp_path, env={"PATH": os.environ["PATH"]})
    text = "it's -l “ünï” ; #{x} $HOME"
    tmux.press("deck", "fix", [*text, "Enter", "-", "x", "Enter"])
    eventually(lambda: tmux.screen("deck", "fix").count(text) == 2)
    eventually(lambda: tmux.screen("deck", "fix").count("-x") == 2)


@pytest.mark.parametrize("mode", ["copy-mode", "clock-mode", "choose-tree", "choose-client", "run-shell 'echo seen'"])
def test_keys_reach_the_program_in_whatever_mode_its_pane_is(tmux: Tmux, tmp_path: Path, mode: str) -> None:
    window = tmux.open_window("deck", "fix", ["cat"], cwd=tmp_path, env={"PATH": os.environ["PATH"]})
    command, *words = shlex.split(mode)
    tmux.command(command, "-t", window.pane, *words)
    if not mode.startswith("choose"):  # without a terminal that shows it, tmux does not choose
        eventually(lambda: tmux.command("display-message", "-p", "-t", window.pane, "#{pane_in_mode}") == "1")
    tmux.press("deck", "fix", [*"one;", "Enter"])
    eventually(lambda: tmux.screen("deck", "fix").count("one;") == 2)


def test_a_pane_that_takes_no_keys_is_told(tmux: Tmux, tmp_path: Path) -> None:
    window = tmux.open_window("deck", "fix", ["cat"], cwd=tmp_path, env={"PATH": os.environ["PATH"]})
    tmux.command("select-pane", "-d", "-t", window.pane)
    with pytest.raises(TmuxError, match="accepts no keys"):
        tmux.press("deck", "fix", ["x"])


def test_two_terminals_watch_two_agents_of_one_deck(tmux: Tmux, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "TERM": "xterm"}
    for name in ("one", "two"):
        tmux.open_window("deck", name, ["sh", "-c", f"echo this is {name}; sleep 100"], cwd=tmp_path, env=env)
    outer = Tmux(f"{tmux.socket}-outer")
    try:
        for name in ("one", "two"):
            outer.open_window("terminal", name, tmux.attach_argv("deck", name), cwd=tmp_path, env=env)
        for name in ("one", "two"):
            eventually(lambda name=name: f"this is {name}" in outer.screen("terminal", name))  # type: ignore[misc]
        outer.run("kill-server")
        eventually(lambda: {window.session for window in tmux.windows()} == {"deck"})
        assert len(tmux.windows()) == 2
    finally:
        end_server(outer.socket)


def test_what_is_not_there_is_an_empty_list_or_a_clear_error(tmux: Tmux) -> None:
    assert tmux.windows() == []
    tmux.close_window("deck", "nobody")
    with pytest.raises(NotFoundError, match="nobody has no window"):
        tmux.screen("deck", "nobody")
    with pytest.raises(TmuxError):
        tmux.command("has-session", "-t", "nowhere")


def test_the_users_own_server_and_config_are_not_touched(
    tmux: Tmux, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".tmux.conf").write_text("set -g prefix C-a\nset -g @mine yes\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMUX", "/tmp/somewhere/else,1,0")
    tmux.open_window("deck", "fix", ["sleep", "100"], cwd=tmp_path, env={"PATH": os.environ["PATH"]})
    server = libtmux.Server(socket_name=tmux.socket)
    assert [session.session_name for session in server.sessions] == ["deck"]
    assert tmux.command("show-options", "-gqv", "@mine") == ""
    assert tmux.command("show-options", "-gv", "prefix") == "C-b"
    assert tmux.command("show-options", "-sv", "set-clipboard") == "off"


@pytest.mark.parametrize("word", ["", "a", "'", "''", "a'b'c", "\n", "\\'"])
def test_quoted_words_come_back_as_one(tmux: Tmux, tmp_path: Path, word: str) -> None:
    tmux.open_window("deck", "fix", ["sleep", "100"], cwd=tmp_path, env={"PATH": os.environ["PATH"]})
    tmux.command("source-file", "-", stdin=f"set -g @word {quote(word)}\n".encode())
    assert tmux.command("show-options", "-gqv", "@word") == word


def test_a_window_gets_the_path_it_was_given_and_not_that_of_who_opens_it(tmux: Tmux, tmp_path: Path) -> None:
    import json

    for number, session in enumerate(["deck", "deck", "other"]):  # the first one makes the server, the last a session
        out, path = tmp_path / f"{number}.json", f"/opt/{number}/bin:/usr/bin"
        tmux.open_window(session, f"fix{number}", dump(out), cwd=tmp_path, env={"PATH": path})
        eventually(out.exists)
        assert json.loads(out.read_text())[0]["PATH"] == path
    window = tmux.window("deck", "fix0")
    assert window is not None
    os.kill(window.pid, signal.SIGKILL)
    eventually(lambda: (old := tmux.window("deck", "fix0")) is None or old.command_dead)
    again = tmp_path / "again.json"
    tmux.open_window("deck", "fix0", dump(again), cwd=tmp_path, env={"PATH": "/opt/again"})
    eventually(again.exists)
    assert json.loads(again.read_text())[0]["PATH"] == "/opt/again"


def test_a_window_gets_nothing_of_what_another_one_of_its_session_was_given(tmux: Tmux, tmp_path: Path) -> None:
    import json

    path = {"PATH": os.environ["PATH"]}
    tmux.open_window("deck", "one", ["sleep", "100"], cwd=tmp_path, env=path | {"TOKEN": "of one"})
    for number in range(2):
        tmux.open_window("deck", f"two{number}", dump(tmp_path / str(number)), cwd=tmp_path, env=path)
        eventually((tmp_path / str(number)).exists)
        assert "TOKEN" not in json.loads((tmp_path / str(number)).read_text())[0]
    assert "TOKEN" not in tmux.command("show-environment", "-g") + tmux.command("show-environment", "-t", "=deck")


HOSTILE = st.text(
    st.one_of(
        st.sampled_from(list("#{}()[],;:%'\"\\$~ -=@")),
        st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cc"]),
    ),
    min_size=1,
    max_size=24,
).filter(lambda text: text not in (".", "..") and len(os.fsencode(text)) < 200)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HOSTILE)
@example("C# #(touch pwned)")
@example("#[fg=red]#{pane_id}##[x]###{E:x}")
@example("#[ #(touch pwned) ]")
@example("##(touch pwned)###")
@example("%H:%M #S #W")
@example("\n#(touch pwned)\n")
@example("-t '; kill-server ; '")
def test_nothing_in_a_folder_or_a_name_is_run_or_replaced(tmux: Tmux, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    shown = "w" + re.sub(r"[^A-Za-z0-9#{}()\[\],%]", "", name)  # tmux writes other letters of a name in its own way
    window = tmux.open_window("deck", shown, ["sleep", "100"], cwd=folder, env={"PATH": os.environ["PATH"]})
    try:
        eventually(lambda: psutil.Process(window.pid).cwd() == str(folder))
        # tmux 3.4 tells some “$” as “\$”.
        told = tmux.command("display-message", "-p", "-t", window.pane, "#{pane_start_path}")
        assert told.replace("\\$", "$") == str(folder).replace("\\$", "$")
        os.kill(window.pid, signal.SIGKILL)
        eventually(lambda: (old := tmux.window("deck", shown)) is None or old.command_dead)
        again = tmux.open_window("deck", shown, ["sleep", "100"], cwd=folder, env={"PATH": os.environ["PATH"]})
        eventually(lambda: psutil.Process(again.pid).cwd() == str(folder))
        assert not list(tmp_path.rglob("pwned"))
    finally:
        tmux.close_window("deck", shown)
