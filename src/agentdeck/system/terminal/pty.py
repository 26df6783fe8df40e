"""Run a program in a terminal of its own and pass everything between that and ours, both ways, unchanged.

The program sees a real terminal: window size, colours, mouse, bracketed paste and job control are as if we were not
there. What it prints is handed to a callback on the way. No data is dropped: when our own terminal is slow, the program
waits, as it would without us.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import struct
import termios
import time
import tty
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agentdeck.system.machine.stopsignals import STOP_SIGNALS
from agentdeck.system.machine.tree import reap

_CHUNK = 65536
_SCREEN_MAX = 262144
"""Bytes waiting for our terminal above which the program's output is not read."""
_INPUT_MAX = 1048576
_LINGER = 0.2
"""Seconds that output is awaited after the program has ended; its children may hold the terminal open for ever."""
_SPARED_LAST = "500"
"""Where memory runs out, Linux takes what an agent runs before the runner, tmux and the person's own programs."""
_DEFAULT_SIZE = (120, 36)
_AS_NEW = (
    b"\x1b[?1049l\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?1l\x1b>\x1b[>4;0m\x1b[<u"
    b"\x1b[?25h\x1b[!p\x1b[0m\x1b[H\x1b[2J"
)
"""No alternate screen, pasting, mouse or keyboard mode; the cursor seen, and an empty screen."""
_RESET = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGWINCH, signal.SIGCHLD)


