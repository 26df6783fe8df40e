"""What a landing costs, as ratios to git's own merge of the same changes in the same run.

    python bench/landing.py [RUNS [few]]

Every landing is of an agent that has just changed some files of the base's newest commit; a branch that changed the
same number of files in the same way is then merged by `git merge --no-ff`. `git merge-tree` computes a merge and moves
nothing. The gate is `true`: what it costs is its worktree and its environment.
"""

from __future__ import annotations

import itertools
import sys
from functools import partial
from pathlib import Path

from common import repository, row, run, timed

BATCH = 10
_marks = itertools.count()


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    is_few = "few" in sys.argv[2:]
    with repository(300):
        singles(runs, 1, 300)
    with repository(3000):
        for changed in (1,) if is_few else (1, 100, 1000):
            singles(runs, changed, 3000)
        if not is_few:
            batch()


def singles(runs: int, changed: int, files: int) -> None:
    ours, gated, merges, trees = [], [], [], []
    for _ in range(runs):
        ours.append(timed(partial(land, agent(changed))))
        gated.append(timed(partial(land, agent(changed), "--gate", "true")))
        branch = bare(changed)
        trees.append(timed(partial(run, "git", "merge-tree", "--write-tree", "main", branch)))
        merges.append(timed(partial(merge, [branch])))
    what = f"{changed:,} of {files:,} files"
    row(f"landing, {what}", ours, "git merge --no-ff", merges, "10 x")
    row(f"landing, {what}", ours, "git merge-tree", trees)
    row(f"landing with a gate, {what}", gated, "git merge --no-ff", merges)


def batch() -> None:
    """Ten agents that changed a file each: in one landing, as a batch and as a queue, and one by one."""
    # No two change the same file: all begin at one commit, and each has to merge with those before it.
    places = itertools.count(1)
    together = [agent(1, first=next(places)) for _ in range(BATCH)]
    singly = [agent(1, first=next(places)) for _ in range(BATCH)]
    branches = [bare(1, first=next(places)) for _ in range(BATCH)]
    queued = [agent(1, first=next(places)) for _ in range(BATCH)]
    ungated = [agent(1, first=next(places)) for _ in range(BATCH)]
    one = timed(lambda: run("agentdeck", "merge", "--batch", "--gate", "true", *together))
    queue = timed(lambda: run("agentdeck", "merge", "--gate", "true", *queued))
    each = timed(lambda: land_in_turn(singly))
    plain = timed(lambda: run("agentdeck", "merge", *ungated))
    by_hand = timed(lambda: merge(branches))
    row(f"landing of {BATCH} agents as a batch, with a gate", [one], f"{BATCH} landings with a gate", [each])
    what = f"landing of {BATCH} agents as a queue, with a gate each"
    row(what, [queue], f"{BATCH} landings with a gate", [each], "5,000 ms")
    row(f"landing of {BATCH} agents as a batch, with a gate", [one], f"{BATCH} x git merge --no-ff", [by_hand])
    row(f"landing of {BATCH} agents as a queue, no gate", [plain], f"{BATCH} x git merge --no-ff", [by_hand], "3 x")


def land(name: str, *options: str) -> None:
    run("agentdeck", "merge", name, *options)


def land_in_turn(names: list[str]) -> None:
    for name in names:
        land(name, "--gate", "true")


def merge(branches: list[str]) -> None:
    for branch in branches:
        run("git", "merge", "-q", "--no-ff", "-m", "Merge", branch)


def agent(changed: int, first: int = 0) -> str:
    name = f"agent-{next(_marks)}"
    run("agentdeck", "run", "-n", name, "--", "true")
    work(Path(".worktrees", name), changed, first)
    return name


def bare(changed: int, first: int = 0) -> str:
    """A branch with changes like an agent's; its name."""
    name = f"bare-{next(_marks)}"
    tree = Path("..", name)
    run("git", "worktree", "add", "-q", "-b", name, str(tree))
    work(tree, changed, first)
    return name


def work(tree: Path, changed: int, first: int) -> None:
    mark = next(_marks)
    for number in range(changed):
        file = tree / f"src/part{(first + number) % 20}/file{first + number}.py"
        file.write_text(file.read_text() + f"more = {mark}\n")
    run("git", "-C", str(tree), "commit", "-qam", "Work")


if __name__ == "__main__":
    main()
