"""What a home may ask of a deck on this host, each by its verb."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import check_name
from agentdeck.core.fleet.orders import StartOrder, epoch_of
from agentdeck.core.frozen import replace
from agentdeck.core.merging.patch import FilePatch, PatchLine
from agentdeck.core.question import Question
from agentdeck.engine.deck import Deck
from agentdeck.engine.host import decks
from agentdeck.engine.records.parts import ChangeBack, ChangeGone, Removal
from agentdeck.engine.records.steps import Step
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.review import Scope
from agentdeck.engine.views.starts import request_from_json
from agentdeck.engine.world import silent
from agentdeck.errors import NotFoundError, RefusedError, UsageError
from agentdeck.system.config.settings import home_file
from agentdeck.system.files.files import opened, private_folder, read_json, write_atomic, write_json
from agentdeck.system.git.repository import Repository

CHUNK = 1 << 20
"""Bytes of a file that travel in one frame."""
_PATIENCE = 120.0
"""Seconds to wait for another start of the same agent."""


def start(order: StartOrder, handed: Mapping[str, str]) -> dict[str, Any]:
    """Start the agent of the order, or return the one that it started before. `handed` are keys from home."""
    deck = decks.find(order.deck)
    world = deck._world
    world.handed.update(handed)
    if order.agent in deck.store.names():
        # An earlier server may be at the same order still, or was killed at it.
        with deck.store.operation(order.agent, wait=_PATIENCE):
            pass
        deck.repair()
    _check_epoch(deck, order)
    if deck.store.read_id(order.key) is None:
        _put_base(world.repo, order.base, order.base_commit)
        if order.branch_commit and world.repo.commit(f"refs/heads/{order.branch}") is None:
            world.repo.git("update-ref", f"refs/heads/{order.branch}", order.branch_commit)
        if (own := home_file(deck.root)) is not None:
            write_atomic(own, order.own, 0o600)
        _put_config(deck, order.config, approved=order.approved)
    made = request_from_json(order.request)
    write_json(private_folder(deck.store.folder / "orders") / f"{order.agent}.json", order.to_json())
    made = replace(made, name=order.agent, id=order.key, base=order.base, branch=order.branch)
    view = deck.start(replace(made, on="", needs=None, parent=""))
    return receipt(view)


def order_of(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    """The order that the agent was started by."""
    return read_json(deck.store.folder / "orders" / f"{check_name(name)}.json")


def receipt(view: AgentView) -> dict[str, Any]:
    agent, lease = view.agent, view.agent.worktree
    return {
        "epoch": epoch_of(agent.id),
        "profile": agent.profile,
        "mode": str(agent.mode),
        "tier": agent.tier,
        "model": agent.model,
        "permission": agent.permission,
        "box": agent.box,
        "worktree": str(view.worktree or ""),
        "base_commit": lease.base_commit if lease else "",
        "ports": view.ports,
        "runs": agent.runs,
    }


def _check_epoch(deck: Deck, order: StartOrder) -> None:
    """Raise RefusedError where an agent of that name is here from another start."""
    if order.agent not in deck.store.names():
        return
    old = epoch_of(deck.agent(order.agent).agent.id)
    if old != order.epoch:
        raise RefusedError(f"This host still holds start {old} of {order.agent}.", hint="agentdeck hosts ls")


def _put_base(repo: Repository, base: str, commit: str) -> None:
    """The clone's own branch stands where home's does; nobody works on it, for the clone's HEAD is on a commit."""
    repo.git("update-ref", f"refs/heads/{base}", commit)
    repo.git("checkout", "--quiet", "--force", "--detach", commit)


def _put_config(deck: Deck, config: str | None, *, approved: bool) -> None:
    """The repository's configuration is the one at home, and so is what the person approved of it."""
    path = deck.root / "agentdeck.toml"
    if config is not None:
        write_atomic(path, config, 0o644)
    else:
        path.unlink(missing_ok=True)
    if approved and not deck.trust.standing().counts:
        deck.trust.approve(deck.trust.standing().values)


