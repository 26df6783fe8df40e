"""Random kills between home and two hosts: home itself, its connection, its queue, or all that runs on a host.

    python -m tests.soak.fleet_kills --seed 7 --kills 1000

Each run of an agent makes one commit, and writes down outside of everything that it began and what it committed. After
each kill home looks again. Then no agent runs twice, no start ran more often than it was asked for, each agent that
home has is on its host with its worktree and has its branch here, nothing runs that home does not know, no commit is
lost, and what landed is in the branch once. In the end every list of tasks is over.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

import psutil
import pytest

from agentdeck.core.agents.agent import Phase
from agentdeck.engine.fleet.refreshing import look
from agentdeck.engine.views import AgentView
from agentdeck.errors import DeckError
from agentdeck.system.fleet.links import LINKS
from agentdeck.system.terminal.tmux import Tmux
from tests.soak.acts import Violation
from tests.soak.running import kept, main
from tests.support.cli import PROGRAM
from tests.support.decks import CONFIG, bench_in, world_of
from tests.support.hosts import Fleet

KINDS = ("home", "home", "channel", "host", "queue", "queue")
HOSTS = ("dev1", "dev2")
NAMES = ("ant", "bee", "cat")
LINE = (
    "echo begin {token} >> {ledger}; id={token}.$(date +%s%N); mkdir -p work; echo $id >> work/{token}; git add work; "
    'git commit -qm "Work $id" && echo commit {token} $(git rev-parse HEAD) $id >> {ledger}; sleep 600'
)
TASK = LINE.removesuffix("; sleep 600")
LISTED = """
[[task]]
name = "{token}"
command = ["sh", "-c", {line}]
on = "{host}"
after = {after}
"""
_MOST = 6
"""Agents of lists that may be there before some are removed."""
_SETTLE = 60.0
"""Seconds that home gets to know how everything stands."""
_LOOKS = 5
"""Looks that it gets at least: on a busy machine each takes its time."""
_ALL_OVER = 300.0
"""Seconds that all lists of tasks get to come to their end."""


@dataclass
class Run:
    """What was asked for so far, and what must hold after it."""

    fleet: Fleet
    chance: Random
    ledger: Path
    asked: Counter[str] = field(default_factory=Counter)
    """How often each token's agent was started or resumed."""
    landed: set[str] = field(default_factory=set)
    """Works that a landing said it has landed."""
    queued: set[str] = field(default_factory=set)
    """The tasks of all lists; each is called as its token, and so is its agent."""
    done: Counter[str] = field(default_factory=Counter)

    def token_of(self, view: AgentView) -> str:
        return view.name if view.name in self.queued else view.agent.id

    def works(self) -> dict[str, str]:
        """Each work that an agent committed, and its commit."""
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        return {
            line.split()[3]: line.split()[2] for line in lines if line.startswith("commit") and line.count(" ") == 3
        }


def kills(seed: int, most: int, seconds: float, tell: Callable[[str], object]) -> Counter[str]:
    """So many kills, or as many as the time allows; return what was killed in which act."""
    own = CONFIG.partition("[database]")[0]
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        bench_in(Path(folder), patch, config=own) as bench,
    ):
        fleet = Fleet(bench, Path(folder) / "hosts")
        for name in HOSTS:
            fleet.add(name)
        run = Run(fleet, Random(seed), Path(folder) / "ledger")
        try:
            deadline = time.monotonic() + seconds
            while run.done.total() < most and time.monotonic() < deadline:
                kind = run.chance.choice(KINDS)
                is_full = len(run.queued & {view.name for view in fleet.deck().agents()}) > 2 * _MOST
                act = _list(run) if kind == "queue" and not is_full else _act(run)
                try:
                    if _kill_in(run, act, kind):
                        run.done[f"{kind} in {act[0]}"] += 1
                        if (total := run.done.total()) % 50 == 0:
                            queue = sum(number for what, number in run.done.items() if what.startswith("queue"))
                            works = f"{len(run.works())} commits, {len(run.landed)} of them landed"
                            tell(f"{total} kills, {queue} on the queue, {works}")
                    _check(run)
                except KeyboardInterrupt:
                    return run.done
                except (Violation, OSError, subprocess.SubprocessError) as error:
                    raise Violation(
                        f"after {run.done.total()} kills, the last of {kind} in {act}: {error}; {kept(Path(folder))}"
                    ) from error
            _end_lists(run)
        finally:
            fleet.end()
    return run.done


