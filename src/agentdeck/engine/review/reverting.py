"""Take a change out of an agent's worktree: one hunk, or all that was done to a file. It is saved first, and an undo
makes it again."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from agentdeck.core.agents.agent import Agent
from agentdeck.core.merging.patch import FilePatch, PatchLine, parse
from agentdeck.engine.fleet import acts
from agentdeck.engine.records.parts import ChangeBack, ChangeGone
from agentdeck.engine.records.steps import Step, Steps
from agentdeck.engine.review.diffs import ends_of
from agentdeck.engine.views.review import Scope
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.boxed import still
from agentdeck.engine.world import World
from agentdeck.errors import NotFoundError, RefusedError
from agentdeck.system.files.files import private_folder, write_atomic
from agentdeck.system.git import patches
from agentdeck.system.git.repository import Repository

_HEAD = re.compile(rb"^(?=@@ )", re.MULTILINE)


def revert(world: World, agent: Agent, scope: Scope, file: FilePatch, hunk: Sequence[PatchLine] = ()) -> Step:
    """Take the `hunk` of the file, given by its lines as they were shown, out of the worktree, or without one all that
    was done to the file. Return the step that makes it again.

    Raise RefusedError, with nothing changed, where the change is another one by now, or where later changes lean on it.
    """
    with world.store.operation(agent.name, wait=5), still(world, agent):
        patch = _patch(world, agent, scope, file, hunk)
        here = identity.enter(world, agent)
        if why := patches.apply(here, patch, reverse=True, check=True):
            raise RefusedError(
                f"The change to {file.path} can't be taken out.", detail=why, hint="Later changes may lean on it."
            )
        part = ChangeGone(agent.name, file.path, str(time.time_ns()))
        _save(world, here, part, patch)
        what = "a change to" if hunk else "all changes to"
        text = f"reverted {what} {file.path} of {agent.name}"
        step = Steps(world.store).record(f"revert {agent.name} {part.trash}", text, part)
        if why := patches.apply(here, patch, reverse=True):
            Steps(world.store).forget(step.number)
            raise RefusedError(f"The change to {file.path} can't be taken out.", detail=why)
        return step


def _patch(world: World, agent: Agent, scope: Scope, file: FilePatch, hunk: Sequence[PatchLine]) -> bytes:
    with ends_of(world, agent, scope) as (source, begin, end):
        raw = source.exact(begin, end, sorted({file.path, file.old_path}))
    if not raw or b"\n+Subproject commit " in raw or b"\n-Subproject commit " in raw:
        what = "is another repository" if raw else "has no changes any more"
        raise RefusedError(f"{file.path} {what}.", hint="Nothing was changed.")
    if not hunk:
        return raw
    head, *hunks = _HEAD.split(raw)
    found = parse(raw.decode("utf-8", "surrogateescape"))
    starts = [at for at, line in enumerate(found[0].lines) if line.kind == "@"] if len(found) == 1 else []
    for number, (begins, ends) in enumerate(zip(starts, [*starts[1:], None], strict=True)):
        if found[0].lines[begins:ends] == tuple(hunk) and len(hunks) == len(starts):
            return head + hunks[number]
    raise RefusedError(f"{file.path} has changed since you looked.", hint="Nothing was changed. Look at it again.")


def _folder(world: World, part: ChangeGone | ChangeBack) -> Path:
    return world.store.trash / f"change-{part.agent}-{part.trash}"


def _save(world: World, here: Repository, part: ChangeGone, patch: bytes) -> None:
    folder, file = private_folder(_folder(world, part)), here.folder / part.path
    if file.is_file() and not file.is_symlink():
        write_atomic(folder / "file", _text(file.read_bytes()), 0o700 if os.access(file, os.X_OK) else 0o600)
    write_atomic(folder / "patch", _text(patch))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def check(world: World, part: ChangeGone | ChangeBack) -> None:
    """Raise where it can't be taken back."""
    if (agent := _elsewhere(world, part)) is not None:
        acts.take_back_change(world, agent, part, only_check=True)
        return
    _has_to_be_applied(world, part, *_ready(world, part))


def take_back(world: World, part: ChangeGone | ChangeBack) -> ChangeGone | ChangeBack:
    """Make the change again, or take it out again; what is so already stays."""
    reverse = isinstance(part, ChangeBack)
    if (agent := _elsewhere(world, part)) is not None:
        acts.take_back_change(world, agent, part, only_check=False)
        return (ChangeGone if reverse else ChangeBack)(part.agent, part.path, part.trash)
    with world.store.operation(part.agent, wait=5), still(world, world.store.agent(part.agent)):
        here, patch = _ready(world, part)
        if _has_to_be_applied(world, part, here, patch):
            patches.apply(here, patch, reverse=reverse)
        return (ChangeGone if reverse else ChangeBack)(part.agent, part.path, part.trash)


def _elsewhere(world: World, part: ChangeGone | ChangeBack) -> Agent | None:
    """The agent where it is on another host, which keeps the change."""
    agent = world.store.agent(part.agent)
    return agent if agent is not None and agent.host else None


def _has_to_be_applied(world: World, part: ChangeGone | ChangeBack, here: Repository, patch: bytes) -> bool:
    """Whether the patch takes it back, or the file is already as it was. Raise RefusedError where neither is so."""
    reverse = isinstance(part, ChangeBack)
    if _is_taken_back(world, here, part):
        return False
    why = patches.apply(here, patch, reverse=reverse, check=True)
    if why and patches.apply(here, patch, reverse=not reverse, check=True):
        raise RefusedError(
            f"{part.path} of {part.agent} has changed since.",
            detail=why,
            hint=f"The change is kept in {_folder(world, part)}/patch.",
        )
    return not why


def _is_taken_back(world: World, here: Repository, part: ChangeGone | ChangeBack) -> bool:
    """Whether the file is as it was before the change was taken out."""
    if isinstance(part, ChangeBack):
        return False
    saved, file = _folder(world, part) / "file", here.folder / part.path
    if not (saved.is_file() and file.is_file()) or os.access(saved, os.X_OK) != os.access(file, os.X_OK):
        return False
    return saved.read_bytes() == file.read_bytes()


def _ready(world: World, part: ChangeGone | ChangeBack) -> tuple[Repository, bytes]:
    agent = world.store.agent(part.agent)
    if agent is None or agent.worktree is None:
        raise NotFoundError(f"{part.agent} no longer has a worktree.")
    try:
        patch = (_folder(world, part) / "patch").read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"The change to {part.path} of {part.agent} is no longer in the trash.") from None
    return identity.enter(world, agent), patch
