"""How long the verbs take, as ratios to yardsticks measured in the same run.

    python bench/verbs.py [AGENTS]

Yardsticks: `python -I -c pass` and `git worktree list` for the verbs; a bare `git worktree add` plus `tmux new-window`
for the start of an agent. Each figure is the median of several runs, in turn with its yardstick.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

RUNS = 9
FILES = 300


def main() -> None:
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory(prefix="agentdeck bench ") as folder:
        surroundings(Path(folder))
        repository = Path(folder) / "project"
        make_repository(repository)
        os.chdir(repository)
        try:
            starts(agents)
            verbs(agents)
        finally:
            run("tmux", "-L", "agentdeck-bench-bare", "kill-server", check=False)
            run("agentdeck", "stop", "--all", check=False)
            run("tmux", "-L", os.environ["AGENTDECK_TMUX_SOCKET"], "kill-server", check=False)


def surroundings(folder: Path) -> None:
    os.environ.update(
        HOME=str(folder),
        XDG_STATE_HOME=str(folder / "state"),
        XDG_CONFIG_HOME=str(folder / "config"),
        AGENTDECK_TMUX_SOCKET=f"agentdeck-bench-{os.getpid()}",
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        GIT_AUTHOR_NAME="B",
        GIT_AUTHOR_EMAIL="b@example.org",
        GIT_COMMITTER_NAME="B",
        GIT_COMMITTER_EMAIL="b@example.org",
    )


def make_repository(path: Path) -> None:
    path.mkdir()
    run("git", "init", "-q", "-b", "main", str(path))
    for number in range(FILES):
        file = path / f"src/part{number % 20}/file{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"value = {number}\n" * 40)
    run("git", "-C", str(path), "add", "-A")
    run("git", "-C", str(path), "commit", "-qm", "Start")


def run(*argv: str, check: bool = True) -> None:
    subprocess.run(argv, check=check, capture_output=True)


def timed(act: Callable[[], None]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def starts(agents: int) -> None:
    """Start `agents` one after the other, each beside a bare worktree and window."""
    run("tmux", "-L", "agentdeck-bench-bare", "-f", "/dev/null", "new-session", "-d", "-s", "bare", "sleep 1000")
    ours, bare = [], []
    for number in range(agents):

        def by_hand(number: int = number) -> None:
            run("git", "worktree", "add", "-q", "-b", f"bare{number}", f"../bare{number}")
            run("tmux", "-L", "agentdeck-bench-bare", "new-window", "-d", "-t", "bare", "sleep 1000")

        bare.append(timed(by_hand))
        argv = ("agentdeck", "run", "--detach", "-n", f"agent-{number}", "--", "sleep", "1000")
        ours.append(timed(lambda argv=argv: run(*argv)))  # type: ignore[misc]
    for count in sorted({1, min(10, agents), agents}):
        print(
            row(f"start, agent {count} of {agents}", ours[max(0, count - 5) : count], bare[max(0, count - 5) : count])
        )


def verbs(agents: int) -> None:
    python = [sys.executable, "-I", "-c", "pass"]
    for words in (["--help"], ["version"], ["ls"], ["ls", "--json"], ["show", "agent-0"]):
        samples: dict[str, list[float]] = {"ours": [], "python": [], "git": []}
        for _ in range(RUNS):
            samples["ours"].append(timed(lambda words=words: run("agentdeck", *words)))  # type: ignore[misc]
            samples["python"].append(timed(lambda: run(*python)))
            samples["git"].append(timed(lambda: run("git", "worktree", "list")))
        name = f"agentdeck {' '.join(words)}, {agents} agents"
        print(row(f"{name}, to python -c pass", samples["ours"], samples["python"]))
        print(row(f"{name}, to git worktree list", samples["ours"], samples["git"]))


def row(what: str, ours: list[float], yardstick: list[float]) -> str:
    mine, other = statistics.median(ours), statistics.median(yardstick)
    return f"{what:62} {mine * 1000:8.1f} ms {other * 1000:8.1f} ms {mine / other:6.2f} x"


if __name__ == "__main__":
    main()