# With an agent


def send(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    keys = [str(key) for key in words.get("keys", ())]
    return deck.send(name, str(words["text"]), keys=keys, enter=bool(words["enter"]), now=bool(words["now"]))


def answer(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    seen = Question.from_json(words["seen"]) if words.get("seen") else None
    return deck.answer(name, str(words["choice"]), str(words["text"]), seen)


def stop(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    deck.stop(name)


def resume(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    return receipt(deck.resume(name, str(words["prompt"])))


def fail_over(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    deck.fail_over(name, str(words["to"]))


def fail_back(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    deck.fail_back(name)


def screen(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    return deck.screen(name, colours=bool(words["colours"]))


def unsaved(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    return deck.unsaved(name)


def uncommitted(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    return deck.review.uncommitted(name)


def remove(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    """Remove it; one that is gone is fine."""
    if name in deck.store.names():
        epoch = epoch_of(deck.agent(name).agent.id)
        if epoch != words["epoch"]:
            raise RefusedError(f"This host holds start {epoch} of {name}, not {words['epoch']}.")
        deck.remove(name, stop=True, keep_database=bool(words.get("keep_database")))


def _removals(deck: Deck, name: str) -> list[Step]:
    """The steps by which the agent was removed and that nobody took back."""
    steps = [step for step in deck.history.steps() if not step.undone]
    return [step for step in steps if any(isinstance(part, Removal) and part.agent == name for part in step.parts)]


def undo(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    """Take back the last removal of the agent; one that is back stays."""
    if name in deck.store.names():
        return
    removed = _removals(deck, name)
    if not removed:
        raise NotFoundError(f"This host has no removal of {name} to undo.")
    deck.undo(removed[-1].number)


def commit(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    """Commit all that its worktree holds, as a landing would."""
    from agentdeck.engine.landing.candidates import find_candidate
    from agentdeck.engine.landing.committing import commit_work
    from agentdeck.engine.views.landings import LandRequest

    world, message = deck._world, str(words["message"])
    candidate = find_candidate(world, name, LandRequest((name,), commit=message), protected=True)
    if candidate.uncommitted:
        commit_work(world, candidate, message, silent, lambda *parts: None)


def revert(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    """Take a change out of its worktree; return how the trash here calls it."""
    hunk = [PatchLine(**line) for line in words["hunk"]]
    file = FilePatch(str(words["path"]), str(words["old_path"]), "M")
    step = deck.review.revert(deck.agent(name), Scope(words["scope"]), file, hunk)
    (part,) = step.parts
    assert isinstance(part, ChangeGone)
    return {"trash": part.trash, "text": step.text}


def take_back_change(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    """Make the change again, or take it out again."""
    from agentdeck.engine.review import reverting

    trash = str(words["trash"])
    if not trash.isdecimal():
        raise UsageError("That is no change in the trash.")
    part = (ChangeGone if words["again"] else ChangeBack)(check_name(name), str(words["path"]), trash)
    reverting.check(deck._world, part)
    if not words["only_check"]:
        reverting.take_back(deck._world, part)


def base(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    """Let the clone's own branch stand where home's does."""
    _put_base(deck._world.repo, str(words["base"]), str(words["commit"]))


# The gate of a landing at home


def gate(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    """Begin the gate of the agent `name`, which need not be here; return the name of the gate's own agent."""
    from agentdeck.engine.landing.gate import Gates
    from agentdeck.engine.records.landings import Gate

    world, running = deck._world, {str(each) for each in words["running"]}
    for old in world.store.agents():
        if old.landing and old.landing not in running:
            end_gate(deck, old.name, {})
    _put_base(world.repo, str(words["base"]), str(words["base_commit"]))
    config = words["config"]
    _put_config(deck, None if config is None else str(config), approved=words["approved"] is True)
    asked = Gate(str(words["landing"]), check_name(name), str(words["base"]), [str(each) for each in words["commands"]])
    return Gates(deck._current.trusted(), silent).begin(asked, str(words["box"]), str(words["commit"]))


def gate_state(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    """Whether it is over, what it found, and what it has printed since."""
    from agentdeck.engine.landing.gate import verdict_of

    world, agent = deck._world, deck.store.agent(check_name(name))
    if agent is None or not agent.landing:
        raise NotFoundError(f"There is no gate {name} here.")
    is_over = not (world.store.status(name).state.is_live and world.lives(name))
    verdict, log = verdict_of(world, agent), agent.pane.log if agent.pane else ""
    printed = _more(log, [log, words["offset"]])
    told = {"over": is_over, "passed": verdict.passed, "reason": verdict.reason}
    return {**told, "data": printed["data"], "more": printed["more"]}


def end_gate(deck: Deck, name: str, words: Mapping[str, Any]) -> Any:
    """Remove it; one that is gone is fine."""
    from agentdeck.engine.landing.gate import end_gate as end

    agent = deck.store.agent(check_name(name))
    if agent is not None and agent.landing:
        end(deck._world, name)


ON_AGENT: dict[str, Callable[[Deck, str, Mapping[str, Any]], Any]] = {"order": order_of} | {
    each.__name__: each
    for each in (
        send, answer, stop, resume, fail_over, fail_back, screen, unsaved, uncommitted, remove, undo, commit,
        revert, take_back_change, base, gate, gate_state, end_gate,
    )
}  # fmt: skip
LOOKING = frozenset({"screen", "unsaved", "uncommitted", "sync", "facts", "part", "tail", "gate_state"})
"""Verbs that wait for no other."""


# What it tells


def tell(deck: Deck, name: str, asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """How the agent stands, and what its files have that home has not; None where it is not here."""
    if name not in deck.store.names():
        return None
    view = deck.agent(name)
    agent, activity = view.agent, view.activity
    folder = deck.store.agent_folder(name)
    log = str(view.log) if view.log else ""
    places = {"events": str(folder / "events.jsonl"), "log": log, "usage": log and str(Path(log).with_suffix(".usage"))}
    return {
        **receipt(view),
        "clock": time.time(),
        "status": view.status.to_json(),
        "alive": view.alive,
        "activity": activity.to_json() if activity is not None else None,
        "head": view.where,
        "trouble": view.trouble,
        "landing_asked": agent.landing_asked,
        "messages": [{"text": each.text, "at": each.at, "stage": str(each.stage)} for each in view.messages],
        "files": {kind: _more(path, asked.get(kind)) for kind, path in places.items() if path},
    }


def _more(path: str, asked: Any) -> dict[str, Any]:
    """What the file has after what is known of it; all of it where another file was known."""
    offset = 0
    if isinstance(asked, list) and len(asked) == 2 and asked[0] == path and isinstance(asked[1], int):
        offset = max(0, asked[1])
    try:
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            offset = offset if offset <= size else 0
            file.seek(offset)
            data = file.read(CHUNK // 4)
    except OSError:  # it is not there yet, or an agent has put something else in its place
        size, data = 0, b""
    return {"path": path, "offset": offset, "data": base64.b64encode(data).decode(), "more": offset + len(data) < size}


def publish(deck: Deck, name: str) -> dict[str, str]:
    """Let refs of the clone hold the agent's last commit and all that its worktree has; return both."""
    from agentdeck.engine.worktrees.heads import work_of
    from agentdeck.system.git.wholework import look_once

    world = deck._world
    work = work_of(world, deck.agent(name).agent)
    if work.tip is None:
        raise NotFoundError(f"{name} has no commit on this host.")
    live = work.tip
    if work.worktree is not None and work.worktree.path.is_dir():
        live = look_once(world.repo, work.worktree, work.tip).commit
    found = {"tip": work.tip, "live": live}
    for kind, id_ in found.items():
        world.repo.git("update-ref", ref_of(kind, name), id_)
    return found


def ref_of(kind: str, name: str) -> str:
    if kind not in ("tip", "live"):
        raise UsageError(f"{kind} is no ref of an agent.")
    return f"refs/agentdeck/{kind}/{name}"
