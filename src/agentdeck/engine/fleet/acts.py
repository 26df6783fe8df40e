"""What is done with an agent that is on another host: its host's own deck does it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from agentdeck.core.agents.agent import Agent, Phase
from agentdeck.core.frozen import asdict
from agentdeck.core.merging.patch import FilePatch, PatchLine
from agentdeck.core.question import Question
from agentdeck.core.text.text import cut, plain
from agentdeck.engine import roster
from agentdeck.engine.fleet import handing, looking
from agentdeck.engine.fleet.hosts import Remote
from agentdeck.engine.fleet.mirror import Mirror
from agentdeck.engine.fleet.sending import check_submodules, send_commits
from agentdeck.engine.records.parts import ChangeBack, ChangeGone
from agentdeck.engine.records.steps import Step, Steps
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.review import Scope
from agentdeck.engine.world import Note, World, silent
from agentdeck.errors import DeckError, NotFoundError, RefusedError, UnreachableError
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.fleet.hostlist import HostList, HostSpec
from agentdeck.system.fleet.reach import SshReach, forwards, ssh_words
from agentdeck.system.git import changes
from agentdeck.system.state import logs

if TYPE_CHECKING:
    from agentdeck.system.fleet.tunnels import Forward

_SCREEN = 5.0
_FORWARD = 30.0
_ACT = 120.0
"""Seconds that an act may take: a stop waits for the agent to end."""


def tell(world: World, view: AgentView, verb: str, note: Note = silent, /, **words: Any) -> Any:
    """Let the host do it; then let home's copy follow. Raise UnreachableError where it does not answer: then nobody
    knows whether it was done, and it is not asked again."""
    if view.agent.phase is Phase.ACQUIRING:
        raise RefusedError(
            f"{view.agent.host} has not said yet whether {view.name} started.", hint=f"agentdeck show {view.name}"
        )
    remote = Remote.of(world, view.agent.host)
    result = remote.call(verb, agent=view.name, timeout=_ACT, **words)
    agent = world.store.agent(view.name)
    if agent is not None:
        looking.sync(world, remote, [agent], note)
    return result


def send(
    world: World, view: AgentView, text: str, keys: Sequence[str] = (), *, enter: bool = True, now: bool = False
) -> bool:
    """See Deck.send."""
    return bool(tell(world, view, "send", text=text, keys=list(keys), enter=enter, now=now))


def answer(world: World, view: AgentView, choice: str, text: str, seen: Question | None) -> str:
    """See Deck.answer."""
    question = asdict(seen) if seen is not None else None
    return str(tell(world, view, "answer", choice=choice, text=text, seen=question))


def stop(world: World, view: AgentView, note: Note) -> AgentView:
    """See Deck.stop."""
    tell(world, view, "stop", note)
    return roster.agent(world, view.name)


def resume(world: World, view: AgentView, prompt: str, note: Note, *, now: bool = False) -> AgentView:
    """See Deck.resume."""
    handing.hand_down(world, Remote.of(world, view.agent.host), [view.agent])
    tell(world, view, "resume", note, prompt=prompt)
    return roster.agent(world, view.name)


def fail_over(world: World, view: AgentView, to: str, note: Note) -> AgentView:
    """See Deck.fail_over."""
    tell(world, view, "fail_over", note, to=to)
    return roster.agent(world, view.name)


def fail_back(world: World, view: AgentView, note: Note) -> AgentView:
    """See Deck.fail_back."""
    tell(world, view, "fail_back", note)
    return roster.agent(world, view.name)


def screen(world: World, view: AgentView, *, colours: bool) -> str:
    """See Deck.screen."""
    return str(Remote.of(world, view.agent.host).call("screen", agent=view.name, colours=colours))


def screen_lines(world: World, name: str) -> list[str]:
    """The screen line by line, coloured. Raise NotFoundError where its host has none, or does not say in time."""
    try:
        remote = Remote.of(world, roster.agent(world, name).host, patient=False)
        text = str(remote.call("screen", agent=name, colours=True, timeout=_SCREEN))
    except DeckError as error:
        raise NotFoundError(error.title) from error
    return text.rstrip("\n").split("\n")


def raw_output(world: World, view: AgentView) -> Iterator[bytes]:
    """See Deck.raw_output."""
    remote = Remote.of(world, view.agent.host)
    told = remote.call("recording", agent=view.name, timeout=_ACT)
    with scratch_folder() as scratch:
        path = scratch / "recording"
        looking.download(remote, str(told["key"]), int(told["size"]), path)
        with path.open("rb") as file:
            while data := file.read(1 << 16):
                yield data


def attach_argv(world: World, view: AgentView) -> list[str]:
    """See Deck.attach_argv. Attaching is a connection of its own."""
    spec = HostList().get(view.agent.host)
    there = ["host", "attach", world.deck, view.name]
    return spec.reach.argv(spec.command(*there), tty=True)


def shell_argv(world: World, view: AgentView) -> list[str]:
    """See DeckFleet.shell_argv."""
    spec, folder = HostList().get(view.agent.host), Mirror.read(world.store, view.name).worktree
    if not folder:
        raise RefusedError(f"{view.name} has no worktree on {spec.name}.")
    return spec.reach.argv(["sh", "-c", 'cd -- "$1" && exec "${SHELL:-sh}"', "sh", folder], tty=True)


def forward(world: World, view: AgentView) -> Forward:
    """Open the agent's ports here until that is closed. Raise UnreachableError, with what ssh says, where that fails;
    it asks a person for nothing."""
    from agentdeck.system.fleet.tunnels import Forward

    spec, ports = _forwardable(world, view)
    reach = spec.reach
    if not isinstance(reach, SshReach):
        raise RefusedError(f"{spec.name} is not reached by ssh, which alone can open its ports here.")
    made = Forward(reach.forward(spec.command("host", "far-end"), ports))
    if not made.wait(_FORWARD):
        told = [line for line in made.complaint.splitlines() if line.strip()]
        why = cut(plain(told[0] if told else "there is no connection"), 300).rstrip(". ")
        raise UnreachableError(f"The ports of {view.name} can't be opened here: {why}.", hint=reach.shown)
    return made


def _forwardable(world: World, view: AgentView) -> tuple[HostSpec, tuple[int, ...]]:
    spec, ports = HostList().get(view.agent.host), Mirror.read(world.store, view.name).ports
    if not ports:
        raise RefusedError(f"{view.name} holds no port on {spec.name}.")
    if spec.folder:
        raise RefusedError(f"{spec.name} is a folder of this machine: its ports are open here already.")
    return spec, ports


def forward_argv(world: World, view: AgentView) -> list[str]:
    """What to run here so that the agent's ports are this machine's too; it runs until it is ended."""
    spec, ports = _forwardable(world, view)
    options = ["-o", "ExitOnForwardFailure=yes", "-o", "ServerAliveInterval=5"]
    return [*ssh_words(), "-N", *options, *forwards(ports), "--", spec.destination or spec.name]


def log_lines(
    world: World, view: AgentView, *, since: float | None, grep: re.Pattern[str] | None, follow: bool
) -> Iterator[logs.LogLine]:
    """See Deck.log_lines: the copy of the log here, which follows the host's while one reads."""
    if view.log is None:
        return
    if not follow:
        for line in logs.read_log(view.log, since=since):
            if grep is None or grep.search(line.text):
                yield line
        return
    from agentdeck.engine.fleet.following import Follower

    with Follower(world, view.agent.host, tail=view.name):
        yield from logs.follow_log(
            view.log, since=since, grep=grep, until=lambda: not world.store.runner_lives(view.name)
        )


