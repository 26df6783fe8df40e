"""The landing queue: finished branches come to their base branch, one on top of the other, through the gate.

For each agent: merge in the object database, run the gate on the result in a worktree of its own, move the base branch
by compare-and-swap, write the step down. Whoever conflicts or fails is set aside with the reason, and the rest go on.
Before the base moves `Landing.move` says what is about to happen; landed.py completes that, after a crash too.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentdeck.core.agent import State, Status
from agentdeck.core.events import Event
from agentdeck.engine import exchange
from agentdeck.engine.candidates import Candidate, commit_work, find_candidate, wording
from agentdeck.engine.gate import Gate, Verdict, run_gate
from agentdeck.engine.landed import complete, record_commits, remove_landed
from agentdeck.engine.landings import Entry, Landing, Landings, LandRequest, Stage, new_id
from agentdeck.engine.resolving import resolve
from agentdeck.engine.undo import set_landed
from agentdeck.engine.world import Note, World
from agentdeck.errors import BusyError, DeckError, ExitCode, RefusedError
from agentdeck.system import advance, merges
from agentdeck.system.advance import Move, MovedError
from agentdeck.system.checkouts import find_worktree
from agentdeck.system.merges import Method
from agentdeck.system.process import uninterrupted
from agentdeck.system.submodules import bring_commits

_TURN = 24 * 3600.0
"""Seconds to wait for another landing on the same branch, whose gate may take long."""
_LOOK = 1.0
"""Seconds between two looks whether a landing that waits was cancelled."""


@dataclass(frozen=True, slots=True)
class Computed:
    """One agent's work on top of `old`."""

    agent: str
    tip: str
    old: str
    new: str


def land(world: World, request: LandRequest, note: Note) -> Landing:
    """Land the named agents in that order, and return what became of each. Raise only where nothing could be begun."""
    config = world.settings.config.landing
    landing = Landing(
        id=new_id(),
        at=time.time(),
        method=request.method or Method(config.method),
        gate=request.gate if request.gate is not None else tuple(config.gate),
        remove=config.remove if request.remove is None else request.remove,
        entries=tuple(Entry(name) for name in dict.fromkeys(request.names)),
    )
    if request.message and len(landing.entries) > 1:
        raise RefusedError("One message can't do for several agents.", hint="Land them one by one, or leave it out.")
    if request.dry_run:
        with world.repo.objects_aside() as repo:
            queue = LandingQueue(replace(world, repo=repo), request, landing, note)
            queue.run()
            return queue.landing
    with Landings(world.store).running(landing.id):
        queue = LandingQueue(world, request, landing, note)
        try:
            queue.run()
        finally:
            queue.end()
    return queue.landing