class PtyRelay:
    """One program after the other in one outer terminal. Use as a context: it puts the terminal back as it was."""

    def __init__(
        self, on_output: Callable[[bytes], None], on_tick: Callable[[float], float | None], wake: Sequence[int] = ()
    ) -> None:
        """`on_tick` is called with the monotonic time after every event and returns when it wants to be called next.

        `wake` are descriptors whose becoming readable is an event too; `on_tick` reads them.
        """
        self.enter: Callable[[], None] = lambda: None
        """Called in each program's process before it becomes the program."""
        self.on_resize: Callable[[tuple[int, int]], None] = lambda size: None
        self.on_keys: Callable[[bytes], None] = lambda data: None
        """Called with what a person types at the terminal, and what the terminal itself answers."""
        self.stop_signal: int | None = None
        """The signal that asked us to stop."""
        self.pid = 0
        self._on_output, self._on_tick, self._wake = on_output, on_tick, wake
        self._master, self._slave = -1, ""
        self._to_program, self._to_screen = bytearray(), bytearray()
        self._stdin_open = self._stdout_open = True
        self._saved: list[object] | None = None
        self._signals_read, self._signals_write = os.pipe()

    def __enter__(self) -> PtyRelay:
        for descriptor in (self._signals_read, self._signals_write):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._signals_write, warn_on_full_buffer=False)
        for sign in (*STOP_SIGNALS, signal.SIGWINCH, signal.SIGCHLD):
            signal.signal(sign, self._on_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        if os.isatty(0):
            self._saved = termios.tcgetattr(0)
            tty.setraw(0)
        for descriptor in (0, 1):
            with contextlib.suppress(OSError):
                os.set_blocking(descriptor, False)
        return self

    def __exit__(self, *exc: object) -> None:
        self.flush()
        for descriptor in (0, 1):
            with contextlib.suppress(OSError):
                os.set_blocking(descriptor, True)
        if self._saved is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSADRAIN, self._saved)  # type: ignore[arg-type]

    def _on_signal(self, number: int, frame: object) -> None:
        if number in STOP_SIGNALS:
            self.stop_signal = number
        elif number == signal.SIGWINCH and self._master >= 0:
            size = self.size()
            _set_size(self._master, size)
            self.on_resize(size)

    def size(self) -> tuple[int, int]:
        """Columns and lines of our terminal, or a default where there is none."""
        for descriptor in (0, 1, 2):
            with contextlib.suppress(OSError):
                columns, lines = os.get_terminal_size(descriptor)
                if columns and lines:
                    return columns, lines
        return _DEFAULT_SIZE

    def run(self, argv: Sequence[str], cwd: str, env: Mapping[str, str], started: Callable[[int], None]) -> int:
        """Run `argv` to its end and return its exit code, minus the number of the signal that ended it.

        Raise OSError where it can't be started. `started` gets its pid, which is its session's too.
        """
        self._spawn(argv, cwd, env)
        started(self.pid)
        code: int | None = None
        ended = 0.0
        while True:
            reaped = self._reap() if code is None else None
            if reaped is not None:
                code, ended = reaped, time.monotonic()
            wanted = self._on_tick(time.monotonic())
            deadlines = [each for each in (wanted, ended + _LINGER if code is not None else None) if each is not None]
            timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
            alive = self._turn(timeout)
            if code is not None and (not alive or time.monotonic() - ended > _LINGER):
                break
            if not alive and code is None:
                # The terminal was closed by everyone but the program still runs: only its end is awaited.
                self._close_master()
        self._close_master()
        return code

    def idle(self, over: Callable[[], bool]) -> None:
        """Keep our terminal without a program in it until `over()`; what is typed meanwhile goes nowhere."""
        while True:
            reap()
            wanted = self._on_tick(time.monotonic())
            if over():
                return
            self._turn(None if wanted is None else max(0.0, wanted - time.monotonic()))
            self._to_program.clear()

    def clear(self) -> None:
        """Take back what a program that is gone has done to our terminal, and empty its screen."""
        self._to_program.clear()
        self.show(_AS_NEW)

    def send(self, data: bytes) -> None:
        """Type `data` to the program."""
        self._to_program += data

    def unsent(self) -> bool:
        """Whether something that was typed has not reached the program's terminal yet."""
        return bool(self._to_program)

    def unread(self) -> bool:
        """Whether the program has not yet read all that was typed to it. A line that it can't read before its end, in a
        terminal that edits lines, counts as read."""
        if self._to_program or self._master < 0:
            return bool(self._to_program)
        try:
            slave = os.open(self._slave, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            return any(fcntl.ioctl(slave, termios.FIONREAD, bytes(4)))
        except OSError:
            return False
        finally:
            os.close(slave)

    def edits_lines(self) -> bool:
        """Whether the program's terminal keeps what is typed until the end of the line, as for a program that reads
        lines and for one that reads nothing."""
        try:
            return self._master >= 0 and bool(termios.tcgetattr(self._master)[3] & termios.ICANON)
        except termios.error:
            return False

    def rests(self) -> bool:
        """Whether the program itself is in the foreground of its terminal, and nothing that it has started."""
        try:
            return self._master >= 0 and os.tcgetpgrp(self._master) == self.pid
        except OSError:
            return False

    def rests_in_box(self) -> bool:
        """As `rests`, of a program in a box: it is the grandchild of what we have started, and there is nothing between
        but bubblewrap's two processes."""
        try:
            first = os.tcgetpgrp(self._master) if self._master >= 0 else 0
            return first > 0 and _parent(_parent(first)) == self.pid
        except (OSError, ValueError, IndexError):
            return False

    def show(self, data: bytes) -> None:
        """Put `data` on our own terminal only."""
        self._to_screen += data

    def _spawn(self, argv: Sequence[str], cwd: str, env: Mapping[str, str]) -> None:
        self._master, slave = os.openpty()
        self._slave = os.ttyname(slave)
        _set_size(self._master, self.size())
        failed_read, failed_write = os.pipe()
        try:
            self.pid = os.fork()
        except OSError:  # no process or memory is left; a runner may try again and again
            for descriptor in (slave, failed_read, failed_write):
                os.close(descriptor)
            self._close_master()
            raise
        if self.pid == 0:
            _become(argv, cwd, env, slave, failed_write, self.enter)
        os.close(slave)
        os.close(failed_write)
        with os.fdopen(failed_read, "rb") as pipe:
            failed = pipe.read()
        if failed:
            os.waitpid(self.pid, 0)
            self._close_master()
            number = int(failed)
            raise OSError(number, os.strerror(number), argv[0])
        os.set_blocking(self._master, False)

    def _reap(self) -> int | None:
        """The program's exit code once it has ended; orphans that we adopted are reaped on the way."""
        return reap().get(self.pid)

    def _close_master(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def _turn(self, timeout: float | None) -> bool:
        """Wait for something and pass it on; say whether the program's terminal is still open."""
        poll = select.poll()
        poll.register(self._signals_read, select.POLLIN)
        for descriptor in self._wake:
            poll.register(descriptor, select.POLLIN)
        if self._master >= 0:
            wish = select.POLLIN if len(self._to_screen) < _SCREEN_MAX else 0
            poll.register(self._master, wish | (select.POLLOUT if self._to_program else 0))
        if self._stdin_open and len(self._to_program) < _INPUT_MAX:
            poll.register(0, select.POLLIN)
        if self._to_screen and self._stdout_open:
            poll.register(1, select.POLLOUT)
        ready = dict(poll.poll(None if timeout is None else timeout * 1000 + 1))
        if self._signals_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._signals_read, _CHUNK)
        if 0 in ready:
            self._read_keys()
        if 1 in ready:
            self._write_screen()
        if self._master < 0:
            return True
        events = ready.get(self._master, 0)
        if events & select.POLLOUT:
            self._write_program()
        return self._read_program() if events & (select.POLLIN | select.POLLHUP | select.POLLERR) else True

    def _read_keys(self) -> None:
        with contextlib.suppress(BlockingIOError):
            try:
                data = os.read(0, _CHUNK)
            except OSError:
                data = b""
            self._to_program += data
            self._stdin_open = bool(data)
            self.on_keys(data)

    def _read_program(self) -> bool:
        data, is_open = self._printed()
        if data and self._stdout_open:
            self._to_screen += data
            self._write_screen()
        if data:
            self._on_output(data)
        return is_open

    def _printed(self) -> tuple[bytes, bool]:
        """What the program has printed, and whether its terminal is still open. A terminal gives 4 KB at a time, and
        taking each of them through all that is done with output would be slow."""
        data = bytearray()
        while len(data) < _CHUNK:
            try:
                part = os.read(self._master, _CHUNK)
            except BlockingIOError:
                return bytes(data), True
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                part = b""
            if not part:
                return bytes(data), False
            data += part
        return bytes(data), True

    def _write_program(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            written = os.write(self._master, self._to_program[:_CHUNK])
            del self._to_program[:written]

    def _write_screen(self) -> None:
        try:
            written = os.write(1, self._to_screen[:_CHUNK])
            del self._to_screen[:written]
        except BlockingIOError:
            pass
        except OSError:  # our terminal is gone; the program goes on without it
            self._stdout_open = False
            self._to_screen.clear()

    def flush(self) -> None:
        """Wait, for a second at most, until our terminal has got all that it is to show."""
        deadline = time.monotonic() + 1.0
        while self._to_screen and self._stdout_open and time.monotonic() < deadline:
            select.select([], [1], [], 0.1)
            self._write_screen()


def _become(
    argv: Sequence[str], cwd: str, env: Mapping[str, str], slave: int, failed: int, enter: Callable[[], None]
) -> None:
    """In the forked child: be the program, with the terminal as its own. Never returns."""
    try:
        enter()
        os.login_tty(slave)
        signal.set_wakeup_fd(-1)
        for sign in _RESET:
            signal.signal(sign, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_SPARED_LAST)
        os.chdir(cwd)
        os.execvpe(argv[0], list(argv), dict(env))  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(failed, str(error.errno or errno.EIO).encode())
    except BaseException:  # noqa: BLE001 - a forked child must never run its parent's code on
        os.write(failed, str(errno.EINVAL).encode())
    os._exit(127)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])


def _set_size(descriptor: int, size: tuple[int, int]) -> None:
    with contextlib.suppress(OSError):
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
