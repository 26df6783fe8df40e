"""Start and removal of an agent beside programs of the same kind that a registry has, in one repository, in turn.

    python bench/peers.py [RUNS]

Installed into build/peers, and left out, with a line that says so, where that can't be:

- devlanes (PyPI): `lane new`, `start` and `lane clean`, asked of a daemon that runs already.
- autowt (PyPI): makes and removes worktrees, and starts nothing: the tmux window is opened by hand.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from functools import partial
from pathlib import Path

from common import BARE, bare_server, repository, row, run, timed

PEERS = Path(__file__).parent.parent / "build" / "peers"
_LANE = "project: bench\nservices:\n  agent:\n    run: sleep 1000\n"


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    devlanes, autowt = from_pypi("devlanes"), from_pypi("autowt")
    with repository():
        bare_server()
        run("agentdeck", "run", "--detach", "-n", "first", "--", "sleep", "1000")
        if devlanes:
            Path("devlanes.yaml").write_text(_LANE)
            run("git", "add", "-A")
            run("git", "commit", "-qm", "A lane")
            run(devlanes, "daemon", "start")
            try:
                compare("devlanes", runs, partial(lane, devlanes), partial(no_lane, devlanes))
            finally:
                run(devlanes, "daemon", "stop", "--yes", check=False)
        if autowt:
            compare("autowt + tmux new-window", runs, partial(tree, autowt), partial(no_tree, autowt))


def compare(peer: str, runs: int, start: Callable[[str], None], remove: Callable[[str], None]) -> None:
    """Start and remove an agent of ours and one of the peer's in turn; each first one is not counted."""
    times: dict[str, list[float]] = {"start": [], "rm": [], "its start": [], "its rm": []}
    for number in range(runs + 1):
        name = f"{peer[:3]}-{number}"
        times["its start"].append(timed(partial(start, f"peer-{name}")))
        times["start"].append(timed(partial(run, "agentdeck", "run", "--detach", "-n", name, "--", "sleep", "1000")))
        times["its rm"].append(timed(partial(remove, f"peer-{name}")))
        times["rm"].append(timed(partial(run, "agentdeck", "rm", "--stop", name)))
    row("start of an agent", times["start"][1:], peer, times["its start"][1:])
    row("rm --stop of an agent that works, saved", times["rm"][1:], f"{peer}, unsaved", times["its rm"][1:])


def lane(devlanes: str, name: str) -> None:
    run(devlanes, "lane", "new", name)
    run(devlanes, "start", "--lane", name)


def no_lane(devlanes: str, name: str) -> None:
    run(devlanes, "lane", "clean", "--yes", name)
    run("git", "worktree", "remove", "--force", next(place for place in worktrees() if Path(place).name.endswith(name)))


def tree(autowt: str, name: str) -> None:
    run(autowt, "switch", "-y", "--terminal", "echo", name)
    place = next(place for place in worktrees() if Path(place).name == name)
    run("tmux", "-L", BARE, "new-window", "-d", "-n", name, "-c", place, "sleep 1000")


def no_tree(autowt: str, name: str) -> None:
    run("tmux", "-L", BARE, "kill-window", "-t", f"bare:{name}")
    run(autowt, "cleanup", "-y", "--force", name, check=False)


def worktrees() -> list[str]:
    listed = subprocess.check_output(["git", "worktree", "list", "--porcelain"], text=True)
    return [line.removeprefix("worktree ") for line in listed.splitlines() if line.startswith("worktree ")]


def from_pypi(name: str) -> str | None:
    program = PEERS / "python" / "bin" / name
    if not program.exists():
        venv.create(PEERS / "python", with_pip=True)
        run(str(program.with_name("python")), "-m", "pip", "install", "-q", name, check=False)
    if os.access(program, os.X_OK):
        return str(program)
    print(f"{name} can't be installed here: left out", flush=True)
    return None


if __name__ == "__main__":
    main()