# Its work


def ready_to_land(world: World, name: str, *, commit: str | None, stop_first: bool, note: Note) -> None:
    """Have all here that the agent made, before it lands. Raise where it is at work, where its work is not committed
    and not to be, and where its host does not answer: then nobody knows what it made last."""
    view = roster.agent(world, name)
    if is_all_here(world, view.agent):
        return
    remote = Remote.of(world, view.agent.host)
    looking.sync(world, remote, [view.agent], note)
    view = roster.agent(world, name)
    if view.alive and view.state.is_live and not view.status.is_at_prompt:
        if not stop_first:
            raise RefusedError(f"{name} is {view.state}.", hint=f"Wait for it, or “agentdeck merge --stop {name}”.")
        stop(world, view, note)
    if commit is None and (lines := uncommitted(world, view)):
        raise RefusedError(
            f"{name} has uncommitted work on {view.agent.host}.",
            detail="\n".join(lines[:12]),
            hint=f"“agentdeck merge --commit {name}” commits it, and lands that too.",
        )
    if commit is not None:
        tell(world, view, "commit", note, message=commit)
    mirror, lease = looking.pull(world, view.agent, note), view.agent.worktree
    if lease is not None:
        check_submodules(world, view.agent.host, lease.base_commit, mirror.tip)


