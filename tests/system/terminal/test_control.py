"""Screens through control mode: exact, fast, and never in the way of who prints."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from agentdeck.system.terminal.control import SLOW, PaneCapture, ScreenReader
from agentdeck.system.terminal.tmux import Tmux
from tests.support.retry import eventually

SESSION = "deck"


def open_(tmux: Tmux, name: str, script: str, folder: Path) -> None:
    tmux.open_window(SESSION, name, ["/bin/sh", "-c", script], cwd=folder, env={"PATH": os.environ["PATH"]})


def with_reader(tmux: Tmux, script: Callable[[ScreenReader], Awaitable[None]], session: str = SESSION) -> None:
    async def run() -> None:
        reader = ScreenReader(tmux, session)
        try:
            await script(reader)
        finally:
            await reader.close()

    asyncio.run(run())


async def sees(reader: ScreenReader, window: str, text: str) -> PaneCapture:
    deadline = time.monotonic() + 10
    while True:
        found = await reader.capture(window)
        if found is not None and text in "\n".join(found.lines):
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)


def client_of(tmux: Tmux) -> psutil.Process:
    listed = tmux.command("list-clients", "-F", "#{client_pid}")
    return psutil.Process(int(listed))


def test_a_capture_has_every_row_its_colours_and_the_cursor(tmux: Tmux, tmp_path: Path) -> None:
    open_(tmux, "fix", r"printf '\033[31mred\033[0m plain\nsecond'; exec sleep 100", tmp_path)

    async def script(reader: ScreenReader) -> None:
        found = await sees(reader, "fix", "second")
        assert "\x1b[31mred" in found.lines[0]
        assert (found.columns, len(found.lines)) == (120, 36)
        assert found.cursor == (6, 1)
        assert not found.dead
        assert reader.notice == ""

    with_reader(tmux, script)


def test_a_window_is_fitted_and_knows_by_whom(tmux: Tmux, tmp_path: Path) -> None:
    open_(tmux, "fix", "echo here; exec sleep 100", tmp_path)
    other = ScreenReader(tmux, SESSION)

    async def script(reader: ScreenReader) -> None:
        await reader.fit("fix", 90, 30)  # by a subprocess, for it has not connected yet
        found = await sees(reader, "fix", "here")
        assert (found.columns, len(found.lines), found.fitted) == (90, 30, True)
        await other.fit("fix", 70, 22)
        found = await sees(reader, "fix", "here")
        assert (found.columns, len(found.lines), found.fitted) == (70, 22, False)
        await reader.fit("fix", 81, 24)
        found = await sees(reader, "fix", "here")
        assert (found.columns, len(found.lines), found.fitted) == (81, 24, True)
        assert reader.notice == ""
        await reader.fit("gone", 81, 24)
        await other.close()

    with_reader(tmux, script)


def test_a_cursor_that_the_program_hides_is_not_told(tmux: Tmux, tmp_path: Path) -> None:
    open_(tmux, "fix", r"printf 'here\033[?25l'; exec sleep 100", tmp_path)

    async def script(reader: ScreenReader) -> None:
        assert (await sees(reader, "fix", "here")).cursor is None

    with_reader(tmux, script)


def test_a_window_is_known_by_its_whole_name(tmux: Tmux, tmp_path: Path) -> None:
    open_(tmux, "one", "echo first; exec sleep 100", tmp_path)
    open_(tmux, "0", "echo zero; exec sleep 100", tmp_path)

    async def script(reader: ScreenReader) -> None:
        await sees(reader, "0", "zero")
        await sees(reader, "one", "first")
        assert await reader.capture("on") is None
        tmux.close_window(SESSION, "one")
        assert await reader.capture("one") is None
        open_(tmux, "one", "echo again; exec sleep 100", tmp_path)
        await sees(reader, "one", "again")
        tmux.run("kill-server")
        assert await reader.capture("one") is None

    with_reader(tmux, script)


def test_text_that_looks_like_the_protocol_is_only_text(tmux: Tmux, tmp_path: Path) -> None:
    ends = "".join(f"%end {int(time.time()) + second} {number} 1\\n" for second in range(2) for number in range(12))
    open_(tmux, "fix", f"printf '{ends}%%exit\\n'; exec sleep 100".replace("%end", "%%end"), tmp_path)

    async def script(reader: ScreenReader) -> None:
        found = await sees(reader, "fix", "%exit")
        assert len(found.lines) == 36
        assert len([line for line in found.lines if line.startswith("%end")]) == 24
        assert reader.notice == ""

    with_reader(tmux, script)


@pytest.mark.parametrize("mood", ["exec sleep 60", "echo %exit; exit 1", "exec cat /dev/zero", "cat; echo nonsense"])
def test_control_mode_that_does_not_serve_is_done_without_and_tried_again(
    tmux: Tmux, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mood: str
) -> None:
    open_(tmux, "fix", "echo here; exec sleep 100", tmp_path)
    bad = tmp_path / "bin" / "tmux"
    bad.parent.mkdir()
    bad.write_text(f'#!/bin/sh\ncase " $* " in *" -C "*) {mood};; esac\nexec {shutil.which("tmux")} "$@"\n')
    bad.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bad.parent}:{os.environ['PATH']}")

    async def script(reader: ScreenReader) -> None:
        begun = time.monotonic()
        found = await reader.capture("fix")
        assert time.monotonic() - begun < 3
        assert found is not None
        assert "here" in found.lines[0]
        assert reader.notice == SLOW
        bad.unlink()
        reader._retry_at = 0.0
        await sees(reader, "fix", "here")
        assert reader.notice == ""

    with_reader(tmux, script)


def test_a_client_that_was_ended_is_replaced_at_once(tmux: Tmux, tmp_path: Path) -> None:
    open_(tmux, "fix", "echo here; exec sleep 100", tmp_path)

    async def script(reader: ScreenReader) -> None:
        await sees(reader, "fix", "here")
        tmux.run("detach-client", "-s", SESSION)
        for _ in range(3):
            await sees(reader, "fix", "here")
        assert reader.notice == ""

    with_reader(tmux, script)


def test_nobody_who_prints_waits_for_a_reader_that_stands_still(tmux: Tmux, tmp_path: Path) -> None:
    done = tmp_path / "done"
    loud = f"import sys\nsys.stdin.readline()\nfor n in range(100000): print(n, 'x' * 60)\nopen({str(done)!r}, 'w')"
    tmux.open_window(SESSION, "fix", [sys.executable, "-c", loud], cwd=tmp_path, env={"PATH": os.environ["PATH"]})

    async def script(reader: ScreenReader) -> None:
        await reader.capture("fix")
        tmux.press(SESSION, "fix", ["Enter"])
        eventually(done.exists, timeout=30)  # it blocks the loop, so nothing is read meanwhile

    with_reader(tmux, script)


def test_nothing_of_the_client_is_left_and_the_window_keeps_its_size(tmux: Tmux, tmp_path: Path) -> None:
    open_(tmux, "fix", "exec sleep 100", tmp_path)
    pids = []

    async def script(reader: ScreenReader) -> None:
        await reader.capture("fix")
        pids.append(client_of(tmux).pid)

    with_reader(tmux, script)
    assert not psutil.pid_exists(pids[0])
    assert tmux.command("display-message", "-p", "-t", f"={SESSION}:", "#{window_width}x#{window_height}") == "120x36"
