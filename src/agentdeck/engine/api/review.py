"""`deck.review`: what an agent changed, and what a person says to it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from agentdeck.engine import roster
from agentdeck.engine.api.current import Current
from agentdeck.engine.views import AgentView
from agentdeck.engine.world import Note, silent
from agentdeck.system.files.files import sign
from agentdeck.system.machine.process import never

if TYPE_CHECKING:
    from agentdeck.core.agents.agent import Agent
    from agentdeck.core.merging.patch import FilePatch, PatchLine
    from agentdeck.engine.views.history import Step
    from agentdeck.engine.views.review import Comment, Commit, CommitHead, Diff, GitFacts, Match, Scope


class DeckReview:
    def __init__(self, current: Current) -> None:
        self._current = current
        self._files: dict[str, tuple[Agent, tuple[str, ...]]] = {}

    def text(self, name: str, *, stat: bool = False, colour: bool = False, for_agent: bool = False) -> str:
        """All that the agent changed since its base, committed or not, as a patch or as a table of files. Where it is
        `for_agent`, one in a box can't lead git out of that meanwhile."""
        from agentdeck.engine.review.diffs import base_of
        from agentdeck.engine.worktrees.boxed import still
        from agentdeck.system.git import changes

        world, view = self._current.world, self._current.agent(name)
        if view.host:
            from agentdeck.engine.fleet.acts import diff_text

            return diff_text(world, view, stat=stat, colour=colour)
        path, base = base_of(world, view.agent)
        with still(world, view.agent if for_agent else None):
            return changes.diff(world.repo, path, base, stat=stat, colour=colour)

    def diff(self, view: AgentView, scope: Scope | None = None, whole: frozenset[str] = frozenset()) -> Diff:
        """The agent's changes, file by file; very long ones come without their lines unless they are in `whole`."""
        from agentdeck.engine.review.diffs import read
        from agentdeck.engine.views.review import Scope

        return read(self._current.world, view.agent, scope or Scope.ALL, whole)

    def sections(self, view: AgentView, whole: frozenset[str] = frozenset()) -> Diff:
        """The same with what is committed first, and then what is not."""
        from agentdeck.engine.review.diffs import read_sections

        return read_sections(self._current.world, view.agent, whole)

    def commits(self, view: AgentView) -> list[Commit]:
        """The agent's commits that its base has not, newest first."""
        from agentdeck.engine.review.diffs import commits_of

        return commits_of(self._current.world, view.agent)

    def commit(self, id: str, whole: frozenset[str] = frozenset()) -> Diff:
        """What one commit changed."""
        from agentdeck.engine.review.diffs import read_commit

        return read_commit(self._current.world, id, whole)

    def commit_head(self, id: str) -> CommitHead:
        """Who wrote and who committed it, its parents, its message and its trailers."""
        from agentdeck.system.git.history import head

        return head(self._current.world.repo, id)

    def against(self, view: AgentView) -> str:
        """What the agent's work is compared with, in words."""
        from agentdeck.engine.review.diffs import agent_base

        return agent_base(view.agent)

    def facts(self, view: AgentView) -> GitFacts:
        """The agent's changes in numbers; takes tens of milliseconds, or seconds in a very large worktree."""
        from agentdeck.engine.review.glance import facts

        return facts(self._current.world, view)

    def signs(self, view: AgentView) -> tuple[Any, ...]:
        """Whatever moves when the agent commits, stages, prints or ends, or when its base moves; runs no git."""
        from agentdeck.engine.review.glance import telling_files

        known = self._files.get(view.name)
        if known is None or known[0] is not view.agent:
            # Paths take longer to make than to look at.
            known = self._files[view.name] = view.agent, telling_files(self._current.world.repo.common, view.agent)
        if not known[1]:
            return ()
        lease = view.agent.worktree
        folder = lease.path if lease else ""
        return *map(sign, known[1]), os.path.isdir(folder), sign(f"{folder}/.git"), view.state  # noqa: PTH112 - as above

    def uncommitted(self, name: str) -> list[str]:
        """What a landing could commit of the agent's worktree, as `git status --short` writes it."""
        view = self._current.agent(name)
        if view.host:
            from agentdeck.engine.fleet.acts import uncommitted

            return uncommitted(self._current.world, view)
        if view.worktree is None or not os.path.lexists(view.worktree):
            return []
        from agentdeck.engine.worktrees import identity
        from agentdeck.system.git import changes

        return changes.to_commit(identity.enter(self._current.world, view.agent))[0]

    def revert(self, view: AgentView, scope: Scope, file: FilePatch, hunk: Sequence[PatchLine] = ()) -> Step:
        """Take a hunk, given by its lines, or without one all that was done to the file out of the agent's worktree.
        Return the step that makes it again; see review.reverting."""
        if view.host:
            from agentdeck.engine.fleet import acts

            return acts.revert(self._current.world, view, scope, file, hunk)
        from agentdeck.engine.review.reverting import revert

        return revert(self._current.world, view.agent, scope, file, hunk)

    def search(
        self, text: str | re.Pattern[str], names: Sequence[str] = (), stop: Callable[[], bool] = never
    ) -> Iterator[Match]:
        """What the logs and the changes of these agents, or of all, have of a text or a pattern. `stop` is asked now
        and then whether nobody wants the rest."""
        from agentdeck.engine.review import searching

        current = self._current
        views = [current.agent(name) for name in names] or roster.agents(current.world)
        return searching.search(
            current.world, views, searching.pattern_of(text) if isinstance(text, str) else text, stop
        )

    # Comments

    def comments(self, name: str) -> list[Comment]:
        """Those that the agent has not been sent, in the order of files and lines."""
        from agentdeck.engine.review.comments import Comments

        return Comments(self._current.store, name).all()

    def comment_signs(self, name: str) -> tuple[int, ...]:
        """What moves when one is made or deleted."""
        return sign(self._current.store.agent_folder(name) / "comments.json")

    def comment(self, name: str, comment: Comment) -> None:
        """Keep it until it is sent; raise UsageError for one that says nothing."""
        from agentdeck.engine.review.comments import Comments

        Comments(self._current.store, name).add(comment)

    def comment_at(self, name: str, place: str, text: str, *, old: bool = False) -> Comment:
        """Keep a comment on `FILE:LINE`, or on `FILE` as a whole; with `old` on a line that was removed. Return it."""
        from agentdeck.engine.lifecycle.resources import worktree_of
        from agentdeck.engine.review.comments import at_place

        view = self._current.agent(name)
        made = at_place(self.diff(view), worktree_of(view.agent), place, text, old=old)
        self.comment(view.name, made)
        return made

    def delete(self, name: str, ids: Collection[str]) -> None:
        """Forget these comments."""
        from agentdeck.engine.review.comments import Comments

        Comments(self._current.store, name).delete(ids)

    def send(self, name: str, note: Note = silent) -> str:
        """Give all comments to the agent, and say so in a sentence; see review.comments.send."""
        from agentdeck.engine.review.comments import send

        return send(self._current.world, name, note)
