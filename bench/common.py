"""What all benches share: throw-away surroundings, a repository, the clock and the lines that are told.

A line has what was measured, the median of ours, that of its yardstick from the same run, in turn with ours, their
ratio, and the goal for one of them where there is one. `AGENTDECK_BENCH_ROWS` names a file to which the lines are also
written, one JSON object each.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROWS = "AGENTDECK_BENCH_ROWS"
BARE = f"agentdeck-bench-bare-{os.getpid()}"
"""The tmux server of the yardsticks."""


@contextmanager
def repository(files: int = 300) -> Iterator[Path]:
    """A repository in a home of its own, with tmux servers of its own; all of it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="agentdeck bench ", ignore_cleanup_errors=True) as folder:
        surroundings(Path(folder))
        path = Path(folder) / "project"
        make_repository(path, files)
        os.chdir(path)
        try:
            yield path
        finally:
            run("agentdeck", "-C", str(path), "stop", "--all", check=False)
            for socket in (os.environ["AGENTDECK_TMUX_SOCKET"], BARE):
                end_server(socket)
            os.chdir("/")


def end_server(socket: str) -> None:
    """End the tmux server and take its socket away, which tmux leaves."""
    run("tmux", "-L", socket, "kill-server", check=False)
    Path(f"/tmp/tmux-{os.getuid()}", socket).unlink(missing_ok=True)


def surroundings(folder: Path) -> None:
    # AgentDeck's server is in tmux's usual place, whatever a person has set; and no other repository is meant.
    for name in [name for name in os.environ if name.startswith(("GIT_", "TMUX"))]:
        del os.environ[name]
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
    # As installed: where this is set, a checkout would be compiled at every start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def make_repository(path: Path, files: int) -> None:
    path.mkdir()
    run("git", "init", "-q", "-b", "main", str(path))
    for number in range(files):
        file = path / f"src/part{number % 20}/file{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"value = {number}\n" * 40)
    run("git", "-C", str(path), "add", "-A")
    run("git", "-C", str(path), "commit", "-qm", "Start")


def run(*argv: str, check: bool = True) -> None:
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if check and done.returncode:
        raise SystemExit(f"{' '.join(argv)[:200]}: exit {done.returncode}\n{done.stdout}{done.stderr}")


def bare_server() -> None:
    """Start the tmux server of the yardsticks; `repository` ends it."""
    run("tmux", "-L", BARE, "-f", "/dev/null", "new-session", "-d", "-s", "bare", "sleep 1000")


def timed(act: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def row(what: str, ours: list[float], yardstick: str, theirs: list[float], goal: str = "") -> None:
    """Tell of seconds."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    tell(what, milli(mine), yardstick, milli(other), f"{mine / other:.2f} x" if other else "", goal)


def tell(what: str, ours: str, yardstick: str = "", theirs: str = "", ratio: str = "", goal: str = "") -> None:
    print(f"{what:62} {ours:>16}   {yardstick:40} {theirs:>16} {ratio:>9} {goal:>9}".rstrip(), flush=True)
    if path := os.environ.get(ROWS):
        with Path(path).open("a") as file:
            file.write(json.dumps([what, ours, yardstick, theirs, ratio, goal]) + "\n")


def counted(agents: int) -> str:
    return f"{agents} agents" if agents > 1 else "1 agent"


def milli(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds >= 0.01 else f"{seconds * 1000:.2f} ms"
