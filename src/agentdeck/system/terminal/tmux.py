"""The private tmux server: one session a deck, one window an agent.

tmux is called as a program, in one call where several things are to happen at once. terminals.py has libtmux, and says
where that is not used. The environment of a window goes through a pipe, so that no key in it is ever seen in `ps`.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from agentdeck.core.frozen import dataclass
from agentdeck.errors import MissingToolError, NotFoundError, TmuxError
from agentdeck.system.machine.process import Result, run, which
from agentdeck.system.machine.tree import MARK
from agentdeck.system.terminal.server import call_back, remember

SOCKET_VARIABLE = "AGENTDECK_TMUX_SOCKET"
_CONFIG = Path(__file__).with_name("tmux.conf")
STRAY = {"TMUX": None, "TMUX_PANE": None, "TMUX_TMPDIR": None, MARK: None}
"""Taken away so that a shell inside of tmux, a plain one and cron all mean the same server, and so that a server which
an agent started does not end with that agent."""
SHOWN, SHOWN_BY_PERSON = "#{client_control_mode} #{pane_id}", "0 {}"
"""What is listed of a client, and what that is where a person's terminal shows the pane."""
_NEEDED = frozenset({"PATH", "HOME", "SHELL", "LANG", "USER", "LOGNAME"})
_NO_SERVER = (b"no server running", b"error connecting")
_PASSING_COMPLAINTS = (*_NO_SERVER, b"lost server", b"server exited", b"duplicate session")
_COLUMNS = ("session_name", "window_name", "window_id", "pane_id", "pane_pid", "pane_dead", "pid", "socket_path")
_LIST = ("list-panes", "-a", "-F", "\t".join(f"#{{{name}}}" for name in _COLUMNS))
_PATIENCE = 5.0
"""Seconds to go on trying while the server is starting or just going away."""


@dataclass(frozen=True, slots=True)
class Window:
    """One window as tmux reports it; `command_dead` when its process has ended and only its last screen is left."""

    session: str
    name: str
    id: str
    pane: str
    pid: int
    command_dead: bool
    server: int
    """The pid of the tmux server."""
    socket: str


