"""Comments on an agent's lines: kept beside its record until they are sent to it, all in one message."""

from __future__ import annotations

import io
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path

from agentdeck.core.frozen import asdict
from agentdeck.core.text.text import cut, plain
from agentdeck.engine import roster
from agentdeck.engine.lifecycle.hosts import tell
from agentdeck.engine.views.review import Comment, Diff
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import NotFoundError, StoreError, UsageError
from agentdeck.system.files.files import locked, opened, read_json, write_json
from agentdeck.system.state.store import Store

_FILE = "comments.json"
_QUOTE_MAX = 200


class Comments:
    """Those on one agent's changes. Several dashboards may write at once."""

    def __init__(self, store: Store, name: str) -> None:
        self._folder, self._name = store.agent_folder(name), name

    def all(self) -> list[Comment]:
        """In the order of files and lines. Raise StoreError where they can't be read."""
        path = self._folder / _FILE
        try:
            found = [Comment(**each) for each in read_json(path)]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(
                f"The comments on {self._name} can't be read.", detail=str(error), hint=f"They are in {path}."
            ) from error
        return sorted(found, key=lambda comment: (comment.path, comment.line, comment.at))

    def add(self, comment: Comment) -> None:
        """Keep it; raise UsageError for one that says nothing."""
        if not comment.text.strip():
            raise UsageError("A comment can't be empty.")
        with self._held():
            self._put([*self.all(), comment])

    def delete(self, ids: Collection[str]) -> None:
        with self._held():
            self._put([comment for comment in self.all() if comment.id not in ids])

    def _held(self) -> AbstractContextManager[None]:
        return locked(self._folder / "comments.lock", wait=5, what=f"the comments on {self._name}")

    def _put(self, comments: list[Comment]) -> None:
        path = self._folder / _FILE
        if comments:
            write_json(path, [asdict(comment) for comment in comments])
        else:
            path.unlink(missing_ok=True)


def at_place(diff: Diff, worktree: Path, place: str, text: str, *, old: bool) -> Comment:
    """A comment on `FILE:LINE`, or on `FILE` as a whole, with the line that it is about; with `old` on a line as it was
    before. Raise NotFoundError where there is no such line, UsageError for a place that names none."""
    path, colon, number = place.rpartition(":")
    if not colon or not number.isdecimal():
        path, number = place, "0"
    line = int(number)
    if not path or (colon and number == "0" and place.endswith(":0")):
        raise UsageError(f"“{place}” is not a place.", hint="Use FILE:LINE with a line from 1, or FILE.")
    changed = [file for file in diff.files if path in (file.path, file.old_path)]
    if not changed and not _is_within(worktree, path):
        raise NotFoundError(f"The agent has no file “{path}”.", hint="“agentdeck diff --stat NAME” lists its changes.")
    if not line:
        return Comment(path, 0, text)
    shown = (each for file in changed for each in file.lines if each.kind in ("-" if old else " +"))
    found = next((each.text for each in shown if (each.old if old else each.new) == line), None)
    if found is None and not old:
        found = _line_of(worktree, path, line)
    if found is None:
        was = " that was removed" if old else ""
        hint = "" if old else "For a line that was removed, add --old and its old number."
        raise NotFoundError(f"{path} has no line {line}{was}.", hint=hint)
    return Comment(path, line, text, found, old)


def _is_within(worktree: Path, path: str) -> bool:
    file = worktree / path
    return file.is_file() and file.resolve().is_relative_to(worktree.resolve())


def _line_of(worktree: Path, path: str, number: int) -> str | None:
    if not _is_within(worktree, path):
        return None
    with io.TextIOWrapper(opened(worktree / path), "utf-8", "replace") as lines:
        return next((line.rstrip("\r\n") for at, line in enumerate(lines, 1) if at == number), None)


def message(comments: list[Comment]) -> str:
    """The text that an agent gets: every comment with the place and the line that it is about."""
    if len(comments) == 1:
        lines = ["I have reviewed your changes and have a comment. Please address it."]
    else:
        lines = [f"I have reviewed your changes and have {len(comments)} comments. Please address each of them."]
    for number, comment in enumerate(comments, 1):
        gone = " (a line that you removed)" if comment.removed else ""
        lines += ["", f"{number}. {plain(comment.place)}{gone}"]
        if quote := cut(plain(comment.quote).strip(), _QUOTE_MAX):
            lines.append(f"   > {quote}")
        lines += [f"   {plain(line)}" for line in comment.text.strip().splitlines()]
    return "\n".join(lines)


def send(world: World, name: str, note: Note = silent) -> str:
    """Give all comments to the agent, to one that has ended by resuming it; they are forgotten once it has them.

    Return the sentence that says what was done; raise UsageError where there are none.
    """
    view = roster.agent(world, name)
    kept = Comments(world.store, view.name)
    comments = kept.all()
    if not comments:
        raise UsageError(f"There are no comments on {view.name}'s changes.")
    text = message(comments)
    given = tell(world, view, text, note)
    kept.delete({comment.id for comment in comments})
    told = "1 comment" if len(comments) == 1 else f"{len(comments)} comments"
    if not given:
        return f"{view.name} gets {told} when it is idle."
    return f"{view.name} has {told}." if view.alive else f"{view.name} continues with {told}."
