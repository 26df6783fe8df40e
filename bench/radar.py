"""What the conflict radar costs, as ratios to yardsticks measured in the same run.

    python bench/radar.py [AGENTS FILES]

Every agent has changed some files of its own and some that others change too, half of it uncommitted. Yardsticks:
`git status` of one worktree, and one `git merge-tree` of two branches. Each figure is the median of several runs, in
turn with its yardsticks.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from common import repository, row, run, timed

from agentdeck.core.merging.radar import Verdict
from agentdeck.engine.deck import Deck
from agentdeck.engine.radar.radar import Radar, to_land

RUNS = 5
SIZES = [(5, 3000), (20, 300), (20, 3000), (20, 20_000), (50, 3000)]
"""Agents and files."""


def main() -> None:
    sizes = [(int(sys.argv[1]), int(sys.argv[2]))] if len(sys.argv) > 2 else SIZES
    for agents, files in sizes:
        with repository(files) as root:
            make_shared()
            make_agents(agents)
            measure(Deck.find(root), agents, files)


def make_shared() -> None:
    """Files whose lines differ, for git to tell them apart."""
    for number in range(11):
        Path(f"shared{number}.py").write_text("".join(f"value{line} = {line}\n" for line in range(100)))
    run("git", "add", "-A")
    run("git", "commit", "-qm", "Shared")


def make_agents(agents: int) -> None:
    for number in range(agents):
        run("agentdeck", "run", "-n", f"agent-{number}", "--", "true")
        work(number)


def work(number: int) -> None:
    """Each two collide in one file, and all touch another one in places of their own."""
    tree = Path(".worktrees", f"agent-{number}")
    edit(tree / f"shared{number // 2 % 10}.py", 1, f"agent {number}")
    edit(tree / "shared10.py", number * 4 % 100, f"agent {number}")
    (tree / f"new{number}.py").write_text("value = 1\n")
    run("git", "-C", str(tree), "add", "-A")
    if number % 2:
        run("git", "-C", str(tree), "commit", "-qm", "Work")
    (tree / f"more{number}.py").write_text("value = 2\n")


def edit(file: Path, line: int, text: str) -> None:
    lines = file.read_text().splitlines()
    lines[line] = text
    file.write_text("\n".join(lines) + "\n")


def measure(deck: Deck, agents: int, files: int) -> None:
    views = to_land(deck.agents())
    one = str(views[0].worktree)
    cache = deck.store.folder / "radar"
    kept = Radar(deck._world)
    count = 0

    def first() -> None:
        shutil.rmtree(cache, ignore_errors=True)
        Radar(deck._world).scan(views)

    def change() -> None:
        nonlocal count
        count += 1
        Path(one, "src/part5/file5.py").write_text(f"value = {count}\n" * 40)

    def changed_told() -> None:
        kept.scan(views, changed={views[0].name})

    acts: list[tuple[str, Callable[[], None], Callable[[], None]]] = [
        ("first scan, nothing kept", lambda: None, first),
        ("nothing changed, new process", lambda: None, lambda: bool(Radar(deck._world).scan(views))),  # type: ignore[list-item]
        ("one agent changed, new process", change, lambda: bool(Radar(deck._world).scan(views))),  # type: ignore[list-item]
        ("one agent changed, told which", change, changed_told),
    ]
    report = Radar(deck._world).scan(views)
    kinds = [pair.verdict for pair in report.pairs]
    print(f"{agents} agents, {files:,} files, {len(kinds)} pairs: {kinds.count(Verdict.CONFLICTS)} conflict,"
          f" {kinds.count(Verdict.TOUCHES)} touch the same files")  # fmt: skip
    for name, before, act in acts:
        samples: dict[str, list[float]] = {"ours": [], "status": [], "merge": []}
        for _ in range(RUNS):
            before()
            samples["ours"].append(timed(act))
            samples["status"].append(timed(lambda: run("git", "-C", one, "status", "--porcelain")))
            tips = [f"refs/heads/{view.branch}" for view in views[:2]]
            samples["merge"].append(timed(partial(run, "git", "merge-tree", "--write-tree", *tips, check=False)))
        what = f"radar of {agents}, {files:,} files, {name}"
        row(what, samples["ours"], "git status of one worktree", samples["status"])
        row(what, samples["ours"], "git merge-tree of two branches", samples["merge"])


if __name__ == "__main__":
    main()