class Tmux:
    """One tmux server, known by its socket's name (`tmux -L NAME`)."""

    def __init__(self, socket: str | None = None) -> None:
        self.socket = socket or os.environ.get(SOCKET_VARIABLE) or "agentdeck"

    def argv(self, *args: str) -> list[str]:
        # -u: in the C locale, as in cron, tmux would print a _ for every tab and letter that is not ASCII.
        return ["tmux", "-u", "-L", self.socket, "-f", str(_CONFIG), *args]

    def run(self, *args: str, stdin: bytes | None = None, path: str | None = None) -> Result:
        """Run one tmux command; `path` is the PATH of what it starts."""
        program, *words = self.argv(*args)
        environment = _bare_environment() | ({"PATH": path} if path is not None else {})
        # tmux itself is found by our own.
        argv = [which(program) or program, *words]
        result = run(argv, env=environment, stdin=stdin, timeout=20)
        if not result and any(text in result.err for text in _NO_SERVER) and call_back(self.socket):
            return run(argv, env=environment, stdin=stdin, timeout=20)
        return result

    def command(self, *args: str, stdin: bytes | None = None) -> str:
        """Run one tmux command; raise TmuxError where it fails."""
        result = self.run(*args, stdin=stdin)
        if not result:
            raise TmuxError(f"tmux {args[0]} failed on the server “{self.socket}”.", detail=result.complaint)
        return result.text.removesuffix("\n")

    def windows(self) -> list[Window]:
        """Every window of the server; [] when there is no server."""
        try:
            return _windows_of(self.run(*_LIST))
        except MissingToolError:
            return []

    def window(self, session: str, name: str) -> Window | None:
        return _named(self.windows(), session, name)

    def open_window(self, session: str, name: str, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Window:
        """Start `argv` in a new window, or in the dead window of that name; return the one that lives already.

        The session and the server are made where they are missing, whoever else is making them at the same moment.
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            there = self.windows()
            old = _named(there, session, name)
            if old is not None and not old.command_dead:
                return old
            is_new = all(each.session != session for each in there)
            start = f"respawn-pane -k -t {old.pane}" if old else _start(session, name, is_new=is_new)
            given = [word for pair in env.items() for word in ("-e", "=".join(pair))]
            told = " ".join(quote(word) for word in [*given, "-c", literal(str(cwd)), *argv])
            script = f"{start} {told}\n"
            # Over any that it is told, tmux gives a new window the PATH of who asks for it.
            words = ["start-server", ";", "source-file", "-", ";", *_LIST]
            result = self.run(*words, stdin=os.fsencode(script), path=env.get("PATH"))
            made = _named(_windows_of(result), session, name)
            if made is not None:
                if old is None:
                    remember(self.socket, made.server, made.socket)
                return made
            passing = bool(result) or any(text in result.err for text in _PASSING_COMPLAINTS)
            if not passing or time.monotonic() > deadline:
                raise TmuxError(f"tmux could not open a window for {name}.", detail=result.complaint)
            time.sleep(0.05)

    def close_window(self, session: str, name: str) -> None:
        """Idempotent. The process in it gets SIGHUP, and a person's shell below it too."""
        there = self.windows()
        if (old := _named(there, session, name)) is not None:
            self.run("kill-window", "-t", old.id)
        if any(each.session == shell_session(session, name) for each in there):
            self.run("kill-session", "-t", f"={shell_session(session, name)}")

    def screen(self, session: str, name: str, *, colours: bool = False, history: int = 0) -> str:
        """The text on the agent's screen, with `history` lines from above it."""
        options = ["-e"] if colours else []
        return self.command("capture-pane", "-p", *options, "-S", str(-history), "-t", self._pane(session, name))

    def fit(self, session: str, name: str, columns: int, rows: int, mark: str, by: str) -> None:
        """Give the window that size and note in its option `mark` who did; not while a person's terminal shows it."""
        pane = self._pane(session, name)
        if SHOWN_BY_PERSON.format(pane) in self.run("list-clients", "-F", SHOWN).text.splitlines():
            return
        size = ("-x", str(columns), "-y", str(rows))
        self.command("resize-window", "-t", pane, *size, ";", "set-option", "-w", "-t", pane, mark, by)

    def press(self, session: str, name: str, keys: Sequence[str], *, literal: bool = False) -> None:
        """Press keys by tmux's names for them: `Enter`, `C-c`, `Escape`, `Up`, `y`, …; `literal`: they are text.

        They are the program's: copy mode and any other that the pane is in is left first. Raise TmuxError where the
        pane takes no keys.
        """
        pane = self._pane(session, name)
        words = [key.removesuffix(";") + "\\;" if key.endswith(";") else key for key in keys]
        leave, ask = ("copy-mode", "-q", "-t", pane), ("display-message", "-p", "-t", pane)
        send = ("send-keys", *(["-l"] if literal else []), "-t", pane, "--", *words)
        told = self.command(*leave, ";", *send, ";", *ask, "#{pane_in_mode}#{pane_input_off}")
        if told.strip("0"):
            raise TmuxError(
                f"The window of {name} accepts no keys.", hint=f"Look at it with “agentdeck attach {name}”."
            )

    def _pane(self, session: str, name: str) -> str:
        return self._found(session, name).pane

    def _found(self, session: str, name: str) -> Window:
        window = self.window(session, name)
        if window is None:
            raise NotFoundError(f"{name} has no window.", hint=f"agentdeck stop {name} && agentdeck resume {name}")
        return window

    def attach_argv(self, session: str, name: str, options: Sequence[Sequence[str]] = ()) -> list[str]:
        """What to exec to show the window in this terminal; detaching comes back.

        It goes through a session of its own that shares the windows, so that two terminals can look at two agents.
        `options` are that session's.
        """
        window = self._found(session, name).id
        mark = time.monotonic_ns() % 1_000_000
        view = f"{session}-view-{os.getpid()}-{mark}"
        show = self.argv("-N", "new-session", "-t", f"={session}", "-s", view)
        show += [";", "set-hook", "-g", f"client-detached[{mark}]", end_unseen(view, mark)]
        for option in options:
            show += [";", "set-option", "-t", f"={view}:", *option]
        # Its size is that of the terminal again, and no more what a dashboard had given it.
        show += [";", "set-option", "-w", "-u", "-t", window, "window-size"]
        return [*away(), *show, ";", "select-window", "-t", f"={view}:{window}"]


def shell_session(session: str, name: str) -> str:
    """The session of a person's shell that belongs to the window of that name."""
    return f"{session}-shell-{name}"


def away() -> list[str]:
    """The beginning of a command line that shows windows of the server, also inside of another tmux."""
    return ["env", *(word for variable in STRAY for word in ("-u", variable))]


def _start(session: str, name: str, *, is_new: bool) -> str:
    named = quote(literal(name))
    if not is_new:
        return f"new-window -d -t {quote(f'={session}:')} -n {named}"
    # Each later window of the session would get the variables that new-session is given.
    made = f"new-session -d -s {quote(literal(session))} -n {named} -c / true"
    return f"{made} ; respawn-pane -k -t {quote(f'={session}:')}"


def _windows_of(told: Result) -> list[Window]:
    rows = [line.split("\t") for line in told.text.splitlines()] if told else []
    return [
        Window(row[0], row[1], row[2], row[3], int(row[4]), row[5] == "1", int(row[6]), row[7])
        for row in rows
        if len(row) == 8
    ]


def _named(windows: Iterable[Window], session: str, name: str) -> Window | None:
    return next((each for each in windows if each.session == session and each.name == name), None)


def end_unseen(view: str, mark: int) -> str:
    """The hook number `mark`, which ends the session of a terminal that has gone, and then itself.

    tmux 3.3a crashes, and takes all windows with it, where `destroy-unattached` ends a session of a group. The hook is
    the server's and names its session, for tmux runs it in the session that was used last, not the one that was left.
    """
    end = f"kill-session -t {quote(f'={view}')} ; set-hook -gu client-detached[{mark}]"
    return f"if-shell -F -t {quote(f'={view}:')} '#{{?session_attached,,1}}' {{ {end} }}"


def _bare_environment() -> dict[str, str | None]:
    """What a tmux server may be started with: every window inherits it for ever, and it may hold somebody's keys."""
    taken = {name: None for name in os.environ if name not in _NEEDED and not name.startswith("LC_")}
    return {**taken, **STRAY}


def literal(text: str) -> str:
    """`text` for where tmux expands formats, such as a folder or a name: nothing in it is run or replaced.

    tmux halves every run of # but those before a [, which it takes for a style and leaves as they are.
    """
    return re.sub(r"#+(?![#\[])", r"\g<0>\g<0>", text)


def in_option(words: Sequence[str]) -> str:
    """These words of a shell command as the value of an option, which a shell can run as tmux tells it: tmux 3.4 tells
    a “$” before a letter as “\\$”, in quotes too."""
    return shlex.join(words).replace("$", "$''")


def quote(word: str) -> str:
    """`word` as one word of a tmux command file, where single quotes take everything as it is.

    Not so the byte 255, which tmux takes for the end of the file.
    """
    return "'" + word.replace("'", "'\"'\"'").replace("\udcff", "'\"\\377\"'") + "'"
