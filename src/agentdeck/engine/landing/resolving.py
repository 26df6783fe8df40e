"""What a conflict offers: a person resolves it in a window of its own, or the agent is asked to."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from agentdeck.core.agents.agent import COMMAND, Agent, Mode, Phase, State, unique_name
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.engine import roster
from agentdeck.engine.landing.candidates import Candidate
from agentdeck.engine.lifecycle import removal
from agentdeck.engine.lifecycle.hosts import tell
from agentdeck.engine.lifecycle.stack import acquire_all
from agentdeck.engine.records.landings import Entry, Landing, LandRequest, Stage
from agentdeck.engine.views import AgentView
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.heads import fetched, work_of
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import DeckError, ExitCode, RefusedError
from agentdeck.system.files.watch import ticks
from agentdeck.system.git import merges
from agentdeck.system.git.merges import Method
from agentdeck.system.git.repository import Repository
from agentdeck.system.machine.interrupts import uninterrupted

Attach = Callable[[str], None]
"""Shows the terminal of the agent of that name to the person, and returns when they have left it."""

_SCRIPT = """
git merge --no-ff --no-commit "$1" > /dev/null
printf '\\nLanding %s on %s: these conflict.\\n\\n' "$2" "$3"
git -c color.status=always status --short
printf '\\nEdit and “git add” them, then type “exit”: the result goes through the gate and lands.\\n'
printf 'To give up, type “exit” at once: nothing is changed.\\n\\n'
exec "${SHELL:-/bin/sh}"
"""
_ROUNDS = 2
"""How often a conflict is handed back before a person is needed."""
_SETTLE = 60.0
"""Seconds in which an agent that was told something starts on it."""


def resolve(world: World, landing_id: str, candidate: Candidate, old: str, attach: Attach, note: Note) -> str:
    """Let a person merge the candidate into `old` in a temporary worktree; return the tree they made.

    Raise RefusedError where they left conflicts. What they did and did not bring into the tree is kept in the trash.
    """
    with world.store.naming():
        agent = _window(world, landing_id, candidate, old)
        world.store.save(agent)
    is_whole = False
    try:
        with world.store.operation(agent.name, wait=5):
            agent = replace(acquire_all(world, agent, silent), phase=Phase.HELD)
            world.store.save(agent)
        with _let_go_when_left(world, agent.name):
            attach(agent.name)
        if world.lives(agent.name):
            text = f"waits until you close the window {agent.name} with “exit” (agentdeck attach {agent.name})"
            note(Event(EventKind.LANDING_WAITING, candidate.agent.name, text))
        for _ in ticks(world.store.agent_folder(agent.name)):
            if not world.lives(agent.name):
                break
        tree = _resolved_tree(world, agent, candidate, old)
        is_whole = _holds_no_more(identity.enter(world, agent), tree)
        return tree
    finally:
        with uninterrupted(), world.store.operation(agent.name, wait=10):
            removal.roll_back(world, world.store.agent(agent.name) or agent, silent, keep_work=not is_whole)


@contextlib.contextmanager
def _let_go_when_left(world: World, name: str) -> Iterator[None]:
    """Detach the terminals that show the window once its shell has ended, which by itself leaves the window there."""
    back = threading.Event()

    def watch() -> None:
        for _ in ticks(world.store.agent_folder(name)):
            if back.is_set():
                return
            if not world.lives(name):
                from agentdeck.system.terminal.terminals import Terminals

                Terminals(world.tmux).detach_viewers(world.deck, name)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        back.set()


def _window(world: World, landing_id: str, candidate: Candidate, old: str) -> Agent:
    name = candidate.agent.name
    return Agent(
        name=unique_name(f"resolve-{name}"[:40].rstrip("-"), world.store.names()),
        task=f"Resolve the conflicts of {name} with {candidate.base}",
        profile=COMMAND,
        mode=Mode.INTERACTIVE,
        created=time.time(),
        argv=("/bin/sh", "-c", _SCRIPT, "resolve", candidate.tip, name, candidate.base),
        base=candidate.base,
        base_commit=old,
        landing=landing_id,
        runs=1,
    )


def _resolved_tree(world: World, agent: Agent, candidate: Candidate, old: str) -> str:
    here = identity.enter(world, agent)
    head = str(here.commit("HEAD"))
    if head != old:
        if not merges.is_ancestor(world.repo, candidate.tip, head) or not merges.is_ancestor(world.repo, old, head):
            raise RefusedError("The commit made there is not a merge of the two.", hint="Try it again.")
        return here.git("rev-parse", "HEAD^{tree}")
    if here.commit("MERGE_HEAD") is None:
        raise RefusedError("The merge was abandoned.", hint="Nothing was changed.")
    left = sorted({line.partition("\t")[2] for line in here.lines("ls-files", "--unmerged")})
    if left:
        raise RefusedError(
            f"{len(left)} conflict{'s are' if len(left) > 1 else ' is'} not resolved.",
            detail="\n".join(left),
            hint="Your work is kept in the trash. A file counts as resolved after “git add”.",
        )
    here.git("add", "--update")
    return here.git("write-tree")


def _holds_no_more(here: Repository, tree: str) -> bool:
    """Whether all that lies in the worktree is in `tree`."""
    untracked = here.git("ls-files", "--others", "--exclude-standard")
    return not untracked and bool(here.run("diff", "--quiet", "--no-ext-diff", tree))


def hand_back(
    world: World,
    land: Callable[[LandRequest, Note], Landing],
    repair: Callable[[Note], None],
    landing: Landing,
    request: LandRequest,
    note: Note,
) -> Landing:
    """Ask each agent whose work conflicts to merge its base and resolve that; land those that did. Return the landing
    with what became of them."""
    for _ in range(_ROUNDS):
        asked = {}
        for entry in [entry for entry in landing.entries if entry.conflicts and entry.stage is Stage.SET_ASIDE]:
            try:
                _ask(world, entry, landing.method, note)
                asked[entry.agent] = world.repo.commit(f"refs/heads/{entry.base}") or ""
            except DeckError as error:
                landing = landing.with_entry(entry.agent, reason=f"{entry.reason}; {error.title}", hint=error.hint)
        ready = [name for name, base in asked.items() if _merged(world, repair, name, base, note)]
        for name in asked.keys() - set(ready):
            reason = f"{landing.entry(name).reason}; it was handed back and ended without merging the base"
            landing = landing.with_entry(name, reason=reason, exit_code=ExitCode.FAILED, conflicts=())
        if not ready:
            return landing
        again = land(replace(request, names=tuple(ready), hand_back=False, pull=False), note)
        for entry in again.entries:
            changed = {name: getattr(entry, name) for name in Entry.__slots__ if name != "agent"}
            landing = landing.with_entry(entry.agent, **changed)
        if again.pushed or again.unpushed:
            pushed = {name: getattr(again, name) for name in ("pushed", "unpushed", "unpushed_detail", "unpushed_hint")}
            landing = replace(landing, **pushed)
    return landing


def _ask(world: World, entry: Entry, method: Method, note: Note) -> None:
    view = roster.agent(world, entry.agent)
    if view.agent.profile == COMMAND:
        raise RefusedError("a command can't be given a task", hint=f"agentdeck merge --resolve {entry.agent}")
    if view.host:
        from agentdeck.engine.fleet import acts

        acts.give_base(world, view, entry.base)
    where = "\n".join(f"- {conflict.where}" for conflict in entry.conflicts)
    if method is Method.REBASE:
        how, end = (
            f"Rebase your branch onto {entry.base} (git rebase {entry.base})",
            "and continue the rebase to its end",
        )
    else:
        how, end = f"Merge {entry.base} into your branch (git merge --no-edit {entry.base})", "and commit the merge"
    what = f"branch {view.branch}" if view.branch else "work"
    text = (
        f"Your {what} conflicts with {entry.base}:\n{where}\n{how}, resolve the conflicts so that what "
        f"both sides wanted is kept, check that it works, {end}. Do not push."
    )
    event = Event(EventKind.LANDING_HANDED, view.name, f"was asked to resolve its conflict with {entry.base}")
    world.note(event, note)
    tell(world, view, text, note)


def _merged(world: World, repair: Callable[[Note], None], name: str, base: str, note: Note) -> bool:
    """Wait until the agent's branch has all of `base` and the agent rests; say whether it came to that."""
    asked = time.monotonic()
    with _following(world, name):
        for _ in ticks(world.store.agent_folder(name)):
            view = roster.agent(world, name)
            if not view.alive and view.state.is_live:
                repair(note)
            if view.state.is_live:
                asked = time.monotonic()
                continue
            tip = _tip_of(world, view)
            if tip is not None and merges.is_ancestor(world.repo, base, tip):
                return True
            if view.state not in (State.DONE, State.LANDED) or not view.alive or time.monotonic() - asked > _SETTLE:
                return False
    return False


def _following(world: World, name: str) -> contextlib.AbstractContextManager[object]:
    """Let what is known of an agent on another host follow it."""
    if not (host := roster.agent(world, name).host):
        return contextlib.nullcontext()
    from agentdeck.engine.fleet.following import Follower

    return Follower(world, host)


def _tip_of(world: World, view: AgentView) -> str | None:
    if not view.host:
        return work_of(world, view.agent).tip
    from agentdeck.engine.fleet import looking

    looking.follow_work(world, view.agent)
    return fetched(world, view.agent)[1]
