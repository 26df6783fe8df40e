"""The stages of a landing: what an agent has to land, its work on top of the base, the gate, the move of the base.

The landing's record is written at every stage. Who can't go on is set aside, with the reason.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from agentdeck.core.agents.agent import COMMAND
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.config.trust import Change, told
from agentdeck.core.frozen import dataclass, replace
from agentdeck.engine.landing.approval import config_changes
from agentdeck.engine.landing.candidates import (
    Candidate,
    check_links,
    find_candidate,
    runs,
    wording,
)
from agentdeck.engine.landing.landed import complete, remove_landed
from agentdeck.engine.landing.standing import already_in, around_landing, set_landed
from agentdeck.engine.records.landings import Entry, Gate, GateVerdict, Landing, Landings, LandRequest, Stage
from agentdeck.engine.records.parts import BaseMove
from agentdeck.engine.worktrees.heads import follow, left_behind
from agentdeck.engine.world import Note, World
from agentdeck.errors import DeckError, ExitCode, RefusedError, UntrustedError
from agentdeck.system.git import advance, merges
from agentdeck.system.git.bases import Move
from agentdeck.system.git.merges import Method
from agentdeck.system.git.repository import git_in
from agentdeck.system.git.staging import left_out
from agentdeck.system.git.submodules import bring_commits
from agentdeck.system.git.treediff import changed
from agentdeck.system.machine.interrupts import uninterrupted

if TYPE_CHECKING:
    from agentdeck.engine.landing.gate import Gates


@dataclass(frozen=True, slots=True)
class Computed:
    """One agent's work on top of `old`."""

    agent: str
    tip: str
    old: str
    new: str


