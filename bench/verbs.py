"""How long the verbs take, as ratios to yardsticks measured in the same run.

    python bench/verbs.py [AGENTS]

Yardsticks: `python -I -c pass` and `git worktree list` for the verbs; a bare `git worktree add` plus `tmux new-window`
for the start of an agent, alone, of many from one file, and by a process that lives already, as the dashboard,
`run -f`, MCP and `host serve` do. Each figure is the median of several runs, in turn with its yardstick; a batch is
started once. Memory is what the kernel calls proportional: what processes share is divided among them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
from common import BARE, bare_server, counted, repository, row, run, tell, timed

RUNS = 7
MANY_FILES = 10_000
FIRST = 2.5
"""Seconds after the start of an agent in which nothing is typed to it yet."""
LIVING = """
import sys, time
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import StartRequest
deck = Deck.find()
for line in sys.stdin:
    begun = time.perf_counter()
    deck.start(StartRequest(name=line.strip(), argv=("sleep", "1000")))
    print(time.perf_counter() - begun, flush=True)
"""


def main() -> None:
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    some = min(10, agents)
    with repository():
        bare_server()
        start_singly("start of the first agent", 0, 1)
        verbs(1)
        start_singly(f"start of an agent, up to {some} in turn", 1, some, "5 x")
        start_by_living(some)
        send_and_stop(some)
        verbs(some)
        if agents > some:
            start_together(some, agents)
            verbs(agents)
            start_singly(f"start of an agent beside {agents}", agents, agents + 3, "5 x")
        runners()
    if agents > some:
        with repository(MANY_FILES):
            bare_server()
            start_singly(f"start of an agent, {MANY_FILES:,} files", 0, 3)


def start_singly(what: str, first: int, end: int, goal: str = "") -> None:
    ours, bare = [], []
    for number in range(first, end):
        bare.append(timed(partial(by_hand, number, number + 1)))
        argv = ("agentdeck", "run", "--detach", "-n", f"agent-{number}", "--", "sleep", "1000")
        ours.append(timed(partial(run, *argv)))
    row(what, ours, "git worktree add + tmux new-window", bare, goal)


def start_by_living(count: int) -> None:
    ours, bare = [], []
    argv = [sys.executable, "-I", "-c", LIVING]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as living:
        assert living.stdin is not None
        assert living.stdout is not None
        for number in range(count + 1):  # at the first one it loads what it needs
            bare.append(timed(partial(by_hand, 1000 + number, 1001 + number)))
            living.stdin.write(f"living-{number}\n")
            living.stdin.flush()
            ours.append(float(living.stdout.readline()))
        living.stdin.close()
    row("start of an agent by a process that lives", ours[1:], "git worktree add + tmux new-window", bare[1:], "2 x")
    run("agentdeck", "rm", "--stop", *(f"living-{number}" for number in range(count + 1)))


def send_and_stop(agents: int) -> None:
    sends, stops, python = [], [], []
    names = [f"read-{number}" for number in range(agents)]
    for name in names:
        run("agentdeck", "run", "--detach", "-n", name, "--", "cat")
    time.sleep(FIRST)
    for name in names:
        python.append(timed(lambda: run(sys.executable, "-I", "-c", "pass")))
        sends.append(timed(partial(run, "agentdeck", "send", name, "hello")))
        stops.append(timed(partial(run, "agentdeck", "stop", name)))
    run("agentdeck", "rm", *names)
    row("agentdeck send to one that reads", sends, "python -I -c pass", python)
    row("agentdeck stop of one that ends at once", stops, "python -I -c pass", python)


def runners() -> None:
    """What each agent's runner and guardian take of the memory, and how soon a runner has its lock."""
    from agentdeck.engine.deck import Deck

    found = [psutil.Process(view.status.runner_pid) for view in Deck.find().agents() if view.status.runner_pid]
    held = sum(memory(each) + memory(each.parent() or each) for each in found) / len(found)
    with subprocess.Popen(
        [sys.executable, "-I", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as sleeping:
        time.sleep(0.5)
        bare = memory(psutil.Process(sleeping.pid))
    what = f"runner and guardian, each of {counted(len(found))}"
    tell(what, f"{held:.1f} MB", "a sleeping Python", f"{bare:.1f} MB", f"{held / bare:.2f} x", "7 MB")
    python = [timed(lambda: run(sys.executable, "-I", "-c", "pass")) for _ in range(RUNS)]
    row("a runner, to its lock", [to_lock(number) for number in range(RUNS)], "python -I -c pass", python, "50 ms")


def memory(process: psutil.Process) -> float:
    return process.memory_full_info().pss / 1e6


def to_lock(number: int) -> float:
    folder = Path.cwd().parent / f"runner-{number}"
    folder.mkdir()
    begun = time.perf_counter()
    argv = [sys.executable, "-I", "-m", "agentdeck.engine.runner", str(folder / "orders.json")]
    call = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    while not (folder / "runner.lock").exists():
        time.sleep(0.0005)
    took = time.perf_counter() - begun
    call.wait()  # it has no orders
    return took


def start_together(first: int, end: int) -> None:
    theirs = timed(lambda: by_hand(first, end))
    rest = end - first
    row(f"start of {rest} more from one file", [together(Path.cwd(), first, end)], f"{rest} of both", [theirs], "2 x")


def by_hand(first: int, end: int) -> None:
    for number in range(first, end):
        run("git", "worktree", "add", "-q", "-b", f"bare{number}", f"../bare{number}")
        run("tmux", "-L", BARE, "new-window", "-d", "-t", "bare", "sleep 1000")


def together(root: Path, first: int, end: int) -> float:
    """Seconds until the programs of all agents from one file run."""
    tasks = root.parent / "tasks.toml"
    started = root.parent / "started"
    started.mkdir()
    (root / "agentdeck.toml").write_text("[queue]\nmax_load = 1000\n")  # what is measured must not wait for the load
    script = f"touch '{started}/'$AGENTDECK_AGENT; exec sleep 1000"
    tasks.write_text(
        "".join(f'[[task]]\nname = "agent-{n}"\ncommand = ["sh", "-c", "{script}"]\n' for n in range(first, end))
    )
    told = root.parent / "told"
    begun = time.perf_counter()
    with told.open("wb") as file:  # a pipe that nobody reads would stop a long batch
        argv = ["agentdeck", "run", "-f", str(tasks), "--jobs", "1000"]
        call = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=file)
    try:
        while len(list(started.iterdir())) < end - first:
            if call.poll() is not None or time.perf_counter() - begun > 300:
                raise SystemExit(f"they did not all start: {told.read_text()}")
            time.sleep(0.02)
        return time.perf_counter() - begun
    finally:
        call.kill()  # the agents go on
        call.wait()


def verbs(agents: int) -> None:
    for words in (["--help"], ["version"], ["ls"], ["ls", "--json"], ["show", "agent-0"]):
        ours, python, git = [], [], []
        for _ in range(RUNS):
            ours.append(timed(partial(run, "agentdeck", *words)))
            python.append(timed(lambda: run(sys.executable, "-I", "-c", "pass")))
            git.append(timed(lambda: run("git", "worktree", "list")))
        name = f"agentdeck {' '.join(words)}, {counted(agents)}"
        row(name, ours, "python -I -c pass", python)
        row(name, ours, "git worktree list", git)
    checks = [timed(partial(run, "agentdeck", "doctor", check=False)) for _ in range(RUNS)]
    row(f"agentdeck doctor, {counted(agents)}", checks, "git worktree list", git, "300 ms" if agents >= 50 else "")


if __name__ == "__main__":
    main()