def _act(run: Run) -> list[str]:
    """A verb that makes sense now."""
    chance, views = run.chance, {view.name: view for view in run.fleet.deck().agents()}
    listed = sorted(run.queued & views.keys())
    if len(listed) > _MOST:
        return ["rm", "--stop", "-y", *chance.sample(listed, 5)]
    name = chance.choice([*NAMES, *listed])
    if name not in views:
        if chance.random() < 0.1:
            return ["undo"]
        token = f"{name}-{chance.randrange(10**9)}"
        run.asked[token] += 1
        started = ["run", "-d", "--on", chance.choice(HOSTS), "-n", name, "--id", token]
        return [*started, "--", "sh", "-c", LINE.format(token=token, ledger=shlex.quote(str(run.ledger)))]
    if views[name].alive:
        return chance.choice([["stop", name], ["rm", "--stop", "-y", name], ["merge", "--stop", name]])
    act = chance.choice([["resume", name], ["rm", "-y", name], ["merge", name]])
    if act[0] == "resume":
        run.asked[run.token_of(views[name])] += 1
    return act


def _list(run: Run) -> list[str]:
    """The verb that begins a list of three tasks, the last of which waits for the first."""
    tokens = [f"q{run.chance.randrange(10**9)}" for _ in range(3)]
    text = ""
    for token in tokens:
        line = json.dumps(TASK.format(token=token, ledger=shlex.quote(str(run.ledger))))
        after = json.dumps(tokens[:1] if token == tokens[-1] else [])
        text += LISTED.format(token=token, line=line, host=run.chance.choice(HOSTS), after=after)
    run.queued |= {*tokens}
    run.asked.update(tokens)
    path = run.ledger.with_name("tasks.toml")
    path.write_text(text)
    return ["run", "-d", "-f", str(path)]


def _windows(run: Run) -> list[int]:
    """The processes at work on lists."""
    return [each.pid for each in world_of(run.fleet.deck()).tmux.windows() if " tasks-" in each.name]


def _end_lists(run: Run) -> None:
    """Raise Violation unless every list comes to its end."""
    deadline = time.monotonic() + _ALL_OVER
    while going := [each.id for each in run.fleet.deck().tasks.all() if not each.over]:
        if time.monotonic() > deadline:
            raise Violation(f"{going} come to no end")
        with suppress(DeckError):
            run.fleet.deck().repair()
        time.sleep(1)
    _check(run)


def _kill_in(run: Run, act: list[str], kind: str) -> bool:
    """Return whether something was there to be killed."""
    null, name, fleet = subprocess.DEVNULL, act[-1], run.fleet
    works = set(run.works())
    token = next((run.token_of(view) for view in fleet.deck().agents() if view.name == name), "")
    child = subprocess.Popen([*PROGRAM, *act], cwd=fleet.bench.root, stdin=null, stdout=null, stderr=null)
    with suppress(subprocess.TimeoutExpired):
        child.wait(90 if kind == "queue" else run.chance.uniform(0.1, 2.5))
    hit = kind == "host" or child.poll() is None
    if kind == "host":
        fleet.power_cut(run.chance.choice(HOSTS))
    elif kind == "queue":
        _until(lambda: bool(_windows(run)), 5)
        time.sleep(run.chance.uniform(0.0, 2.5))
        working = _windows(run)
        hit = bool(working)
        for pid in working:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    elif kind == "channel":
        with suppress(psutil.Error):
            for each in psutil.Process(child.pid).children(recursive=True):
                each.kill()
    else:
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
    try:
        code = child.wait(90)
    except subprocess.TimeoutExpired as error:
        told = _stacks(child.pid)
        child.kill()
        raise Violation(f"{act} hangs\n{told}") from error
    if act[0] == "undo" and code != 1:
        run.landed.clear()
    if act[0] == "merge" and code == 0:
        run.landed |= {work for work in works if work.startswith(f"{token}.")}
    return hit


