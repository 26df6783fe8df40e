"""What is older than the trash keeps it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from agentdeck.core.agents.agent import Agent
from agentdeck.engine.history.stale import Clearable, Pruning, delete
from agentdeck.engine.records.landings import Landings
from agentdeck.engine.records.parts import BranchGone, RecordGone
from agentdeck.engine.records.steps import Steps
from agentdeck.engine.world import World
from agentdeck.system.machine.usage import disk_bytes

_DAY = 24 * 3600.0


def stale_by_age(world: World, agents: list[Agent]) -> Iterator[Clearable]:
    days = world.settings.config.trash.keep_days
    limit = time.time() - days * _DAY
    used = {lease.log for agent in agents if (lease := agent.pane)}
    logs = [path for path in (world.store.folder / "logs").glob("*") if str(path) not in used]
    yield from _aged("log", [path for path in logs if path.lstat().st_mtime < limit], days)
    over = [landing for landing in Landings(world.store).all() if landing.ended and landing.at < limit]
    yield from _aged("landing", [world.store.folder / "landings" / f"{landing.id}.json" for landing in over], days)
    expired = [step for step in Steps(world.store).all() if step.at < limit]
    folders = [path for path in world.store.trash.glob("*") if path.name != "records" and path.lstat().st_mtime < limit]
    records = world.store.trash / "records"
    if not records.is_symlink():
        folders += [path for path in records.glob("*") if path.lstat().st_mtime < limit]
    refs = [ref for ref, at in _trash_refs(world) if at < limit]
    if expired or folders or refs:
        what = f"{len(expired)} steps, {len(refs)} snapshots"
        room = sum(disk_bytes(folder) for folder in folders)
        clear = partial(_expire, world, [step.number for step in expired], folders, refs)
        yield Clearable("trash", what, f"older than {days} days; these can no longer be undone", room, False, clear)


def _aged(kind: str, paths: list[Path], days: int) -> Iterator[Clearable]:
    if paths:
        room = sum(path.lstat().st_size for path in paths)
        what = f"{len(paths)} {kind}{'s' if len(paths) > 1 else ''}"
        yield Clearable(kind, what, f"older than {days} days", room, False, partial(delete, paths))


def _trash_refs(world: World) -> list[tuple[str, float]]:
    words = ("for-each-ref", "--format=%(refname) %(creatordate:unix)", "refs/agentdeck/trash")
    found = []
    for line in world.repo.lines(*words):
        ref, _, at = line.rpartition(" ")
        # What git's own date does not tell, as of a branch's old tip, has expired only with its step.
        kept = ref.startswith(("refs/agentdeck/trash/branches/", "refs/agentdeck/trash/records/"))
        if not kept:
            found.append((ref, float(at)))
    return found


def _expire(world: World, numbers: list[int], folders: list[Path], refs: list[str], pruning: Pruning) -> None:
    steps = Steps(world.store)
    parts = [part for number in numbers for part in steps.get(number).parts]
    refs_held = [part.ref for part in parts if isinstance(part, BranchGone | RecordGone)]
    held = [ref for ref in refs_held if ref.startswith("refs/agentdeck/trash/")]
    gone = "".join(f"delete {ref}\n" for ref in sorted({*refs, *held}))
    world.repo.git("update-ref", "--stdin", stdin=gone.encode("utf-8", "surrogateescape"))
    for number in numbers:
        steps.forget(number)
    delete(folders, pruning)
