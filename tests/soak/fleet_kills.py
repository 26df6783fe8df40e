"""Random kills between home and two hosts: home itself, its connection, or all that runs on a host.

    python -m tests.soak.fleet_kills --seed 7 --kills 1000

After each kill home looks again. Then no agent runs twice, each that home has is on its host with its worktree, and
nothing runs that home does not know.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import pytest

from agentdeck.core.agents.agent import Phase
from agentdeck.errors import DeckError
from agentdeck.system.fleet.links import LINKS
from tests.support.cli import PROGRAM
from tests.support.decks import CONFIG, bench_in
from tests.support.hosts import Fleet

HOSTS = ("dev1", "dev2")
NAMES = ("ant", "bee", "cat")
LINE = (
    'test -e $AGENTDECK_AGENT || { touch $AGENTDECK_AGENT; git add .; git commit -qm "Work of $AGENTDECK_AGENT"; }; '
    "sleep 600"
)
_SETTLE = 60.0
"""Seconds that home gets to know how everything stands."""


class Violation(AssertionError):
    """Something that must never be."""


def kills(seed: int, count: int, seconds: float) -> Counter[str]:
    """So many kills, or as many as the time allows; return what was killed in which act."""
    chance, done = Random(seed), Counter[str]()
    own = CONFIG.partition("[database]")[0]
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        bench_in(Path(folder), patch, config=own) as bench,
    ):
        fleet = Fleet(bench, Path(folder) / "hosts")
        for name in HOSTS:
            fleet.add(name)
        try:
            deadline = time.monotonic() + seconds
            while done.total() < count and time.monotonic() < deadline:
                kind, act = chance.choice(("home", "home", "channel", "host")), _act(fleet, chance)
                _kill_in(fleet, act, kind, chance)
                done[f"{kind} in {act[0]}"] += 1
                _check(fleet)
        finally:
            fleet.end()
    return done


def _act(fleet: Fleet, chance: Random) -> list[str]:
    """A verb that makes sense now."""
    views = {view.name: view for view in fleet.deck().agents()}
    name = chance.choice(NAMES)
    if name not in views:
        started = ["run", "-d", "--on", chance.choice(HOSTS), "-n", name, "--id", f"{name}-{chance.randrange(10**9)}"]
        return [*started, "--", "sh", "-c", LINE]
    if views[name].alive:
        return chance.choice([["stop", name], ["rm", "--stop", "-y", name], ["merge", "--stop", name]])
    return chance.choice([["resume", name], ["rm", "-y", name], ["merge", name]])


def _kill_in(fleet: Fleet, act: list[str], kind: str, chance: Random) -> None:
    null = subprocess.DEVNULL
    child = subprocess.Popen([*PROGRAM, *act], cwd=fleet.bench.root, stdin=null, stdout=null, stderr=null)
    with suppress(subprocess.TimeoutExpired):
        child.wait(chance.uniform(0.2, 3.0))
    if kind == "host":
        fleet.power_cut(chance.choice(HOSTS))
    elif kind == "channel":
        with suppress(psutil.Error):
            for each in psutil.Process(child.pid).children(recursive=True):
                each.kill()
    else:
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
    try:
        child.wait(90)
    except subprocess.TimeoutExpired as error:
        child.kill()
        raise Violation(f"{act} hangs") from error


def _check(fleet: Fleet) -> None:
    """Raise Violation where it does not come right in time."""
    deadline = time.monotonic() + _SETTLE
    while True:
        LINKS._failed.clear()
        deck = fleet.deck()
        with suppress(DeckError):
            deck.repair()
        time.sleep(0.2)
        deck.fleet.refresh()
        wrong = _wrong(fleet)
        if not wrong:
            return
        if time.monotonic() > deadline:
            raise Violation(wrong)
        time.sleep(1.6)


def _wrong(fleet: Fleet) -> str:
    from agentdeck.system.terminal.tmux import Tmux

    running = [
        (window.name, host)
        for host in HOSTS
        for window in Tmux(fleet.socket(host)).windows()
        if window.name in NAMES and psutil.pid_exists(window.pid)
    ]
    views = {view.name: view for view in fleet.deck().agents()}
    for name, count in Counter(name for name, _ in running).items():
        if count > 1:
            return f"{name} runs {count} times"
    for name, host in running:
        if name not in views or views[name].host != host:
            return f"{name} runs on {host}, which home does not know"
    for name, view in views.items():
        if view.agent.phase is not Phase.HELD or view.unreachable:
            return f"{name} is {view.agent.phase}, {view.reason}"
        if view.alive and (name, view.host) not in running:
            return f"{name} is said to be alive, and does not run"
    return _without_worktree(fleet)


def _without_worktree(fleet: Fleet) -> str:
    for host in HOSTS:
        with suppress(ValueError, DeckError):
            deck = fleet.there(host)
            for view in deck.agents():
                if view.worktree is None or not view.worktree.is_dir():
                    return f"the worktree of {view.name} is gone on {host}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.fleet_kills")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=120)
    args = parser.parse_args()
    sys.stdout.write(f"seed {args.seed}\n")
    sys.stdout.flush()
    try:
        done = kills(args.seed, args.kills, 60 * args.minutes)
    except Violation as error:
        sys.stdout.write(f"violation: {error}\n")
        return 1
    sys.stdout.write("\n".join(f"{count:5} {what}" for what, count in sorted(done.items())) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
