"""How long the verbs take, as ratios to yardsticks measured in the same run.

    python bench/verbs.py [AGENTS]

Yardsticks: `python -I -c pass` and `git worktree list` for the verbs; a bare `git worktree add` plus `tmux new-window`
for the start of an agent, alone and of many from one file. Each figure is the median of several runs, in turn with its
yardstick; a batch is started once.
"""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from common import BARE, bare_server, counted, repository, row, run, timed

RUNS = 7
MANY_FILES = 10_000


def main() -> None:
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    some = min(10, agents)
    with repository():
        bare_server()
        start_singly("start of the first agent", 0, 1)
        verbs(1)
        start_singly(f"start of an agent, up to {some} in turn", 1, some, "5 x")
        verbs(some)
        if agents > some:
            start_together(some, agents)
            verbs(agents)
            start_singly(f"start of an agent beside {agents}", agents, agents + 3, "5 x")
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


if __name__ == "__main__":
    main()
