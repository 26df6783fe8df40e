"""Agents' screens side by side in a terminal, and a shell below one: nothing of them outlives its use."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from agentdeck.system.terminal.tiles import ShellBelow, Tiles
from agentdeck.system.terminal.tmux import Tmux, in_option
from tests.support.retry import eventually
from tests.support.sockets import end_server

_READS = "echo this is $0; while read line; do echo $0 got $line; done"


@pytest.fixture
def terminal() -> Iterator[Tmux]:
    """A person's terminal: a window of another server."""
    outer = Tmux(f"agentdeck-test-{secrets.token_hex(4)}")
    yield outer
    end_server(outer.socket)


def runs(outer: Tmux, argv: list[str], folder: Path) -> None:
    env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "HOME": str(folder)}
    outer.open_window("terminal", "one", argv, cwd=folder, env=env)


def opened(tmux: Tmux, name: str) -> None:
    env = {"PATH": os.environ["PATH"]}
    tmux.open_window("deck", name, ["sh", "-c", _READS, name], cwd=Path("/"), env=env)


def sessions(tmux: Tmux) -> set[str]:
    return {window.session for window in tmux.windows()}


def test_a_grid_follows_the_agents_takes_keys_and_leaves_nothing(tmux: Tmux, terminal: Tmux, tmp_path: Path) -> None:
    for name in ("one", "two"):
        opened(tmux, name)
    tiles = Tiles(tmux, "deck", "grid of deck")
    tiles.show({"one": "x"})  # before it is there
    runs(terminal, tiles.argv("one"), tmp_path)
    seen = partial(terminal.screen, "terminal", "one")
    eventually(lambda: "this is one" in seen())
    tiles.show({"one": "◆ waiting", "two": "● working"})
    eventually(lambda: "this is two" in seen() and "◆ waiting" in seen() and "● working" in seen())
    terminal.press("terminal", "one", ["h", "i", "Enter"])
    eventually(lambda: "one got hi" in seen() and "two got hi" not in seen())
    opened(tmux, "three")
    tiles.show({"two": "● working", "three": "● working"})
    eventually(lambda: "this is three" in seen() and "this is one" not in seen())
    terminal.press("terminal", "one", ["F12"])
    eventually(lambda: sessions(tmux) == {"deck"})
    tiles.show({"two": "● working"})
    assert {window.name for window in tmux.windows()} == {"one", "two", "three"}
    eventually(lambda: tmux.command("list-clients") == "")


def test_a_shell_below_goes_on_unseen_and_ends_with_the_shell_or_the_agent(
    tmux: Tmux, terminal: Tmux, tmp_path: Path
) -> None:
    folder = tmp_path / "a 'work' #{tree}"
    folder.mkdir()
    opened(tmux, "one")
    seen = partial(terminal.screen, "terminal", "one")

    def open_shell() -> None:
        runs(terminal, ShellBelow(tmux, "deck", "one").argv(folder, "/bin/sh"), tmp_path)
        eventually(lambda: "this is one" in seen() and "one: shell below" in seen())

    open_shell()
    terminal.press("terminal", "one", [*"n=7; pwd", "Enter"])
    eventually(lambda: folder.name in seen())
    terminal.press("terminal", "one", ["F12"])
    eventually(lambda: tmux.command("list-clients") == "")
    assert sessions(tmux) == {"deck", "deck-shell-one"}
    open_shell()
    terminal.press("terminal", "one", [*"echo still $n", "Enter"])
    eventually(lambda: "still 7" in seen())
    terminal.press("terminal", "one", [*"exit", "Enter"])
    eventually(lambda: sessions(tmux) == {"deck"})
    assert "client-detached[" not in tmux.command("show-hooks", "-g")
    open_shell()
    tmux.close_window("deck", "one")
    eventually(lambda: not sessions(tmux))


def test_a_key_shows_the_changes_over_the_screen(tmux: Tmux, terminal: Tmux, tmp_path: Path) -> None:
    opened(tmux, "one")
    folder = tmp_path / "a$HOME b"
    folder.mkdir()
    shown = [["@agentdeck_diff", f"{in_option(['cd', '--', str(folder)])} && echo changes in $(pwd | wc -c) of"]]
    runs(terminal, tmux.attach_argv("deck", "one", shown), tmp_path)
    seen = partial(terminal.screen, "terminal", "one")
    eventually(lambda: "changes: F11" in seen())
    terminal.press("terminal", "one", ["F11"])
    eventually(lambda: f"changes in {len(str(folder)) + 1} of one" in seen())
    terminal.press("terminal", "one", ["q"])
    eventually(lambda: "this is one" in seen())
