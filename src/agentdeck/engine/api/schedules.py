"""`deck.schedules`: what is started by the clock."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agentdeck.core.agents.agent import Mode
from agentdeck.core.frozen import replace
from agentdeck.core.schedules.slots import Act, Plan, decide, seconds_of
from agentdeck.core.text.text import cut
from agentdeck.engine.api.current import Current
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.engine.views.schedules import Schedule, Tick
from agentdeck.errors import DeckError, NotFoundError, RefusedError, UntrustedError
from agentdeck.system.state.schedules import Handled, ScheduleState, scheduled_roots

if TYPE_CHECKING:
    from agentdeck.core.config.schedule import ScheduleConfig

Start = Callable[[StartRequest], AgentView]
_SLOTS_SHOWN = 3
_ID = "schedule"
_TOLD = 200


class DeckSchedules:
    """`start` is `Deck.start`."""

    def __init__(self, current: Current, start: Start) -> None:
        self._current, self._start = current, start
        self._state = ScheduleState(current.root)

    @property
    def is_installed(self) -> bool:
        """Whether this repository's schedules run, as far as this user's files say."""
        return self._state.installed is not None

    def install(self) -> str:
        """Let this repository's schedules run, by the one timer of this user; return how, in a phrase. Slots of before
        do not count."""
        from agentdeck.system.machine import timers

        self._current.trusted()
        found = timers.install()
        self._state.install()
        return found

    def remove(self) -> bool:
        """Let them run no more, and take the timer away where no other repository needs it; return whether they ran."""
        from agentdeck.system.machine import timers

        ran = self.is_installed
        self._state.remove()
        if not scheduled_roots():
            timers.remove()
        return ran

    def all(self, now: datetime | None = None) -> list[Schedule]:
        """Every schedule that is approved, in the order of their names."""
        return [self._shown(name, rules, now or _now()) for name, rules in sorted(self._rules().items())]

    def run(self, name: str) -> AgentView:
        """Start it now, beside its slots."""
        self._current.trusted()
        rules = self._rules().get(name)
        if rules is None:
            known = ", ".join(sorted(self._rules())) or "none"
            raise NotFoundError(f"There is no schedule “{name}”.", hint=f"There are: {known}.")
        return self._start(self._request(name, rules, _now(), by_hand=True))

    def tick(self, now: datetime | None = None) -> list[Tick]:
        """Do what is due. The same slot never starts twice, whoever calls this and however often."""
        if not self.is_installed:
            return []
        try:
            self._current.trusted()
        except UntrustedError as error:
            return [Tick("", "failed", error.title)]
        with self._state.held():
            return self._tick(now or _now())

    def _tick(self, now: datetime) -> list[Tick]:
        due, done = [], []
        for name, rules in sorted(self._rules().items()):
            last = self._handled(name)
            works = self._works(last.agent)
            found = decide(_plan(rules), name, _host(), _at(last.slot), now, works=works)
            if found.slot is None:
                continue
            if found.missed:
                done.append(self._tell(name, Tick(name, Act.MISSED, f"{found.missed} earlier slots were missed")))
            if found.act is Act.START:
                due.append((found.slot, name, rules))
                continue
            texts = {Act.MISSED: "it is too old to be made up for", Act.SKIPPED: f"{last.agent} still works"}
            text = texts.get(found.act, f"waits for {last.agent}")
            done += self._settle(
                Tick(name, found.act, text, last.agent), found.slot, deferred=found.act is Act.DEFERRED
            )
        for slot, name, rules in sorted(due, key=lambda each: each[:2]):
            done += self._begin(name, rules, slot)
        return done

    def _begin(self, name: str, rules: ScheduleConfig, slot: datetime) -> list[Tick]:
        """Start it, or say why not."""
        if why := self._no_room():
            return self._settle(Tick(name, Act.DEFERRED, why), slot, deferred=True)
        try:
            view = self._start(self._request(name, rules, slot))
        except RefusedError as error:
            return self._settle(Tick(name, Act.DEFERRED, cut(error.title, _TOLD)), slot, deferred=True)
        except DeckError as error:
            return self._settle(Tick(name, "failed", cut(error.title, _TOLD)), slot, deferred=False)
        return self._settle(Tick(name, Act.START, f"started {view.name}", view.name), slot, deferred=False)

    def _settle(self, tick: Tick, slot: datetime, *, deferred: bool) -> list[Tick]:
        """Write down what became of the slot; what stays due is told once."""
        last = self._handled(tick.schedule)
        if deferred:
            if last.due == slot.timestamp():
                return []
            handled = replace(last, told=tick.text, due=slot.timestamp())
        else:
            agent = tick.agent or last.agent
            handled = Handled(slot.timestamp(), tick.act, agent, tick.text, _now().timestamp())
        self._state.handle(tick.schedule, handled)
        return [self._tell(tick.schedule, tick, slot)]

    def _tell(self, name: str, tick: Tick, slot: datetime | None = None) -> Tick:
        from agentdeck.system.files.files import append_line

        at = "" if slot is None else f" slot={slot.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
        store = self._current.store.open()
        line = f"{_now():%Y-%m-%dT%H:%M:%SZ} {tick.act.upper()} schedule={name}{at} {shlex.quote(tick.text)}"
        append_line(store.runs_log, line)
        return tick

    def _no_room(self) -> str:
        from agentdeck.engine import roster

        rules, world = self._current.world.safe_settings.config.queue, self._current.world
        live = [each for each in roster.agents(world) if each.agent.id.startswith(_ID) and each.state.is_live]
        return "waits for a free place" if len(live) >= (rules.jobs or os.cpu_count() or 1) else ""

    def _request(self, name: str, rules: ScheduleConfig, slot: datetime, *, by_hand: bool = False) -> StartRequest:
        from agentdeck.core.agents.agent import unique_name

        root = self._current.root
        stamp = f"{slot.astimezone(UTC):%Y-%m-%dT%H:%M}" + (f":{slot:%S} by hand" if by_hand else "")
        program = (sys.executable, "-I", "-m", "agentdeck", "-C", str(root), "run", "-f", str(root / rules.file))
        return StartRequest(
            task=rules.task or f"The tasks of {rules.file}",
            argv=program if rules.file else (),
            profile=rules.agent or None,
            name=unique_name(f"{name}-{slot:%m%d-%H%M}", self._current.store.names()),
            tier=rules.tier or None,
            model=rules.model or None,
            permission=rules.permission or None,
            timeout=seconds_of(rules.timeout),
            mode=Mode.HEADLESS if rules.headless else None,
            id=f"{_ID} {name} {stamp}",
            folder="",
        )

    def _rules(self) -> dict[str, ScheduleConfig]:
        return self._current.world.safe_settings.config.schedule

    def _handled(self, name: str) -> Handled:
        return self._state.handled(name) or Handled(self._state.installed or _now().timestamp())

    def _works(self, agent: str) -> bool:
        from agentdeck.engine import roster

        try:
            return bool(agent) and roster.agent(self._current.world, agent).state.is_live
        except DeckError:
            return False

    def _shown(self, name: str, rules: ScheduleConfig, now: datetime) -> Schedule:
        last = self._state.handled(name)
        told = "" if last is None else last.told or last.text
        following = tuple(_plan(rules).upcoming(now, _SLOTS_SHOWN))
        what = rules.file or rules.task
        return Schedule(name, rules.cron, rules.zone, what, following, told, last.agent if last else "")


def _plan(rules: ScheduleConfig) -> Plan:
    return Plan.of(rules.cron, rules.zone, rules.catch_up, rules.overlap, rules.jitter)


def _now() -> datetime:
    return datetime.now(UTC)


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _host() -> str:
    return os.uname().nodename
