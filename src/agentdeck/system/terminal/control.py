"""Read the screens of agents through one tmux client in control mode (`tmux -C`), 0.1 ms each.

The client asks for no output of panes (`no-output`). That is what keeps agents free of us: while a client in control
mode wants output and does not read it, tmux stops reading from the pane, and the agent in it stands still. That there
is something new to see is told by the recording that every runner writes, which `system.watch` follows.

Where control mode is refused, or does not answer, a subprocess takes each screen, and `notice` says so.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from agentdeck.core.frozen import dataclass
from agentdeck.errors import MissingToolError, NotFoundError, TmuxError
from agentdeck.system.terminal.tmux import SHOWN, SHOWN_BY_PERSON, STRAY, Tmux, quote

_ANSWER = 1.0
"""Seconds that tmux may take to answer before it counts as wedged."""
_GOODBYE = 0.5
_RETRY = (2.0, 5.0, 15.0, 60.0)
"""Seconds before control mode is tried again, by the number of failures in a row; the last holds for all further."""
_SLOW_PACE = 0.5
"""Seconds at least between two captures by subprocess, each of which starts tmux twice."""
_LINE_BYTES = 1 << 20
_FITTED = "@agentdeck-fitted"
"""The option of a window that names who gave it its size."""
_FACTS = (
    '"#{window_name} #{pane_width} #{pane_height} #{cursor_x} #{cursor_y} #{cursor_flag} #{pane_dead} '
    f'by#{{{_FITTED}}}"'
)
_BLOCK = re.compile(rb"%(begin|end|error) (\d+ \d+) (\d+)")
SLOW = "tmux refuses control mode, so this screen updates twice a second at most."


@dataclass(frozen=True, slots=True)
class PaneCapture:
    """What was on a window's screen at one moment."""

    lines: tuple[str, ...]
    """One a row, with tmux's own SGR sequences; what is in them is hostile all the same."""
    columns: int
    """0 where it is not known."""
    cursor: tuple[int, int] | None
    """Column and row, from 0; None where the program hides it."""
    dead: bool
    """Whether the program in it has ended; tmux keeps its last screen."""
    fitted: bool = False
    """Whether this reader was the last to give the window a size."""


class _Refused(Exception):
    """tmux answered a command with an error."""


class _Broken(Exception):
    """The client has ended, or does not answer as it should."""


class ScreenReader:
    """Captures windows of one session, one at a time. Belongs to one event loop; it connects when first asked."""

    def __init__(
        self, tmux: Tmux, session: str, elsewhere: Callable[[str], Callable[[], list[str]] | None] = lambda window: None
    ) -> None:
        """`elsewhere` gives what asks for the lines of a window that is on another host; None for one of this
        server."""
        self._tmux, self._session, self._elsewhere = tmux, session, elsewhere
        self._client: _Client | None = None
        self._panes: dict[str, str] = {}
        self._failures = 0
        self._retry_at = 0.0
        self._slow_at = 0.0
        self._lock = asyncio.Lock()
        self._id = os.urandom(6).hex()
        self.notice = ""
        """One sentence where captures are slower than they should be; else empty."""

    async def capture(self, window: str) -> PaneCapture | None:
        """The screen of that window now; None where there is no such window. Raise TmuxError where tmux is missing."""
        if (ask := self._elsewhere(window)) is not None:
            with suppress(NotFoundError):
                return PaneCapture(tuple(await asyncio.to_thread(ask)), 0, None, dead=False)
            return None
        async with self._lock:
            if self._client is not None:
                # One that served until now may just have been ended; that is no sign against a new one.
                with suppress(_Broken):
                    return await self._by_client(window)
            if time.monotonic() >= self._retry_at:
                try:
                    return await self._by_client(window)
                except _Broken:
                    self._failures += 1
                    self._retry_at = time.monotonic() + _RETRY[min(self._failures, len(_RETRY)) - 1]
            return await self._by_subprocess(window)

    async def fit(self, window: str, columns: int, rows: int) -> None:
        """Give the window that size, unless a person's terminal shows it: then it has that one's."""
        async with self._lock:
            try:
                if self._client is not None and (pane := self._panes.get(window)) is not None:
                    await self._client.fit(pane, columns, rows, self._id)
                else:
                    await asyncio.to_thread(self._tmux.fit, self._session, window, columns, rows, _FITTED, self._id)
            except (_Broken, NotFoundError, TmuxError):
                return  # the next capture shows what size it has, and finds out what is wrong

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _by_client(self, window: str) -> PaneCapture | None:
        try:
            if self._client is None:
                self._client = await _Client.connect(self._tmux, self._session)
            found = await self._find_and_capture(self._client, window)
        except BaseException:
            # Whatever cut it short: half an answer may be on its way, so this client can't be asked again.
            client, self._client = self._client, None
            if client is not None:
                await client.kill()
            raise
        self._failures, self.notice = 0, ""
        return found

    async def _find_and_capture(self, client: _Client, window: str) -> PaneCapture | None:
        pane = self._panes.get(window)
        if pane is not None and (found := await client.capture(pane, window, self._id)) is not None:
            return found
        self._panes = await client.panes(self._session)
        pane = self._panes.get(window)
        return await client.capture(pane, window, self._id) if pane is not None else None

    async def _by_subprocess(self, window: str) -> PaneCapture | None:
        """At most every half second, however often it is asked for; the one that asks earlier waits."""
        await asyncio.sleep(max(0.0, self._slow_at + _SLOW_PACE - time.monotonic()))
        self._slow_at = time.monotonic()
        try:
            text = await asyncio.to_thread(self._tmux.screen, self._session, window, colours=True)
        except NotFoundError:
            return None
        except MissingToolError as error:
            raise TmuxError("tmux is not installed.", hint=error.hint) from error
        except TmuxError:
            return None
        # Only where the slow way works while the other does not is there anything to tell.
        self.notice = SLOW
        return PaneCapture(tuple(text.split("\n")), 0, None, False)


