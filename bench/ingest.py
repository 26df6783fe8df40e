"""What the recording of output and the Log tab take, as ratios to yardsticks of the same run.

    python bench/ingest.py [MEGABYTES]

A program prints a file of coloured lines and notes how long that took: in an agent's pane, where the runner strips,
times and records it; in a bare tmux window; under `script`, which records it too, in such a window; and under `script`
alone. A terminal takes what it is written only when it is read, so that the time is the reader's. The Log tab then goes
through the agent's log from its end to its beginning, painting at each step; its yardstick reads the same file and
splits it into lines.
"""

from __future__ import annotations

import asyncio
import shlex
import statistics
import sys
import time
from pathlib import Path

from common import BARE, bare_server, milli, repository, row, run, tell, timed

RUNS = 3
SIZES = [2, 20, 100]
"""Megabytes."""
LINE = "\x1b[32m{number:08}\x1b[0m a line of what an agent prints, with a word in \x1b[1mbold\x1b[0m and some more\r\n"
PRINT = """
import os, sys, time
data = open(sys.argv[1], 'rb').read()
begun = time.perf_counter()
sys.stdout.buffer.write(data)
sys.stdout.flush()
took = time.perf_counter() - begun
open(sys.argv[2] + '.tmp', 'w').write(str(took))
os.rename(sys.argv[2] + '.tmp', sys.argv[2])
"""


def main() -> None:
    for megabytes in [int(sys.argv[1])] if len(sys.argv) > 1 else SIZES:
        with repository() as root:
            sample = root.parent / "sample"
            count = megabytes * 1_000_000 // len(LINE.format(number=0))
            sample.write_text("".join(LINE.format(number=number) for number in range(count)))
            recording(root, sample, megabytes)
            asyncio.run(log_tab(root, f"run-{RUNS - 1}", megabytes))


def recording(root: Path, sample: Path, megabytes: int) -> None:
    bare_server()
    ours, window, recorded, script = [], [], [], []
    for number in range(RUNS):

        def argv(way: str, number: int = number) -> tuple[list[str], Path]:
            told = root.parent / f"{way}-{number}"
            return [sys.executable, "-I", "-c", PRINT, str(sample), str(told)], told

        words, told = argv("ours")
        run("agentdeck", "run", "-q", "--detach", "-n", f"run-{number}", "--", *words)
        ours.append(seconds(told))
        end_of(root, f"run-{number}")
        words, told = argv("window")
        run("tmux", "-L", BARE, "new-window", "-d", "-t", "bare", shlex.join(words))
        window.append(seconds(told))
        words, told = argv("recorded")
        recorder = ["script", "-qec", shlex.join(words), str(root.parent / "recorded typescript")]
        run("tmux", "-L", BARE, "new-window", "-d", "-t", "bare", shlex.join(recorder))
        recorded.append(seconds(told))
        words, told = argv("script")
        run("script", "-qec", shlex.join(words), str(root.parent / "typescript"))
        script.append(seconds(told))
    row(f"printing {megabytes} MB in an agent's pane", ours, "in a bare tmux window", window)
    row(f"printing {megabytes} MB in an agent's pane", ours, "under script(1) in a bare tmux window", recorded, "1 x")
    row(f"printing {megabytes} MB in an agent's pane", ours, "under script(1)", script)
    rates = [f"{megabytes / statistics.median(each):,.1f} MB/s" for each in (ours, script)]
    tell(f"recording {megabytes} MB, through the runner's terminal", rates[0], "under script(1)", rates[1])


def end_of(root: Path, name: str) -> None:
    from agentdeck.engine.deck import Deck

    Deck.find(root).wait(name)


def seconds(told: Path) -> float:
    deadline = time.perf_counter() + 300
    while not told.exists():
        if time.perf_counter() > deadline:
            raise SystemExit(f"{told.name} did not end")
        time.sleep(0.02)
    return float(told.read_text())


async def log_tab(root: Path, name: str, megabytes: int) -> None:
    from textual.app import App, ComposeResult

    from agentdeck.engine.deck import Deck
    from agentdeck.system.state.logtail import LogTail
    from agentdeck.tui.look.look import style_sheets
    from agentdeck.tui.panes.loglines import LogView

    class Tab(App[None]):
        CSS_PATH = [sheet for sheet in style_sheets() if sheet.name == "panes.tcss"]  # noqa: RUF012

        def compose(self) -> ComposeResult:
            yield LogView()

    log = Deck.find(root).agent(name).log
    assert log is not None
    app = Tab()
    async with app.run_test(size=(200, 50)) as pilot:
        view, tail = app.query_one(LogView), LogTail(log)
        begun, lines = time.perf_counter(), 0
        change, opened = tail.newer(), 0.0
        while True:
            lines += len(change.before) + len(change.after)
            view.apply(change)
            await pilot.pause()
            opened = opened or time.perf_counter() - begun
            if change.is_first:
                break
            change = tail.older()
        took = time.perf_counter() - begun
        tail.close()
    tell(f"Log tab, the end of a log of {megabytes} MB", milli(opened))
    parts = sorted(log.parent.glob(f"{log.stem}*{log.suffix}"))
    plain = timed(lambda: [part.read_bytes().splitlines() for part in parts])
    what, yardstick = f"Log tab, from the end of {megabytes} MB to the beginning", "reading it and splitting it"
    tell(what, f"{lines / took:,.0f} lines/s", yardstick, f"{lines / plain:,.0f} lines/s", f"{plain / took:.2f} x")


if __name__ == "__main__":
    main()