class Stages:
    """One landing while it is carried out."""

    def __init__(self, world: World, request: LandRequest, landing: Landing, note: Note) -> None:
        self.world, self.request, self.landing, self.note = world, request, landing, note
        self._landings = Landings(world.store)
        self.confirmed: list[tuple[Change, ...]] = []
        """The changes of the configuration that a person wants to land."""
        self._gates: Gates | None = None
        self.save(landing)

    def close(self) -> None:
        """Remove what its gates had."""
        if self._gates is not None:
            self._gates.close()

    def foreseen(self, name: str) -> Candidate:
        """What the agent would land, its uncommitted work with it where that is asked for; nothing is touched."""
        candidate = find_candidate(self.world, name, self.request)
        self.leave_out(candidate)
        if not candidate.uncommitted:
            return candidate
        from agentdeck.engine.landing.committing import with_its_work

        return with_its_work(self.world, candidate, self.request.commit or "")

    def ready(self, name: str) -> Candidate:
        """The agent at rest, with all committed that is to land."""
        agent = self.world.store.agent(name)
        if agent is not None:
            follow(self.world, agent, self.note)
        candidate = find_candidate(self.world, name, self.request)
        if candidate.uncommitted:
            from agentdeck.engine.landing.committing import commit_work

            message = self.request.commit or ""
            commit_work(self.world, candidate, message, self.note, lambda *parts: self.entry(name, parts=parts))
            candidate = find_candidate(self.world, name, self.request)
        self.leave_out(candidate)
        if candidate.worktree is not None:
            git_dir = candidate.worktree.git_dir
            for text in bring_commits(self.world.repo, git_dir, candidate.start, candidate.tip):
                self.note(Event(EventKind.WARNING, name, text))
        return candidate

    def leave_out(self, candidate: Candidate) -> None:
        name, repositories = candidate.agent.name, candidate.repositories
        if repositories:
            self.entry(name, repositories=repositories)
            self.note(Event(EventKind.WARNING, name, left_out(repositories), {"repositories": list(repositories)}))

    def compute(self, candidate: Candidate, old: str) -> Computed | None:
        """Put the agent's work on top of `old`; None where it conflicts, or where there is nothing to do."""
        self.check_wanted(candidate.agent.name)
        name, repo, method = candidate.agent.name, self.world.repo, self.landing.method
        landed = self._landed_before(candidate, old)
        commits = merges.new_commits(repo, old, candidate.tip, landed)
        facts = {"base": candidate.base, "tip": candidate.work.tip or "", "old": old, "commits": len(commits)}
        self.entry(name, stage=Stage.MERGING, **facts)
        said = wording(self.world, candidate.agent, commits, method, self.request)
        found = merges.compute(repo, method, old, candidate.tip, said, landed=landed)
        new = found.commit
        if found.conflicts:
            if self.request.resolve is None or self.request.dry_run or method is Method.REBASE:
                self._conflicts(candidate, found)
                return None
            from agentdeck.engine.landing.resolving import resolve

            tree = resolve(self.world, self.landing.id, candidate, old, self.request.resolve, self.note)
            new = merges.commit_result(repo, method, tree, old, candidate.tip, said)
        if new == old:
            self._nothing_new(candidate, old)
            return None
        check_links(self.world, candidate, old, new)
        self.check_config(name, old, new)
        self.landing = self.landing.with_entry(name, new=new, files=len(changed(repo, old, new)))
        if self.landing.gate:  # without one the base moves now, and that is saved
            self.save(self.landing)
        for branch, count in left_behind(self.world, candidate.agent, candidate.work).items():
            text = f"{branch}, which it left, has {count} commit{'s' if count > 1 else ''} that don't land with it"
            self.note(Event(EventKind.WARNING, name, text, {"branch": branch, "commits": count}))
        return Computed(name, candidate.tip, old, new)

    def check_config(self, name: str, old: str, new: str) -> None:
        """Raise UntrustedError where the work changes what needs approval and no person wants it to land."""
        found = config_changes(self.world, old, new)
        if not found or found in self.confirmed:
            return
        if self.request.confirm is None or not self.request.confirm(name, found):
            raise UntrustedError(
                "it changes what runs on your machine",
                detail="\n".join(told(found)),
                hint=f"agentdeck merge --accept-config {name}",
            )
        self.confirmed.append(found)

    def _landed_before(self, candidate: Candidate, old: str) -> str | None:
        """The part of the branch that is in the base by an earlier squash or rebase, unless that was taken back."""
        if candidate.agent.landed is None:
            return None
        tip, result = candidate.agent.landed
        repo = self.world.repo
        known = repo.commit(tip) and repo.commit(result)
        return tip if known and merges.is_ancestor(repo, result, old) else None

    def passes(self, candidate: Candidate, made: Computed) -> bool:
        self.check_way(candidate.base, made.old, made.new)
        verdict = self.test(candidate.base, made, [made.agent])
        if not verdict.passed:
            self.gate_failed(made, verdict)
        return verdict.passed

    def check_way(self, base: str, old: str, new: str) -> None:
        """Raise RefusedError where changes in the base's worktree are in the way, before a gate runs in vain. Without
        one, the move that follows at once finds the same."""
        if self.landing.gate:
            advance.check(self.world.repo, Move(base, old, new))

    def test(self, base: str, made: Computed, agents: Sequence[str]) -> GateVerdict:
        if not self.landing.gate:
            return GateVerdict(True)
        from agentdeck.engine.landing.gate import Gates

        for name in agents:
            self.entry(name, stage=Stage.GATING)
        alone = agents[0] if len(agents) == 1 else ""
        unwanted = lambda: self.request.cancelled() or self.is_dropped(alone)  # noqa: E731 - asked again and again

        def begun(log: str) -> None:
            for name in agents:
                self.entry(name, gate=log)

        gate = Gate(self.landing.id, made.agent, base, self.landing.gate, unwanted, begun)
        if self._gates is None:
            self._gates = Gates(self.world, self.note, self.world.settings.config.landing.on)
        verdict = self._gates.run(gate, made.new)
        self.check_wanted(alone)
        begun(verdict.log)
        return verdict

    def check_wanted(self, name: str = "") -> None:
        """Raise RefusedError where the landing was cancelled, or the agent `name` taken out of it."""
        if self.request.cancelled():
            raise RefusedError("It was cancelled; nothing was moved.")
        if self.is_dropped(name):
            raise RefusedError("It was taken out of the queue; nothing was moved.")

    def is_dropped(self, name: str) -> bool:
        return bool(name) and name in self._landings.wishes(self.landing.id).dropped

    def in_turn(self) -> Iterator[str]:
        """The agents, each when its turn comes: their order may change while they wait."""
        left = [entry.agent for entry in self.landing.entries]
        while left:
            left = self._landings.wishes(self.landing.id).sorted(left)
            yield left.pop(0)

    def move(self, base: str, stack: Sequence[Computed]) -> None:
        """Move the base to the top of the stack; raise MovedError, with nothing changed, where it is elsewhere now."""
        agents = tuple(around_landing(self.world, made.agent, base, made.tip, made.new) for made in stack)
        move = BaseMove(base, stack[0].old, stack[-1].new, agents)
        self.landing = replace(self.landing, move=move)
        for made in stack:
            self.entry(made.agent, stage=Stage.MOVING)
        names = ", ".join(made.agent for made in stack)
        try:
            reason = f"agentdeck: landed {names}"
            advance.advance(self.world.repo, Move(base, stack[0].old, stack[-1].new), reason)
            self._complete()
        except BaseException:
            # An interrupt may come when the base has moved already.
            if self.world.repo.commit(f"refs/heads/{base}") == stack[-1].new:
                self._complete()
            else:
                self.save(replace(self.landing, move=None))
            raise

    def _complete(self) -> None:
        with uninterrupted():
            self.landing = complete(self.world, self.landing, self.note)

    def clear_up(self, names: Sequence[str]) -> None:
        """Remove the agents that landed, where that was asked for. Their operation locks are held. What keeps one of
        them here is told, and takes nothing from its landing."""
        for name in names if self.landing.remove else ():
            try:
                remove_landed(self.world, self.landing, name, self.note)
            except DeckError as error:
                text = f"landed, but not removed: {error.title}"
                self.note(Event(EventKind.WARNING, name, text, {"detail": error.detail}))

    # What is not to land

    def _conflicts(self, candidate: Candidate, found: merges.MergeOutcome) -> None:
        where = "; ".join(conflict.where for conflict in found.conflicts[:6])
        more = f" and {len(found.conflicts) - 6} more files" if len(found.conflicts) > 6 else ""
        name = candidate.agent.name
        at = f", applying {found.at[:10]}" if found.at else ""
        words = ["--stop"] * runs(self.world, name) + ["--commit"] * bool(candidate.uncommitted)
        how = " ".join([*words, *(["--merge"] if self.landing.method is Method.REBASE else []), "--resolve"])
        back = " ".join([*words, "--hand-back"])
        others = (
            "" if candidate.agent.profile == COMMAND else f", “agentdeck merge {back} {name}” lets the agent resolve it"
        )
        self._aside(
            name,
            f"it conflicts with {candidate.base}{at} in {where}{more}",
            hint=f"“agentdeck merge {how} {name}” lets you resolve it{others}.",
            conflicts=found.conflicts,
        )

    def _nothing_new(self, candidate: Candidate, old: str) -> None:
        name = candidate.agent.name
        if left := left_behind(self.world, candidate.agent, candidate.work):
            self._only_left(candidate, left)
            return
        if candidate.tip == candidate.start:
            self._aside(name, "it has committed nothing, so there is nothing to land")
            return
        reason = f"{candidate.base} already has all of it"
        self.entry(name, stage=Stage.LANDED if not self.request.dry_run else Stage.WOULD_LAND, reason=reason)
        if not self.request.dry_run:
            set_landed(self.world, name, already_in(self.world, name, candidate.base, candidate.tip, old))

    def _only_left(self, candidate: Candidate, left: dict[str, int]) -> None:
        """Set aside an agent whose HEAD is where nothing is to land, while a branch that it left has commits."""
        branch, count = next(iter(left.items()))
        where, name = candidate.work.head.text, candidate.agent.name
        commits = f"{count} commit{'s' if count > 1 else ''}"
        folder = candidate.work.worktree.path if candidate.work.worktree else self.world.root
        self._aside(
            name,
            f"its worktree is on {where}, which has nothing new, and {branch}, which it left, has {commits}",
            hint=f"Return to it: {git_in(folder)} switch {shlex.quote(branch)}",
        )

    def set_aside_as(self, entry: Entry) -> None:
        """Set an agent aside for what was found of it before anything was done."""
        found = {name: getattr(entry, name) for name in ("base", "tip", "old", "commits", "files", "repositories")}
        self.entry(entry.agent, **found)
        self._aside(
            entry.agent,
            entry.reason,
            detail=entry.detail,
            hint=entry.hint,
            code=entry.exit_code,
            conflicts=entry.conflicts,
        )

    def gate_failed(self, made: Computed, verdict: GateVerdict) -> None:
        self._aside(
            made.agent,
            f"its gate failed: {verdict.reason}",
            hint=f"less {shlex.quote(verdict.log)}",
            code=ExitCode.FAILED,
        )

    def _aside(
        self,
        name: str,
        reason: str,
        *,
        detail: str = "",
        hint: str = "",
        code: ExitCode = ExitCode.REFUSED,
        conflicts: tuple[Any, ...] = (),
    ) -> None:
        self.entry(
            name,
            stage=Stage.SET_ASIDE,
            reason=reason,
            detail=detail,
            hint=hint,
            exit_code=code,
            conflicts=conflicts,
        )
        event = Event(EventKind.LANDING_REFUSED, name, f"not landed: {reason}", {"landing": self.landing.id})
        if self.request.dry_run or self.world.store.agent(name) is None:
            self.note(event)
        else:
            self.world.note(event, self.note)

    @contextlib.contextmanager
    def set_aside_on_error(self, name: str) -> Iterator[None]:
        try:
            yield
        except DeckError as error:
            self.set_aside_for([name], error)

    def set_aside_for(self, names: Sequence[str], error: DeckError) -> None:
        """Set the agents aside for the reason that the error tells; raise it where the base has moved for them, which
        could not be written down."""
        if self.landing.move is not None:
            raise error
        for name in names:
            self._aside(name, error.title, detail=error.detail, hint=error.hint, code=error.exit_code)

    def starts_over(self, name: str, base: str) -> None:
        self.note(Event(EventKind.LANDING_AGAIN, name, f"{base} moved meanwhile; the landing starts over"))

    def restless(self, base: str) -> RefusedError:
        return RefusedError(f"{base} kept moving while this was tested.", hint="Land it again.")

    # The record

    def tip(self, base: str) -> str:
        tip = self.world.repo.commit(f"refs/heads/{base}")
        if tip is None:
            raise RefusedError(f"The branch {base} is gone.")
        return tip

    def entry(self, name: str, **changed: Any) -> None:
        self.save(self.landing.with_entry(name, **changed))

    def save(self, landing: Landing) -> None:
        self.landing = landing
        if not self.request.dry_run:
            self._landings.save(landing)
