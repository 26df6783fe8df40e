"""Comments on an agent's lines: kept beside its record until they are sent to it, all in one message."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import asdict

from agentdeck.core.text.text import cut, plain
from agentdeck.engine import roster
from agentdeck.engine.lifecycle import keyboard
from agentdeck.engine.lifecycle.switching import resume
from agentdeck.engine.views.review import Comment
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import StoreError, UsageError
from agentdeck.system.files.files import locked, read_json, write_json
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
    given = keyboard.send(world, view, text) if view.alive else True
    if not view.alive:
        resume(world, view, text, note)
    kept.delete({comment.id for comment in comments})
    told = "1 comment" if len(comments) == 1 else f"{len(comments)} comments"
    if not given:
        return f"{view.name} gets {told} when it is idle."
    return f"{view.name} has {told}." if view.alive else f"{view.name} continues with {told}."
