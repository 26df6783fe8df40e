"""What the agent changed, to read and to comment on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message

from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.merging.patch import FilePatch, PatchLine
from agentdeck.core.text.text import plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.review import Comment, Diff, Scope
from agentdeck.tui.dialogs.dialogs import Confirm
from agentdeck.tui.keys.keys import DIFF, FILES, IN_TABS, SIDES, WRAP, bound
from agentdeck.tui.panes.base import AgentPane
from agentdeck.tui.panes.difflines import DiffView
from agentdeck.tui.panes.prompt import Prompt
from agentdeck.tui.panes.rows import RowsView

_REST = 2.0
"""Seconds at least between two looks while the agent works."""
_SHARE = 10
"""The rest is at least so many times as long as the last look took."""
_SURE, _SURE_AT_LAST = 20.0, 60.0
"""Seconds after which git is asked although nothing is known to have moved: these at first, and the longer the changes
have been the same, the more."""


@dataclass(frozen=True)
class _Facts:
    diff: Diff
    comments: list[Comment]


class DiffPane(AgentPane):
    @dataclass
    class Read(Message):
        """The changes were read; whether there are none, and no comments either."""

        is_empty: bool

    WATCHES = True
    WITHIN = (0.5, 0.5)  # git is not asked more often than every two seconds
    KEYS: ClassVar = (
        ("step.file-before step.next-file", "file"),
        ("step.before step.next", "change"),
        ("diff.comment", "comment"),
        ("diff.send", "send all"),
        ("diff.delete", "delete one"),
        ("diff.sides", "sides"),
        ("look.wrap", "wrap"),
        ("program.back", "back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bound(key for key in IN_TABS[DIFF] if key not in (*FILES, WRAP, SIDES))]

    def __init__(self, deck: Deck, *, id: str | None = None) -> None:
        super().__init__(deck, id=id)
        self._whole: frozenset[str] = frozenset()
        self._signs: Any = None
        self._looked = self._took = self._same_since = 0.0
        self._facts: _Facts | None = None
        self._sends = False

    def parts(self) -> ComposeResult:
        yield DiffView()
        yield Prompt()

    @property
    def lines(self) -> DiffView:
        return self.query_one(DiffView)

    def changed_agent(self) -> None:
        self._signs, self._facts, self._whole = None, None, frozenset()
        if self.is_mounted:
            self.query_one(Prompt).cancel()
            self.lines.reset()
            self.say("")

    # Reading

    async def inquire(self, view: AgentView) -> _Facts | None:
        """None where nothing has moved since the last look, or it is too early for another one."""
        signs = await asyncio.to_thread(self._signs_of, view)
        passed = time.monotonic() - self._looked
        sure = min(_SURE_AT_LAST, max(_SURE, self._looked - self._same_since))
        is_asked = self._signs is None or signs[:2] != self._signs[:2]
        if not is_asked and (passed < max(_REST, _SHARE * self._took) or (signs == self._signs and passed < sure)):
            return None
        if self._facts is None:
            self.say(f"Reading the changes of {view.name} …")
        begun = time.monotonic()
        facts = await asyncio.to_thread(self._read, view, self._whole)
        self._looked = time.monotonic()
        self._took = self._looked - begun
        if facts != self._facts or signs != self._signs:
            self._same_since = self._looked
        self._signs = signs
        return facts

    def _signs_of(self, view: AgentView) -> tuple[Any, ...]:
        """What was asked for, and whatever moves when the agent commits, stages, prints or ends."""
        comments = self.deck.review.comment_signs(view.name)
        return self._whole, (comments, view.state), *self.deck.review.signs(view)

    def _read(self, view: AgentView, whole: frozenset[str]) -> _Facts:
        comments = self.deck.review.comments(view.name)
        return _Facts(self.deck.review.sections(view, whole), comments)

    def found(self, view: AgentView, facts: _Facts | None) -> None:
        if facts is not None:
            self._facts = facts
            self.lines.put(facts.diff, facts.comments)
            self.post_message(self.Read(not facts.diff.files and not facts.comments))
        self._tell()

    def failed(self, view: AgentView, error: Exception) -> None:
        self._facts = None
        self.lines.reset()
        super().failed(view, error)

    def _tell(self) -> None:
        if self._facts is None or self.view is None:
            return
        diff, comments = self._facts.diff, self._facts.comments
        if not diff.files and not comments:
            self.say(f"No changes yet against {plain(diff.against)}.")
            return
        count = len(comments)
        said = f"✎ {count} comment{'s' if count > 1 else ''} not sent; {{diff.send}} sends" if count else ""
        file = self.lines.file(self.lines.cursor)
        self.say("  ·  ".join(filter(None, (said, plain(file.path) if file else ""))))

    @on(RowsView.Moved)
    def _moved(self) -> None:
        self._tell()

    @on(RowsView.Opened)
    def _opened(self, event: RowsView.Opened) -> None:
        event.stop()
        file = self.lines.file(event.row)
        if file is not None and file.left_out:
            self._whole |= {file.path}
            self.look()

    # Keys

    def action_comment(self) -> None:
        view = self.view
        if view is None:
            return
        target = self.lines.aim()
        if target is None:
            self.app.notify("There is nothing to comment on yet.", severity="warning")
            return

        def answer(text: str | None) -> None:
            self.lines.focus()
            if text and text.strip():
                comment = replace(target, text=text.strip())
                self._do(lambda: self.deck.review.comment(view.name, comment))

        place = plain(target.place)
        self.query_one(Prompt).ask(f"✎ {place}:", answer, hint="sent to the agent later, with the other comments")

    def action_delete(self) -> None:
        view, comment = self.view, self.lines.comment()
        if view is None or comment is None:
            self.app.notify("There is no comment on this line.", severity="warning")
            return
        self._do(lambda: self.deck.review.delete(view.name, {comment.id}))

    def action_send(self) -> None:
        view = self.view
        if view is None or self._sends:
            return
        if self._facts is None or not self._facts.comments:
            self.app.notify("There are no comments to send; {diff.comment} adds one.", severity="warning")
            return
        self._sends = True
        self._do(lambda: self.deck.review.send(view.name))

    def action_revert(self) -> None:
        """Take the change at the cursor out of the worktree."""
        found = self.lines.hunk()
        if found is None or not found[1]:
            self.app.notify("There is no change on this line.", severity="warning")
            return
        self._ask_to_revert("Revert this change", *found)

    def action_discard(self) -> None:
        """Take all that was done to the file at the cursor out of the worktree."""
        found = self.lines.hunk()
        if found is None:
            self.app.notify("There is no file on this line.", severity="warning")
            return
        self._ask_to_revert("Discard all changes", found[0], ())

    def _ask_to_revert(self, what: str, file: FilePatch, hunk: tuple[PatchLine, ...]) -> None:
        view = self.view
        if view is None:
            return
        scope = Scope.UNCOMMITTED if self.lines.is_loose() else Scope.COMMITTED

        def work() -> str:
            step = self.deck.review.revert(view, scope, file, hunk)
            return f"{step.text[:1].upper()}{step.text[1:]}. {{deck.undo}} makes it again."

        def answer(agreed: bool | None) -> None:
            if agreed:
                self._do(work)

        lines = [line for line in hunk or file.lines if line.kind in "+-"]
        added, deleted = (sum(line.kind == kind for line in lines) for kind in "+-")
        running = f" {view.name} is {view.state}: it may build on this." if view.alive and view.state.is_live else ""
        loss = f"+{added} -{deleted} lines go from the worktree of {view.name}. It is saved first; undo makes it again."
        question = f"{what} to {file.path}?"
        self.app.push_screen(Confirm(question, loss + running, yes="Revert", no="Keep it"), answer)

    def _do(self, work: Callable[[], str | None]) -> None:
        self.run_worker(self._done(work), exit_on_error=False)

    async def _done(self, work: Callable[[], str | None]) -> None:
        try:
            await self.carry_out(work)
        finally:
            self._sends = False
        self._signs = None  # an edit of a file alone moves nothing that is looked at
        self.look()
