"""Random kills of a queue that starts tasks here and on two hosts.

    python -m tests.soak.queue_kills --seed 7 --kills 1000 [--temporal]

What is killed is the process of the queue, in its window, its connections to the hosts, and with --temporal the server.
After each kill somebody looks again. Each task writes down that it began and that it ended; when its batch is over,
each has begun and ended once, and nothing runs any more.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil
import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.errors import DeckError, ExitCode
from agentdeck.system.fleet.links import LINKS
from agentdeck.system.terminal.tmux import Tmux
from tests.soak.acts import Violation
from tests.soak.fleet_kills import HOSTS
from tests.soak.running import kept, main
from tests.support.cli import PROGRAM
from tests.support.decks import CONFIG, bench_in
from tests.support.hosts import Fleet
from tests.support.temporal import Server, server

PLACES = ("", *HOSTS)
_OVER = 180.0
"""Seconds in which a batch ends that is not killed any more."""
_FEWEST, _MOST = 5, 16
"""Kills in one batch, where it lasts so long: a window that was opened twenty times is not opened again."""
_PAUSE, _LASTS = 3.0, 5.0
"""Seconds at most before a kill, and that a task lasts: a batch is to see several kills, for its agents cost most."""


@dataclass
class Run:
    fleet: Fleet
    chance: Random
    ledger: Path
    temporal: Server | None = None
    worker: subprocess.Popen[bytes] | None = None
    done: Counter[str] = field(default_factory=Counter)
    batches: int = 0

    @property
    def told(self) -> Path:
        """All that the workers of the batch have written."""
        return self.ledger.with_name("told")

    def begin(self) -> Counter[str]:
        """Write a file of tasks and start it; return the tokens."""
        self.batches += 1
        self.told.unlink(missing_ok=True)
        text, tokens = "", [f"t{self.batches}-{number}" for number in range(self.chance.randint(3, 8))]
        for number, token in enumerate(tokens):
            line = f"echo begin {token} >> {{0}}; sleep {self.chance.uniform(0, _LASTS):.2f}; echo end {token} >> {{0}}"
            command = json.dumps(["sh", "-c", line.format(shlex.quote(str(self.ledger)))])
            text += f'[[task]]\nname = "{token}"\non = "{self.chance.choice(PLACES)}"\ncommand = {command}\n'
            if number and self.chance.random() < 0.3:
                text += f'after = ["{self.chance.choice(tokens[:number])}"]\n'
        self.fleet.bench.write("tasks.toml", text)
        if self.temporal is None:
            self.call("run", "-f", "tasks.toml", "-j", "4", "-d")
        return Counter({f"{word} {token}": 1 for token in tokens for word in ("begin", "end")})

    def call(self, *words: str) -> None:
        done = subprocess.run(
            [*PROGRAM, *words], cwd=self.fleet.bench.root, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Violation(f"{words}: {done.stderr}")

    def process(self) -> psutil.Process | None:
        """Of the queue; with Temporal it is started where there is none."""
        if self.temporal is not None:
            if self.worker is None:
                words, null = [*PROGRAM, "run", "-f", "tasks.toml", "-j", "4"], subprocess.DEVNULL
                with self.told.open("ab") as told:
                    self.worker = subprocess.Popen(
                        words, cwd=self.fleet.bench.root, stdin=null, stdout=told, stderr=told
                    )
            pid = self.worker.pid
        else:
            windows = Tmux(os.environ["AGENTDECK_TMUX_SOCKET"]).windows()
            pid = next((each.pid for each in windows if " tasks-" in each.name and not each.command_dead), 0)
        with suppress(psutil.Error):
            return psutil.Process(pid) if pid else None
        return None

    def kill(self) -> None:
        kind = self.chance.choice(("queue", "queue", "queue", "connection", "server" if self.temporal else "queue"))
        process = self.process()
        time.sleep(self.chance.uniform(0.1, _PAUSE))
        if process is None or not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return
        with suppress(psutil.Error):
            if kind == "connection":
                self.done[kind] += sum(_cut(each) for each in process.children(recursive=True)) > 0
                return
            if kind == "server" and self.temporal is not None:
                self.temporal.kill()
                self.temporal.start()
                self.done[kind] += 1
                return
            process.kill()
            self.done[kind] += 1
            if self.worker is not None and self.worker.wait() == -signal.SIGKILL:  # else it had just ended
                self.worker = None

    def is_over(self) -> bool:
        if self.temporal is None:
            return all(each.over for each in self.fleet.deck().tasks.all())
        if self.worker is None or (code := self.worker.poll()) is None:
            return False
        if code == ExitCode.TRY_LATER:  # the server was killed before it came to it
            self.worker = None
            return False
        if code:
            raise Violation(f"the batch exited with {code}: {self.told.read_text()}")
        self.worker = None
        return True


def kills(seed: int, count: int, seconds: float, tell: Callable[[str], object], *, temporal: bool) -> Counter[str]:
    """So many kills, or as many as the time allows; return what was killed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        bench = stack.enter_context(bench_in(folder, patch, config=CONFIG.partition("[database]")[0]))
        fleet = Fleet(bench, folder / "hosts")
        stack.callback(fleet.end)
        for name in HOSTS:
            fleet.add(name)
        run = Run(fleet, Random(seed), folder / "ledger")
        if temporal:
            run.temporal = stack.enter_context(server(folder / "temporal"))
            bench.own(f'[fleet]\nqueue = "{run.temporal.url}"\n')
        deadline = time.monotonic() + seconds
        while run.done.total() < count and time.monotonic() < deadline:
            try:
                _work_off(run)
            except Violation as error:
                raise Violation(
                    f"after {run.done.total()} kills, in batch {run.batches}: {error}; {kept(folder)}"
                ) from error
            tell(f"{run.done.total()} kills, {run.batches} batches")
        return run.done


def _work_off(run: Run) -> None:
    """One batch, its kills, and what must hold after it."""
    due, begun = run.begin(), run.done.total()
    deck = run.fleet.deck()
    for _ in range(run.chance.randint(1, _MOST)):
        run.kill()
        if run.is_over():
            break
        _look(deck)
    deadline = time.monotonic() + _OVER
    while not run.is_over():
        if time.monotonic() > deadline:
            raise Violation(f"the batch does not end; {_stand(deck)}")
        run.process()
        _look(deck)
        time.sleep(0.5)
    lines = Counter(run.ledger.read_text().splitlines()) if run.ledger.exists() else Counter[str]()
    if lines != due:
        raise Violation(f"not once: {lines - due or due - lines}, {run.done.total() - begun} kills")
    run.ledger.unlink(missing_ok=True)
    deck.fleet.refresh()
    if wrong := [view.name for view in deck.agents() if view.state is not State.DONE]:
        raise Violation(f"{wrong} are not done; {_stand(deck)}")
    for view in deck.agents():
        deck.remove(view.name)


def _cut(process: psutil.Process) -> bool:
    """Whether it was a connection to a host, and is killed."""
    with suppress(psutil.Error):  # one that has just ended
        if "host serve" in " ".join(process.cmdline()):
            process.kill()
            return True
    return False


def _look(deck: Deck) -> None:
    """As the next verb of a person does."""
    LINKS._failed.clear()
    with suppress(DeckError):
        deck.repair()


def _stand(deck: Deck) -> list[str]:
    return [f"{view.name} {view.host} {view.state} {view.reason}" for view in deck.agents()]


if __name__ == "__main__":
    sys.exit(main("tests.soak.queue_kills", kills, "temporal"))
