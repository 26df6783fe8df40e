"""What a removal and its undo cost, as ratios to git's own in the same run.

    python bench/removal.py [FILES]

A removal saves all that the worktree holds before anything is deleted; `git worktree remove --force` saves nothing.
What git ignores is not saved, as by default; its files are deleted in the background, and git waits for them.
`git worktree add` writes the files that an undo writes.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from common import repository, row, run, timed

RUNS = 5
BIG, IGNORED = 30_000, 100_000


def main() -> None:
    share = int(sys.argv[1]) / BIG if len(sys.argv) > 1 else 1.0
    with repository(300):
        removals(300, 0, RUNS if share == 1 else 2)
        removals(300, int(IGNORED * share), 1)
    with repository(int(BIG * share)):
        undo(int(BIG * share))


def removals(files: int, ignored: int, runs: int) -> None:
    ours, theirs = [], []
    for number in range(runs):
        name = f"agent-{ignored}-{number}"
        run("agentdeck", "run", "-n", name, "--", "true")
        fill(Path(".worktrees", name), ignored)
        bare = Path("..", f"bare-{ignored}-{number}")
        run("git", "worktree", "add", "-q", "-b", bare.name, str(bare))
        fill(bare, ignored)
        theirs.append(timed(partial(run, "git", "worktree", "remove", "--force", str(bare))))
        ours.append(timed(partial(run, "agentdeck", "rm", name)))
    what = f"rm, {files:,} files" + (f" and {ignored:,} ignored" if ignored else "")
    row(what, ours, "git worktree remove --force", theirs, "" if ignored else "150 ms")


def fill(tree: Path, ignored: int) -> None:
    """Put files into the worktree that git ignores, in folders of a thousand."""
    if ignored:
        exclude = Path(".git/info/exclude")
        if "/node_modules/" not in exclude.read_text():
            exclude.write_text(exclude.read_text() + "/node_modules/\n")
    for number in range(ignored):
        file = tree / f"node_modules/part{number // 1000}/file{number}.js"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x\n")


def undo(files: int) -> None:
    run("agentdeck", "run", "-n", "agent", "--", "true")
    run("agentdeck", "rm", "agent")
    theirs = timed(partial(run, "git", "worktree", "add", "-q", "-b", "bare", "../bare"))
    ours = timed(partial(run, "agentdeck", "undo"))
    row(f"undo of a removal, {files:,} files", [ours], "git worktree add", [theirs], "1 x")


if __name__ == "__main__":
    main()