class _Client:
    """The process `tmux -C`, and its protocol: a block of lines answers each command, notices come between blocks."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process, self._in, self._out = process, process.stdin, process.stdout

    @classmethod
    async def connect(cls, tmux: Tmux, session: str) -> _Client:
        # -N: where the server can't be found, it must not start another one, which would hide it.
        argv = tmux.argv("-N", "-C", "attach-session", "-t", f"={session}", "-f", "no-output,ignore-size")
        environment = {name: value for name, value in os.environ.items() if name not in STRAY}
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment,
                limit=_LINE_BYTES,
                start_new_session=True,
            )
        except OSError as error:
            raise _Broken(str(error)) from error
        return cls(process)

    async def panes(self, session: str) -> dict[str, str]:
        """The first pane of every window, by the window's name."""
        try:
            lines = await self._ask(f'list-panes -s -t {quote(f"={session}")} -F "#{{window_name}} #{{pane_id}}"')
        except _Refused:
            return {}
        found: dict[str, str] = {}
        for line in lines:
            name, _, pane = line.decode("utf-8", "replace").rpartition(" ")
            found.setdefault(name, pane)
        return found

    async def fit(self, pane: str, columns: int, rows: int, by: str) -> None:
        with suppress(_Refused):
            shown = await self._ask(f'list-clients -F "{SHOWN}"')
            if SHOWN_BY_PERSON.format(pane).encode() not in shown:
                await self._ask(f"resize-window -t {pane} -x {columns} -y {rows}")
                await self._ask(f"set-option -w -t {pane} {_FITTED} {by}")

    async def capture(self, pane: str, window: str, reader: str) -> PaneCapture | None:
        """None where that pane is gone, or is another window's by now."""
        try:
            async with asyncio.timeout(_ANSWER):
                # One line, so that tmux does both without anything between.
                self._send(f"display-message -p -t {pane} {_FACTS} ; capture-pane -p -e -N -t {pane}")
                name, *numbers, by = (await self._block())[0].decode("utf-8", "replace").rsplit(" ", 7)
                width, height, column, row, seen, dead = map(int, numbers)
                lines = await self._block(height)
        except _Refused:
            return None
        except (TimeoutError, OSError, ValueError, IndexError) as error:
            raise _Broken(repr(error)) from error
        if name != window:
            return None
        text = tuple(line.decode("utf-8", "replace") for line in lines)
        return PaneCapture(text, width, (column, row) if seen else None, bool(dead), by == f"by{reader}")

    async def _ask(self, command: str) -> Sequence[bytes]:
        try:
            async with asyncio.timeout(_ANSWER):
                self._send(command)
                return await self._block()
        except (TimeoutError, OSError, ValueError) as error:
            raise _Broken(repr(error)) from error

    def _send(self, command: str) -> None:
        if self._process.returncode is not None:
            raise _Broken("tmux has ended")
        self._in.write(command.encode() + b"\n")

    async def _block(self, count: int = -1) -> list[bytes]:
        """The lines of the next answer to a command of ours. Raise _Refused for an error.

        `count` is how many lines it has, for one with text of an agent in it: that may look like an end of the block.
        """
        while True:
            begin = _BLOCK.fullmatch(await self._line())
            # The last number is 1 for what came from our standard input.
            if begin is not None and begin[1] == b"begin" and int(begin[3]) & 1:
                break
        lines: list[bytes] = []
        while True:
            line = await self._line()
            if len(lines) >= count:
                end = _BLOCK.fullmatch(line)
                if end is not None and end[2] == begin[2] and end[1] == b"end":
                    return lines
                if end is not None and end[2] == begin[2] and end[1] == b"error":
                    raise _Refused(b" ".join(lines).decode("utf-8", "replace"))
                if count >= 0:
                    raise _Broken("an answer is too long")
            lines.append(line)

    async def _line(self) -> bytes:
        line = await self._out.readline()
        if not line.endswith(b"\n"):
            raise _Broken("tmux has ended")
        return line[:-1]

    async def close(self) -> None:
        """Detach; end the client by force where it does not go."""
        with suppress(OSError):
            self._in.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _GOODBYE)
        await self.kill()

    async def kill(self) -> None:
        # Closes the pipes and kills the process; without it, pipes that are full stay open until the loop is gone.
        self._process._transport.close()  # type: ignore[attr-defined]
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _GOODBYE)
