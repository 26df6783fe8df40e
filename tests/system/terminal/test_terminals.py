from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import libtmux
import pytest
from libtmux.exc import LibTmuxException

from agentdeck.system.terminal.terminals import Terminals
from agentdeck.system.terminal.tmux import Tmux
from tests.support.retry import eventually
from tests.support.sockets import end_server


def opened(tmux: Tmux, session: str, name: str) -> libtmux.Window:
    made = tmux.open_window(session, name, ["sleep", "600"], cwd=Path("/"), env={"PATH": os.environ["PATH"]})
    return Terminals(tmux).window_of(made)


def test_its_objects_act_on_our_server(tmux: Tmux) -> None:
    window = opened(tmux, "deck", "one")
    window.set_option("monitor-bell", "off")
    window.cmd("resize-window", "-x", "91", "-y", "33")
    seen = libtmux.Server(socket_name=tmux.socket).windows.get(window_name="one")
    assert seen is not None
    assert (seen.window_width, seen.window_height, seen.show_option("monitor-bell")) == ("91", "33", False)
    with pytest.raises(LibTmuxException, match="invalid option"):
        window.set_option("nothing-of-the-kind", "off")


def test_no_variable_of_ours_reaches_a_server_that_it_starts(tmux: Tmux, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    Terminals(tmux).cmd("new-session", "-d", "-s", "deck", "-n", "käse", "sleep 600")
    assert "OPENAI_API_KEY" not in tmux.command("show-environment", "-g")
    assert [window.name for window in tmux.windows()] == ["käse"]


def test_who_looks_at_a_window_is_detached_from_it_and_no_other(tmux: Tmux, tmp_path: Path) -> None:
    for name in ("one", "two"):
        opened(tmux, "deck", name)
    outer = Tmux(f"agentdeck-test-{secrets.token_hex(4)}")
    try:
        env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "HOME": str(tmp_path)}
        for name in ("one", "two"):
            outer.open_window("terminal", name, tmux.attach_argv("deck", name), cwd=tmp_path, env=env)
        shown = ("list-clients", "-F", "#{window_name}")
        eventually(lambda: sorted(tmux.command(*shown).split()) == ["one", "two"])
        Terminals(tmux).detach_viewers("deck", "one")
        eventually(lambda: tmux.command(*shown).split() == ["two"])
        assert {window.name for window in tmux.windows()} == {"one", "two"}
    finally:
        end_server(outer.socket)


def test_what_separates_fields_is_known_to_nobody() -> None:
    script = (
        "from agentdeck.system.terminal import terminals; import libtmux.formats as f, os; print(f.FORMAT_SEPARATOR)"
    )
    told = {subprocess.check_output([sys.executable, "-c", script], text=True) for _ in range(2)}
    assert len(told) == 2
    assert "LIBTMUX_TMUX_FORMAT_SEPARATOR" not in os.environ


def test_it_loads_where_stdout_has_no_encoding_as_under_textual() -> None:
    line = "import sys; sys.stdout = type('Captured', (), {})(); import agentdeck.system.terminal.terminals"
    subprocess.run([sys.executable, "-c", f"{line}; sys.stdout = sys.__stdout__"], check=True)
