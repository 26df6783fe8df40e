"""What the agent committed, newest first; Enter shows one commit's lines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from agentdeck.core.text.durations import short_duration
from agentdeck.core.text.text import cut, pad, plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.review import Commit, CommitHead, Diff
from agentdeck.tui.keys.keys import BACK, bound
from agentdeck.tui.look.styled import clean
from agentdeck.tui.look.telling import sentence
from agentdeck.tui.panes.base import AgentPane
from agentdeck.tui.panes.difflines import DiffView
from agentdeck.tui.panes.rows import Piece, RowsView, TextRows

_REST = 1.0


class CommitsPane(AgentPane):
    WATCHES = True
    KEYS: ClassVar = (
        ("agent.attach", "its changes"),
        ("program.back", "back"),
        ("step.file-before step.next-file", "file"),
        ("step.before step.next", "change"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bound([BACK])]

    def __init__(self, deck: Deck, *, id: str | None = None) -> None:
        super().__init__(deck, id=id)
        self._commits: list[Commit] | None = None
        self._open: Commit | None = None
        self._whole: frozenset[str] = frozenset()
        self._looked = 0.0

    def parts(self) -> ComposeResult:
        yield TextRows()
        with VerticalScroll(id="commit", can_focus=False):
            yield Static(id="commit-head", markup=False)
        yield DiffView()

    def on_mount(self) -> None:
        self.query_one(DiffView).display = self.query_one("#commit").display = False
        super().on_mount()

    @property
    def listed(self) -> TextRows:
        return self.query_one(TextRows)

    def changed_agent(self) -> None:
        self._commits = None
        self._looked = 0.0
        if self.is_mounted:
            self._close()
            self.listed.cursor = 0
            self.listed.put([])
            self.say("")

    async def inquire(self, view: AgentView) -> list[Commit]:
        await asyncio.sleep(max(0.0, self._looked + _REST - time.monotonic()))
        self._looked = time.monotonic()
        return await super().inquire(view)  # type: ignore[no-any-return]

    def find(self, view: AgentView) -> list[Commit]:
        return self.deck.review.commits(view)

    def found(self, view: AgentView, facts: list[Commit]) -> None:
        old, self._commits = self._commits, facts
        if old and facts != old and self.listed.cursor < len(old):
            # The same commit stays the current one.
            kept = old[self.listed.cursor].id
            self.listed.cursor = next((at for at, each in enumerate(facts) if each.id == kept), 0)
        self._list()
        self._tell(view)

    def _list(self) -> None:
        self.listed.put(rows_of(self._commits or (), time.time(), self.listed.size.width))

    def on_resize(self) -> None:
        self.call_after_refresh(self._list)

    def _tell(self, view: AgentView) -> None:
        if self._open is not None:
            self.say(f"esc returns to the list  ·  {self._open.id[:9]}  {plain(self._open.subject)}")
        elif not self._commits:
            self.say(f"No commits yet that {plain(self.deck.review.against(view))} lacks.")
        else:
            count = len(self._commits)
            self.say(f"{count} commit{'s' if count > 1 else ''} that {plain(self.deck.review.against(view))} lacks")

    @on(RowsView.Opened)
    def _opened(self, event: RowsView.Opened) -> None:
        event.stop()
        if event.view is self.listed and self._commits:
            self._open, self._whole = self._commits[event.row], frozenset()
            self.run_worker(self._show(self._open), group="commit", exclusive=True, exit_on_error=False)
        elif self._open is not None:
            file = self.query_one(DiffView).file(event.row)
            if file is not None and file.left_out:
                self._whole |= {file.path}
                self.run_worker(self._show(self._open), group="commit", exclusive=True, exit_on_error=False)

    async def _show(self, commit: Commit) -> None:
        try:
            diff = await asyncio.to_thread(self.deck.review.commit, commit.id, self._whole)
            head = await asyncio.to_thread(self.deck.review.commit_head, commit.id)
        except Exception as error:  # noqa: BLE001 - the commit may be gone, the dashboard lives on
            self.say(sentence(error))
            self._open = None
            return
        if self._open is not commit:
            return
        self.query_one("#commit-head", Static).update(head_of(head))
        self._present(diff)

    def _present(self, diff: Diff) -> None:
        lines = self.query_one(DiffView)
        lines.display = self.query_one("#commit").display = True
        lines.put(diff)
        if not self.listed.display:
            return
        lines.focus()
        self.listed.display = False
        if self.view is not None:
            self._tell(self.view)

    def _close(self) -> None:
        self._open = None
        lines = self.query_one(DiffView)
        had_keys = lines.has_focus
        self.listed.display = True
        if had_keys:
            self.listed.focus()
        lines.display = self.query_one("#commit").display = False
        lines.reset()

    def action_back(self) -> None:
        if self._open is None:
            raise SkipAction
        self._close()
        if self.view is not None:
            self._tell(self.view)


def head_of(head: CommitHead) -> Content:
    """The commit's head: who, when, after what, and in which words."""
    said = [Content.styled(f"commit {head.id}", "$text-accent")]
    said.append(Content(f"author    {plain(head.author)}, {_when(head.authored)}"))
    if (head.committer, head.committed) != (head.author, head.authored):
        said.append(Content(f"committer {plain(head.committer)}, {_when(head.committed)}"))
    if head.parents:
        said.append(Content.styled(f"parents   {' '.join(each[:12] for each in head.parents)}", "$foreground 60%"))
    said += [Content(""), *(Content(f"    {clean(line)}") for line in head.message.splitlines())]
    said += [Content.styled(f"    {clean(line)}", "$foreground 60%") for line in head.trailers]
    return Content("\n").join(said)


def _when(at: float) -> str:
    return time.strftime("%a %d %b %Y %H:%M", time.localtime(at))


def rows_of(commits: Sequence[Commit], now: float, width: int) -> list[list[Piece]]:
    """One row a commit; where there is little room its author is left out."""
    rows = []
    for commit in commits:
        counts = f"+{commit.added} -{commit.deleted}" if not commit.is_merge else "merge"
        room = max(0, 13 - len(counts))
        row: list[Piece] = [(f" {commit.id[:9]}  ", "accent")]
        row.append((f"{short_duration(max(0.0, now - commit.at)):>4}  ", "dim"))
        if commit.is_merge:
            row.append((pad(counts, 13), "dim"))
        else:
            row += [(f"+{commit.added}", "good"), (f" -{commit.deleted}", "bad"), (" " * room, "")]
        if width >= 100:
            row.append((f"{pad(cut(plain(commit.author), 18), 18)}  ", "dim"))
        row.append((plain(commit.subject), ""))
        rows.append(row)
    return rows
