"""A whole deck at one moment: compared with another moment, kept, and put back as it was."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from agentdeck.system.machine.ports import PortRegistry
from tests.support.decks import Bench
from tests.support.pictures import Picture, picture

_VOLATILE = ("# branch.oid", "# branch.ab", "# branch.upstream")


@dataclass(frozen=True)
class World:
    """Commits are told by their trees, for the same thing done twice gives them other ids."""

    branches: tuple[str, ...]
    main: Picture
    worktrees: dict[str, Picture]
    agents: dict[str, tuple[str, str, bool, tuple[str, ...]]]
    """State, phase, whether it landed, what it holds."""
    ports: tuple[str, ...]
    records: tuple[str, ...]
    """git's records of worktrees, those whose folder is gone among them."""


def world_of(bench: Bench) -> World:
    deck = bench.deck()
    agents = {
        view.name: (
            str(view.state),
            str(view.agent.phase),
            view.agent.landed is not None,
            tuple(lease.kind for lease in view.agent.leases),
        )
        for view in deck.agents()
    }
    return World(
        branches=tuple(bench.git("for-each-ref", "--format=%(refname:short) %(tree)", "refs/heads").splitlines()),
        main=_without_ids(picture(bench.root), ".worktrees"),
        worktrees={
            path: _without_ids(picture(Path(path)), ".agentdeck")
            for path in bench.worktrees()
            if path != str(bench.root) and Path(path).is_dir()
        },
        agents=agents,
        ports=tuple(sorted(lease.agent for lease in registry(bench).owners())),
        records=tuple(sorted(bench.worktrees())),
    )


def _without_ids(whole: Picture, left_out: str) -> Picture:
    status = "\n".join(line for line in whole.status.splitlines() if not line.startswith(_VOLATILE))
    files = {name: found for name, found in whole.files.items() if Path(name).parts[0] != left_out}
    return Picture(status, whole.index, files, whole.head)


def registry(bench: Bench) -> PortRegistry:
    return PortRegistry(bench.home / ".local/state/agentdeck/ports.json")


def leftovers(bench: Bench) -> list[str]:
    """What no verb may leave behind: locks, journals, temporary worktrees, windows, ports and refs."""
    git = bench.root / ".git"
    files = [path for pattern in ("*.lock", "agentdeck-index*") for path in git.rglob(pattern)]
    found = [str(path) for path in files if "agentdeck" not in path.relative_to(git).parts]
    folder = git / "agentdeck"
    found += [str(path) for path in [*folder.glob("bases/*.json"), *folder.glob("landings/*.lock")]]
    found += [str(path) for path in [folder / "steps/undo"] if path.exists()]
    ours = ("gate-", "resolve-")
    found += [name for name in [*bench.windows(), *bench.deck().store.names()] if name.startswith(ours)]
    found += [path for path in bench.worktrees() if Path(path).name.startswith(ours)]
    found += [lease.agent for lease in registry(bench).owners() if lease.agent.startswith(ours)]
    refs = bench.git("for-each-ref", "--format=%(refname)").splitlines()
    ours = ("refs/agentdeck/trash/", "refs/agentdeck/fetched/")
    good = ("refs/heads/", "refs/tags/", "refs/remotes/", "refs/stash", *ours)
    return found + [ref for ref in refs if not ref.startswith(good) or "/gate-" in ref]


def keep(bench: Bench) -> Path:
    """A copy of the repository and of the user's state, for `put_back`."""
    kept = bench.root.parent / "kept"
    shutil.rmtree(kept, ignore_errors=True)
    # The pipe by which a runner is woken can't be copied, and is not needed where none lives.
    for folder, name in ((bench.root, "root"), (bench.home, "home")):
        shutil.copytree(folder, kept / name, symlinks=True, ignore=shutil.ignore_patterns(".poke"))
    return kept


def put_back(bench: Bench, kept: Path) -> None:
    for folder, name in ((bench.root, "root"), (bench.home, "home")):
        shutil.rmtree(folder)
        shutil.copytree(kept / name, folder, symlinks=True)