class LandingQueue:
    """One landing while it is carried out; its record is written at every stage."""

    def __init__(self, world: World, request: LandRequest, landing: Landing, note: Note) -> None:
        self.world, self.request, self.landing, self.note = world, request, landing, note
        self._landings = Landings(world.store)
        self._save(landing)

    def run(self) -> None:
        names = [entry.agent for entry in self.landing.entries]
        if self.request.pull and not self.request.dry_run:
            for base in self._bases():
                exchange.pull(self.world, base, self.note)
        if self.request.dry_run:
            self._try(names)
        elif self.request.batch and len(names) > 1:
            self._land_batch(names)
        else:
            for name in names:
                with self._set_aside_on_error(name):
                    self._land_one(name)
        if self.request.push:
            bases = {entry.base for entry in self.landing.entries if entry.stage is Stage.LANDED}
            for base in sorted(bases):
                self._push(base)

    def _push(self, base: str) -> None:
        try:
            told = exchange.push(self.world, base)
            self.landing = replace(self.landing, pushed=" ".join(filter(None, (self.landing.pushed, told))))
        except DeckError as error:
            # What landed has landed, and is to be told.
            self.landing = replace(self.landing, unpushed=error.title, unpushed_detail=error.detail or error.hint)

    def _bases(self) -> list[str]:
        """The branches that the agents of this queue would land on."""
        bases: dict[str, None] = {}
        for entry in self.landing.entries:
            agent = self.world.store.agent(entry.agent)
            lease = agent.lease("worktree") if agent else None
            if self.request.into or lease:
                bases[self.request.into or (lease.data["base"] if lease else "")] = None
        return list(bases)

    def end(self) -> None:
        for entry in self.landing.entries:
            if not entry.stage.is_end:
                self._entry(entry.agent, stage=Stage.INTERRUPTED, reason="it was interrupted; nothing was moved")
        self._save(record_commits(self.world, replace(self.landing, ended=time.time())))

    # The three ways through the queue

    def _try(self, names: Sequence[str]) -> None:
        """Compute what would land, each on top of the one before; change nothing."""
        tops: dict[str, str] = {}
        for name in names:
            with self._set_aside_on_error(name):
                candidate = find_candidate(self.world, name, self.request)
                old = tops.get(candidate.base) or self._tip(candidate.base)
                made = self._compute(candidate, old)
                if made is not None:
                    advance.check(self.world.repo, Move(candidate.base, self._tip(candidate.base), made.new))
                    tops[candidate.base] = made.new
                    self._entry(name, stage=Stage.WOULD_LAND)

    def _land_one(self, name: str) -> None:
        with self._held_agents([name]) as held:
            if not held:
                return
            candidate = self._ready(name)
            with self._held_base(candidate.base, [name]):
                for _ in range(self.world.settings.config.landing.retries + 1):
                    made = self._compute(candidate, self._tip(candidate.base))
                    if made is None:
                        return
                    if not self._pass(candidate, made):
                        return
                    try:
                        self._move(candidate.base, [made])
                    except MovedError:
                        self._starts_over(name, candidate.base)
                        continue
                    self._clear_up([name])
                    return
                raise self._restless(candidate.base)

    def _land_batch(self, names: Sequence[str]) -> None:
        """One gate run for all; where that fails, search for the first agent it fails with, and go on without it."""
        with self._held_agents(names) as held:
            ready: list[Candidate] = []
            for name in held:
                with self._set_aside_on_error(name):
                    ready.append(self._ready(name))
            for base in dict.fromkeys(candidate.base for candidate in ready):
                self._land_on(base, [candidate for candidate in ready if candidate.base == base])
            self._clear_up(held)

    def _land_on(self, base: str, batch: list[Candidate]) -> None:
        """Land one batch; what stops it is the reason of all that are left of it."""
        left = self.world.settings.config.landing.retries
        try:
            with self._held_base(base, [candidate.agent.name for candidate in batch]):
                while batch:
                    try:
                        batch = self._land_stack(base, batch)
                    except MovedError as error:
                        batch = self._not_ended(batch)
                        if not left:
                            raise self._restless(base) from error
                        left -= 1
                        self._starts_over(batch[0].agent.name, base)
        except DeckError as error:
            for candidate in self._not_ended(batch):
                self._aside_for(candidate.agent.name, error)

    def _not_ended(self, batch: Sequence[Candidate]) -> list[Candidate]:
        return [candidate for candidate in batch if not self.landing.entry(candidate.agent.name).stage.is_end]

    def _land_stack(self, base: str, batch: list[Candidate]) -> list[Candidate]:
        """Land what passes together; return what is to be tried again, after the one that failed. Raise MovedError
        where the base is elsewhere by now."""
        stack, top = [], self._tip(base)
        for candidate in batch:
            with self._set_aside_on_error(candidate.agent.name):
                made = self._compute(candidate, top)
                if made is not None:
                    stack.append(made)
                    top = made.new
        if not stack:
            return []
        advance.check(self.world.repo, Move(base, stack[0].old, top))
        good, failed = self._first_failure(base, stack)
        if good:
            self._move(base, stack[:good])
        if failed is None:
            return []
        self._gate_failed(stack[good], failed)
        rest = {made.agent for made in stack[good + 1 :]}
        return [candidate for candidate in batch if candidate.agent.name in rest]

    def _first_failure(self, base: str, stack: Sequence[Computed]) -> tuple[int, Verdict | None]:
        """How many of the stack, from its bottom, pass the gate together, and how the next one failed."""
        verdict = self._test(base, stack[-1], [made.agent for made in stack])
        if verdict.passed:
            return len(stack), None
        low, high, failed = 0, len(stack), verdict
        while high - low > 1:
            middle = (low + high) // 2
            verdict = self._test(base, stack[middle - 1], [made.agent for made in stack[:middle]])
            if verdict.passed:
                low = middle
            else:
                high, failed = middle, verdict
        return low, failed

    # The stages

    def _ready(self, name: str) -> Candidate:
        candidate = find_candidate(self.world, name, self.request)
        if candidate.uncommitted:
            message = self.request.commit or ""
            commit_work(self.world, candidate, message, self.note, lambda *parts: self._entry(name, parts=parts))
            candidate = find_candidate(self.world, name, self.request)
        there = find_worktree(self.world.repo, candidate.worktree) if candidate.worktree else None
        if there is not None:
            for text in bring_commits(self.world.repo, there.git_dir, candidate.start, candidate.tip):
                self.note(Event("warning", name, text))
        return candidate

    def _compute(self, candidate: Candidate, old: str) -> Computed | None:
        """Put the agent's work on top of `old`; None where it conflicts, or where there is nothing to do."""
        self._check_wanted()
        name, repo, method = candidate.agent.name, self.world.repo, self.landing.method
        commits = merges.new_commits(repo, old, candidate.tip)
        facts = {"base": candidate.base, "tip": candidate.tip, "old": old, "commits": len(commits)}
        self._entry(name, stage=Stage.MERGING, **facts)
        said = wording(self.world, candidate.agent, commits, method, self.request)
        found = merges.compute(repo, method, old, candidate.tip, said, landed=self._landed_before(candidate, old))
        new = found.commit
        if found.conflicts:
            if self.request.resolve is None or self.request.dry_run or method is Method.REBASE:
                self._conflicts(candidate, found)
                return None
            tree = resolve(self.world, self.landing.id, candidate, old, self.request.resolve, self.note)
            new = merges.commit_result(repo, method, tree, old, candidate.tip, said)
        if new == old:
            self._nothing_new(candidate, old)
            return None
        files = repo.git("diff-tree", "-r", "--name-only", "-z", old, new).count("\0")
        self._entry(name, new=new, files=files)
        return Computed(name, candidate.tip, old, new)

    def _landed_before(self, candidate: Candidate, old: str) -> str | None:
        """The part of the branch that is in the base by an earlier squash or rebase, unless that was taken back."""
        if candidate.agent.landed is None:
            return None
        tip, result = candidate.agent.landed
        repo = self.world.repo
        known = repo.commit(tip) and repo.commit(result)
        return tip if known and merges.is_ancestor(repo, result, old) else None

    def _pass(self, candidate: Candidate, made: Computed) -> bool:
        advance.check(self.world.repo, Move(candidate.base, made.old, made.new))
        verdict = self._test(candidate.base, made, [made.agent])
        if not verdict.passed:
            self._gate_failed(made, verdict)
        return verdict.passed

    def _test(self, base: str, made: Computed, agents: Sequence[str]) -> Verdict:
        if not self.landing.gate:
            return Verdict(True, "", "", 0.0)
        for name in agents:
            self._entry(name, stage=Stage.GATING)
        gate = Gate(self.landing.id, made.agent, base, self.landing.gate, self.request.cancelled)
        verdict = run_gate(self.world, gate, made.new, self.note)
        self._check_wanted()
        for name in agents:
            self._entry(name, gate=verdict.log)
        return verdict

    def _check_wanted(self) -> None:
        if self.request.cancelled():
            raise RefusedError("It was cancelled; nothing was moved.")

    def _move(self, base: str, stack: Sequence[Computed]) -> None:
        """Move the base to the top of the stack; raise MovedError, with nothing changed, where it is elsewhere now."""
        move = {
            "kind": "base",
            "branch": base,
            "old": stack[0].old,
            "new": stack[-1].new,
            "agents": [self._stands(made, base) for made in stack],
        }
        self.landing = replace(self.landing, move=move)
        for made in stack:
            self._entry(made.agent, stage=Stage.MOVING)
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
                self._save(replace(self.landing, move=None))
            raise

    def _complete(self) -> None:
        with uninterrupted():
            self.landing = complete(self.world, self.landing, self.note)

    def _stands(self, made: Computed, base: str) -> dict[str, Any]:
        """How the agent stands before its landing and after it."""
        status, agent = self.world.store.status(made.agent), self.world.store.agent(made.agent)
        text = f"on {base} as {made.new[:10]}"
        after = Status(**{**_fields(status), "state": State.LANDED, "since": time.time(), "reason": text})
        return {
            "name": made.agent,
            "before": {"status": status.to_json(), "landed": agent.landed if agent else None},
            "after": {"status": after.to_json(), "landed": (made.tip, made.new)},
        }

    def _clear_up(self, names: Sequence[str]) -> None:
        """Remove the agents that landed, where that was asked for. Their operation locks are held."""
        if self.landing.remove:
            remove_landed(self.world, self.landing, names, self.note)

    # What is not to land

    def _conflicts(self, candidate: Candidate, found: merges.Outcome) -> None:
        where = "; ".join(conflict.where for conflict in found.conflicts[:6])
        more = f" and {len(found.conflicts) - 6} more files" if len(found.conflicts) > 6 else ""
        name = candidate.agent.name
        at = f", applying {found.at[:10]}" if found.at else ""
        how = "--merge --resolve " if self.landing.method is Method.REBASE else "--resolve "
        self._aside(
            name,
            f"it conflicts with {candidate.base}{at} in {where}{more}",
            hint=f"agentdeck merge {how}{name}, or --hand-back to let the agent do it",
            conflicts=found.conflicts,
        )

    def _nothing_new(self, candidate: Candidate, old: str) -> None:
        name = candidate.agent.name
        if candidate.tip == candidate.start:
            self._aside(name, "it has committed nothing, so there is nothing to land")
            return
        reason = f"{candidate.base} has all of it already"
        self._entry(name, stage=Stage.LANDED if not self.request.dry_run else Stage.WOULD_LAND, reason=reason)
        if not self.request.dry_run:
            facts = self._stands(Computed(name, candidate.tip, old, old), candidate.base)["after"]
            set_landed(self.world, name, facts)

    def _gate_failed(self, made: Computed, verdict: Verdict) -> None:
        self._aside(
            made.agent, f"its gate failed: {verdict.reason}", hint=f"less '{verdict.log}'", code=ExitCode.FAILED
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
        self._entry(
            name,
            stage=Stage.SET_ASIDE,
            reason=reason,
            detail=detail,
            hint=hint,
            exit_code=code,
            conflicts=conflicts,
        )
        event = Event("landing.refused", name, f"not landed: {reason}", {"landing": self.landing.id})
        if self.request.dry_run or self.world.store.agent(name) is None:
            self.note(event)
        else:
            self.world.note(event, self.note)

    @contextlib.contextmanager
    def _set_aside_on_error(self, name: str) -> Iterator[None]:
        try:
            yield
        except DeckError as error:
            self._aside_for(name, error)

    def _aside_for(self, name: str, error: DeckError) -> None:
        self._aside(name, error.title, detail=error.detail, hint=error.hint, code=error.exit_code)

    def _starts_over(self, name: str, base: str) -> None:
        self.note(Event("landing.again", name, f"{base} moved meanwhile; it starts over"))

    def _restless(self, base: str) -> RefusedError:
        return RefusedError(f"{base} kept moving while this was tested.", hint="Land it again.")

    # Locks and records

    @contextlib.contextmanager
    def _held_agents(self, names: Sequence[str]) -> Iterator[list[str]]:
        """Keep others from removing or resuming the agents; in the order of their names, so that two queues that hold
        one each never wait for each other. Those that others are at are set aside; get the rest."""
        with contextlib.ExitStack() as stack:
            held = set()
            for name in sorted(names):
                with self._set_aside_on_error(name):
                    if self.world.store.agent(name) is not None:
                        stack.enter_context(self.world.store.operation(name, wait=5))
                    held.add(name)
            yield [name for name in names if name in held]

    @contextlib.contextmanager
    def _held_base(self, base: str, names: Sequence[str]) -> Iterator[None]:
        if advance.is_held(self.world.repo, base):
            self.note(Event("landing.waiting", names[0], f"waits for another landing on {base}"))
        with contextlib.ExitStack() as held:
            self._wait_for(base, held)
            yield

    def _wait_for(self, base: str, held: contextlib.ExitStack) -> None:
        deadline = time.monotonic() + _TURN
        while True:
            self._check_wanted()
            try:
                held.enter_context(advance.holding(self.world.repo, base, wait=_LOOK))
                return
            except BusyError:
                if time.monotonic() > deadline:
                    raise

    def _tip(self, base: str) -> str:
        tip = self.world.repo.commit(f"refs/heads/{base}")
        if tip is None:
            raise RefusedError(f"The branch {base} is gone.")
        return tip

    def _entry(self, name: str, **changed: Any) -> None:
        self._save(self.landing.with_entry(name, **changed))

    def _save(self, landing: Landing) -> None:
        self.landing = landing
        if not self.request.dry_run:
            self._landings.save(landing)


def _fields(status: Status) -> dict[str, Any]:
    return {name: getattr(status, name) for name in Status.__slots__}
