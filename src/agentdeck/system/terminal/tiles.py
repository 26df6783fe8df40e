"""Tiles: a session of its own whose panes show agents' windows, each through a tmux client in it.

The windows of the agents stay as they are, one pane each: the runner, the dashboard and `send` find what they expect.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentdeck.system.terminal.terminals import Terminals
from agentdeck.system.terminal.tmux import Tmux, away, end_unseen, literal, shell_session

_AGENT, _STATE = "@agentdeck_agent", "@agentdeck_state"
_KEYS = "C-b and an arrow: go to a pane · C-b z: zoom · back: F12 "
_SHELL = "65%"
"""The rows of the agent's screen above a shell."""


class Tiles:
    """The grid. It is made by the client that shows it, in a terminal, and ends with that."""

    def __init__(self, tmux: Tmux, deck: str, title: str) -> None:
        self._tmux, self._deck, self._title = tmux, deck, title
        self._server = Terminals(tmux)
        self._mark = time.monotonic_ns() % 1_000_000
        self.session = f"{deck}-grid-{os.getpid()}-{self._mark}"
        self._told: dict[str, str] = {}

    def argv(self, first: str) -> list[str]:
        """What to run to show the grid in this terminal, with that agent alone at first."""
        aim = f"={self.session}:"
        made = self._tmux.argv("-N", "new-session", "-s", self.session, "-n", "grid", *_nested(self._tile(first)))
        told = [
            ["set-hook", "-g", f"client-detached[{self._mark}]", end_unseen(self.session, self._mark)],
            ["set-option", "-w", "-t", aim, "remain-on-exit", "off"],
            ["set-option", "-p", "-t", aim, _AGENT, first],
            *_line(aim, f" {self._title} ", _KEYS),
        ]
        return [*away(), *made, *(word for each in told for word in (";", *each))]

    def show(self, wanted: Mapping[str, str]) -> None:
        """Give each of these agents a pane and no other one; the values are what is said of them."""
        aim = f"={self.session}:"
        listed = self._server.cmd("list-panes", "-s", "-t", aim, "-F", f"#{{window_id}}\t#{{pane_id}}\t#{{{_AGENT}}}")
        shown = [line.split("\t") for line in listed.stdout if line.count("\t") == 2]
        for name, label in wanted.items():
            if self._told.get(name) != label:
                self._told[name] = label
                self._server.cmd("set-option", "-w", _STATE, label, target=f"={self._deck}:={name}")
        if not shown:
            return
        window = self._server.window(shown[0][0])
        there = {name for _, _, name in shown}
        for name in (name for name in wanted if name not in there):
            made = window.cmd("split-window", "-d", "-P", "-F", "#{pane_id}", *_nested(self._tile(name)))
            if made.stdout:
                self._server.pane(made.stdout[0]).cmd("set-option", "-p", _AGENT, name)
            window.select_layout("tiled")
        gone = [pane for _, pane, name in shown if name not in wanted]
        for pane in gone:
            self._server.pane(pane).cmd("kill-pane")
        if gone and len(gone) < len(shown):
            window.select_layout("tiled")

    def _tile(self, name: str) -> list[str]:
        """A client with its line at the top, which names the window that is really shown."""
        right = f"#{{{_STATE}}} "
        return self._tmux.attach_argv(self._deck, name, [["status-position", "top"], ["status-right", right]])


class ShellBelow:
    """A person's shell under an agent's screen. It goes on while nobody looks, until it is left."""

    def __init__(self, tmux: Tmux, deck: str, name: str) -> None:
        self._tmux, self._deck, self._name = tmux, deck, name
        self.session = shell_session(deck, name)
        self._hook = f"client-detached[{zlib.crc32(self.session.encode()) % 1_000_000}]"

    def argv(self, folder: Path, shell: str) -> list[str]:
        """What to run to be in the shell, which is started in `folder` where there is none yet."""
        aim, top = f"={self.session}:", f"={self.session}:.{{top}}"
        # The screen above goes with the terminal that shows it: it gives the agent's window its size.
        alone = f"if-shell -F -t '{aim}' '#{{?session_attached,,1}}' {{ {_UNSEEN.format(top=top)} }}"
        leave = f'"$1"; tmux set-hook -gu "$2"; exec tmux kill-session -t "={self.session}"'
        program = ["/bin/sh", "-c", leave, "sh", shell, self._hook]
        opened = ["new-session", "-A", "-s", self.session, "-n", "shell", "-c", literal(str(folder)), *program]
        told = [
            ["set-hook", "-g", self._hook, f"{alone} ; set-hook -gu {self._hook}"],
            ["set-option", "-w", "-t", aim, "remain-on-exit", "off"],
            ["split-window", "-d", "-b", "-l", _SHELL, "-t", aim, *_nested(self._tmux.attach_argv(*self._of, _QUIET))],
            ["set-option", "-p", "-t", top, _AGENT, self._name],
            *_line(aim, f" {self._name}: shell below ", "leave the shell, or back: F12 "),
        ]
        return [*away(), *self._tmux.argv("-N", *opened), *(word for each in told for word in (";", *each))]

    @property
    def _of(self) -> tuple[str, str]:
        return self._deck, self._name


_UNSEEN = "if-shell -F -t '{top}' '#{{" + _AGENT + "}}' {{ kill-pane -t '{top}' }}"
_QUIET = [["status", "off"]]


def _line(aim: str, left: str, right: str) -> list[list[str]]:
    sizes = [["status-left-length", "60"], ["status-right-length", "80"]]
    return [["set-option", "-t", aim, *each] for each in (["status-left", left], ["status-right", right], *sizes)]


def _nested(argv: Sequence[str]) -> list[str]:
    """The words for a tmux command that runs them: a semicolon would end it."""
    return [f"{word.removesuffix(';')}\\;" if word.endswith(";") else word for word in argv]
