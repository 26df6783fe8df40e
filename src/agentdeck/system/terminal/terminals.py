"""The private tmux server as libtmux's objects, for what is arranged on it: a stage for recordings, who looks at what.

Not used for:

- `ls`, `run`, the runner and the control-mode client: libtmux takes 60 ms to import, and 4 MB.
- windows of agents: `new_window(environment=)` would put their keys into an argument list, which `ps` shows.
- its listings, and what lists by itself (`refresh`, `Window.resize`): they bypass `cmd`, and a title that an agent
  sets may end a field of theirs. Objects are made from ids that tmux.py found.
"""

from __future__ import annotations

import os
import secrets
import sys
from subprocess import Popen
from typing import Any, cast

from agentdeck.system.machine.process import Result
from agentdeck.system.terminal.tmux import Tmux, Window

_SEPARATOR = "LIBTMUX_TMUX_FORMAT_SEPARATOR"
# Read at the import: nobody can put into a title what nobody knows.
os.environ[_SEPARATOR] = f"<{secrets.token_hex(8)}>"
if not hasattr(sys.stdout, "encoding"):  # noqa: TID251 - nothing is written
    # libtmux reads it at the import, and what Textual puts in the place of stdout has none.
    setattr(sys.stdout, "encoding", "utf-8")  # noqa: B010, TID251 - a property of what mypy takes it for
try:
    import libtmux
    from libtmux.common import tmux_cmd
finally:
    del os.environ[_SEPARATOR]


class Terminals(libtmux.Server):
    """The server of `tmux`; every command of its objects goes through that: with a time-out, in UTF-8, and with none of
    our variables but those that a server may have."""

    def __init__(self, tmux: Tmux) -> None:
        super().__init__(socket_name=tmux.socket)
        self._tmux = tmux

    def cmd(self, cmd: str, *args: Any, target: str | int | None = None) -> tmux_cmd:
        aim = [] if target is None else ["-t", str(target)]
        return _answer(self._tmux.run(cmd, *aim, *map(str, args)))

    def window_of(self, found: Window) -> libtmux.Window:
        return self.window(found.id)

    def window(self, id: str) -> libtmux.Window:
        return libtmux.Window(server=self, window_id=id)

    def pane(self, id: str) -> libtmux.Pane:
        return libtmux.Pane(server=self, pane_id=id)

    def detach_viewers(self, session: str, name: str) -> None:
        """Detach the terminals that show the window."""
        listed = self.cmd("list-clients", "-F", "#{session_group}\t#{window_name}\t#{client_name}").stdout
        for group, window, client in (line.split("\t", 2) for line in listed if line.count("\t") >= 2):
            if (group, window) == (session, name):
                self.cmd("detach-client", target=client)


def _answer(result: Result) -> tmux_cmd:
    """What came of a command, as libtmux's objects expect it."""
    answer = tmux_cmd.__new__(tmux_cmd)
    answer.cmd = list(result.argv)
    answer.process = cast(Popen[str], None)
    answer.returncode = result.code
    answer.stdout = [] if not result.out else result.text.removesuffix("\n").split("\n")
    answer.stderr = [] if result else result.complaint.split("\n")
    return answer