def _stacks(pid: int) -> str:
    """What the process, and those that it started, are at; with py-spy in the PATH, line by line."""
    told = ""
    with suppress(psutil.Error):
        for each in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            told += f"{each.pid} {shlex.join(each.cmdline())}\n"
            if spy := shutil.which("py-spy"):
                words = [spy, "dump", "--pid", str(each.pid)]
                told += subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return told


def _until(there: Callable[[], bool], seconds: float) -> None:
    """Wait until it is there, at most so long."""
    deadline = time.monotonic() + seconds
    while not there() and time.monotonic() < deadline:
        time.sleep(0.05)


def _check(run: Run) -> None:
    """Raise Violation where it does not come right in time."""
    fleet = run.fleet
    deadline = time.monotonic() + _SETTLE
    for looks in count():
        LINKS._failed.clear()
        deck = fleet.deck()
        with suppress(DeckError):
            deck.repair()
        time.sleep(0.2)
        for host in deck.fleet.hosts():
            with suppress(DeckError):
                look(deck._world, host)
        wrong = _wrong(run) or _lost(run)
        if not wrong:
            return
        if time.monotonic() > deadline and looks >= _LOOKS:
            raise Violation(wrong)
        time.sleep(0.4)


def _wrong(run: Run) -> str:
    fleet, names = run.fleet, {*NAMES, *run.queued}
    running = [
        (window.name, host)
        for host in HOSTS
        for window in Tmux(fleet.socket(host)).windows()
        if window.name in names and psutil.pid_exists(window.pid)
    ]
    views = {view.name: view for view in fleet.deck().agents()}
    for name, number in Counter(name for name, _ in running).items():
        if number > 1:
            return f"{name} runs {number} times"
    for name, host in running:
        if name not in views or views[name].host != host:
            return f"{name} runs on {host}, which home does not know"
    for name, view in views.items():
        if view.agent.phase is not Phase.HELD or view.unreachable:
            return f"{name} is {view.agent.phase}, {view.reason}"
        if view.alive and (name, view.host) not in running:
            return f"{name} is said to be alive, and does not run"
        lease = view.agent.worktree
        if lease is None or fleet.bench.deck()._world.repo.commit(f"refs/heads/{lease.branch}") is None:
            return f"{name} has no branch at home"
    return _without_worktree(fleet)


def _without_worktree(fleet: Fleet) -> str:
    for host in HOSTS:
        with suppress(ValueError, DeckError):
            deck = fleet.there(host)
            for view in deck.agents():
                if view.worktree is None or not view.worktree.is_dir():
                    return f"the worktree of {view.name} is gone on {host}"
    return ""


def _lost(run: Run) -> str:
    """What of the agents' work is gone, or there twice."""
    begun = (
        Counter(line for line in run.ledger.read_text().splitlines() if line.startswith("begin"))
        if run.ledger.exists()
        else Counter()
    )
    for line, number in begun.items():
        if number > run.asked[line.split()[1]]:
            return f"{line} {number} times, and was asked for {run.asked[line.split()[1]]} times"
    home = run.fleet.bench.root
    clones = [home, *(run.fleet.folder.glob("*/.local/state/agentdeck/decks/*@*[!k]"))]
    kept = set[str]()
    for clone in clones:
        told = subprocess.run(["git", "rev-list", "--all"], cwd=clone, capture_output=True, text=True, check=False)
        if told.returncode:
            return f"git can't tell the commits of {clone}: {told.stderr}"
        kept |= {*told.stdout.split()}
    tree = subprocess.run(
        ["git", "grep", "-h", "-e", ".", "main", "--", "work"], cwd=home, capture_output=True, text=True, check=False
    )
    landed = Counter(tree.stdout.split())
    for work, commit in run.works().items():
        if commit not in kept and work not in landed:
            return f"the commit {commit} of {work} is lost"
    if missing := run.landed - landed.keys():
        return f"{sorted(missing)} landed, and is not in main"
    twice = [work for work, number in landed.items() if number > 1]
    return f"{twice} is in main twice" if twice else ""


if __name__ == "__main__":
    sys.exit(main("tests.soak.fleet_kills", kills))