def is_all_here(world: World, agent: Agent) -> bool:
    """Whether its host is gone, and all that the agent made was fetched and committed before: then nobody needs to be
    asked."""
    spec = HostList().find(agent.host)
    if spec is None or not spec.lost:
        return False
    mirror, status = Mirror.read(world.store, agent.name), world.store.status(agent.name)
    was_fetched = not status.state.is_live and not looking.is_behind(world, agent, 0.0)
    return was_fetched and bool(mirror.tip) and world.repo.tree(mirror.tip) == world.repo.tree(mirror.live)


def uncommitted(world: World, view: AgentView) -> list[str]:
    """See DeckReview.uncommitted."""
    told = Remote.of(world, view.agent.host).call("uncommitted", agent=view.name, timeout=60)
    return [str(line) for line in told] if isinstance(told, list) else []


def unsaved(world: World, view: AgentView) -> str:
    """See Deck.unsaved."""
    if is_all_here(world, view.agent):
        return ""
    return str(Remote.of(world, view.agent.host).call("unsaved", agent=view.name, timeout=60))


def diff_text(world: World, view: AgentView, *, stat: bool, colour: bool) -> str:
    """See DeckReview.text: from what was fetched last, which is now where the host answers."""
    from agentdeck.engine.worktrees.heads import fetched

    begin, _, live = fetched(world, view.agent)
    return changes.between(world.repo, begin, live, stat=stat, colour=colour)


def revert(world: World, view: AgentView, scope: Scope, file: FilePatch, hunk: Sequence[PatchLine]) -> Step:
    """See DeckReview.revert: its host takes the change out and keeps it there; the step that makes it again is here."""
    lines = [asdict(line) for line in hunk]
    told = tell(world, view, "revert", scope=str(scope), path=file.path, old_path=file.old_path, hunk=lines)
    part = ChangeGone(view.name, file.path, plain(str(told["trash"]))[:80])
    looking.pull(world, view.agent)
    return Steps(world.store).record(f"revert {view.name} {part.trash}", plain(str(told["text"]))[:400], part)


def take_back_change(world: World, agent: Agent, part: ChangeGone | ChangeBack, *, only_check: bool) -> None:
    """Make a change again that was taken out on the host, or take it out again. Raise where that can't be."""
    words = {"path": part.path, "trash": part.trash, "again": isinstance(part, ChangeGone), "only_check": only_check}
    Remote.of(world, agent.host).call("take_back_change", agent=agent.name, timeout=_ACT, **words)
    if not only_check:
        looking.pull(world, agent)


def give_base(world: World, view: AgentView, base: str) -> None:
    """Let the host's own branch stand where the base stands here, so that the agent can merge it."""
    remote, tip = Remote.of(world, view.agent.host), world.repo.commit(f"refs/heads/{base}")
    if tip is not None:
        send_commits(world, remote, [tip])
        remote.call("base", agent=view.name, base=base, commit=tip, timeout=_ACT)
