"""The last thing that an agent holds: the tmux window with its runner."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Agent, State, Status
from agentdeck.core.agents.leases import PaneLease
from agentdeck.engine.lifecycle.ending import end_runner, stop_runner
from agentdeck.engine.lifecycle.resources import Presence
from agentdeck.engine.lifecycle.survivors import end_leftovers
from agentdeck.engine.world import World
from agentdeck.errors import TmuxError
from agentdeck.system.files.files import write_json
from agentdeck.system.machine.process import check_cancelled


class PaneResource:
    """The tmux window with the runner in it."""

    kind = "pane"
    GREETING = 10.0
    """Seconds that a runner may take to show that it lives."""

    def plan(self, world: World, agent: Agent) -> dict[str, Any]:
        return {"session": world.deck, "window": agent.name}

    def acquire(self, world: World, agent: Agent, lease: PaneLease) -> dict[str, Any]:
        if world.lives(agent.name):
            return adopted(world, agent, lease).data
        # As much to load as all of the rest, and of no use to what only lets a pane go.
        from agentdeck.engine.lifecycle.launch import begins_at_top, left_out, orders_for, runner_argv
        from agentdeck.engine.profiles.allowing import commit_note

        end_leftovers(world, agent.name)
        orders, environment = orders_for(world, agent)
        path = world.store.agent_folder(agent.name) / "orders.json"
        write_json(path, orders.to_json())
        old, serving = world.store.status(agent.name), orders.profile if orders.chain else ""
        world.store.set_status(agent.name, Status(State.STARTING, time.time(), session=old.session, profile=serving))
        session, window = lease.session, lease.window
        before = world.store.runner_sign(agent.name)
        world.tmux.open_window(session, window, runner_argv(path), cwd=Path(orders.cwd), env=environment)
        self._await_runner(world, agent, lease, before)
        notes = (left_out(world, agent), begins_at_top(world, agent), commit_note(world, agent))
        told = "; ".join(filter(None, notes))
        return lease.changed(log=orders.log, run=orders.run, note=told).data

    def _await_runner(self, world: World, agent: Agent, lease: PaneLease, before: tuple[int, ...]) -> None:
        session, name = lease.session, lease.window
        deadline = time.monotonic() + self.GREETING
        look = time.monotonic() + 0.3
        while True:
            check_cancelled()
            is_due = time.monotonic() > look
            # The lock itself is looked at rarely, for each look keeps the runner from taking it.
            may_be = is_due or world.store.runner_sign(agent.name) != before
            if may_be and (world.lives(agent.name) or world.store.status(agent.name).state is not State.STARTING):
                return
            if is_due:
                look = time.monotonic() + 0.3
                window = world.tmux.window(session, name)
                # One more look at the lock, for a runner may have come and gone between the two.
                ended = (window is None or window.command_dead) and not world.lives(agent.name)
                if (ended and world.store.status(agent.name).state is State.STARTING) or time.monotonic() > deadline:
                    screen = world.tmux.screen(session, name).strip() if window else ""
                    raise TmuxError(f"The runner of {agent.name} did not start.", detail=screen[-2000:])
            time.sleep(0.002)

    def check(self, world: World, agent: Agent, lease: PaneLease) -> Presence:
        window = world.tmux.window(lease.session, lease.window)
        return Presence.GONE if window is None else Presence.HELD

    def release(self, world: World, agent: Agent, lease: PaneLease, saved: Path | None) -> str:
        stop_runner(world, agent.name)
        world.tmux.close_window(world.deck, agent.name)
        end_runner(world, agent.name)  # one that was just starting took its lock meanwhile
        return ""

    def describe(self, lease: PaneLease) -> str:
        return f"tmux window {lease.session}:{lease.window}"

    def variables(self, world: World, agent: Agent, lease: PaneLease) -> dict[str, str]:
        return {}


def adopted(world: World, agent: Agent, lease: PaneLease) -> PaneLease:
    """The pane's lease of a runner that was started before its start was interrupted."""
    orders = world.store.orders(agent.name)
    return lease.changed(held=True, log=orders["log"], run=orders["run"])
