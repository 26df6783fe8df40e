"""The process in an agent's pane: starts the agent, watches it, records it, and says how it ended.

    python -I -m agentdeck.engine.runner ORDERS.json

It imports only the standard library and what does the same, for it must start at once and stay small. While it lives it
holds `runner.lock` in the agent's folder. If it is killed, its parent, the guardian, ends the agent's processes.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.core.accounts.meters import Window
from agentdeck.core.agents.admission import Obstacle
from agentdeck.core.agents.agent import Fault, State, Status
from agentdeck.core.agents.detect import judge
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.orders import PERSON_PROXY, SET_UP, VARIABLES, Orders
from agentdeck.core.agents.prompts import is_shell
from agentdeck.core.agents.verdict import Verdict
from agentdeck.core.frozen import replace
from agentdeck.core.question import Asks
from agentdeck.core.text.durations import short_duration
from agentdeck.core.transcripts.records import Record
from agentdeck.engine.runner.admission import Waiting
from agentdeck.engine.runner.answering import Answering
from agentdeck.engine.runner.cpu import CpuLimit
from agentdeck.engine.runner.findings import Findings
from agentdeck.engine.runner.guardian import KILLED, fork_runner, guard
from agentdeck.engine.runner.keyboard import Keyboard
from agentdeck.engine.runner.memory import MemoryLimit
from agentdeck.engine.runner.outcome import StatusFile, ending
from agentdeck.engine.runner.processes import ProcessLimit
from agentdeck.engine.runner.runs_log import RunsLog
from agentdeck.engine.runner.session_status import SessionStatus
from agentdeck.engine.runner.silence import Silence
from agentdeck.engine.runner.stopping import StopSequence, full, rest
from agentdeck.engine.runner.transcript import TranscriptLog
from agentdeck.engine.runner.watch import Watch
from agentdeck.errors import CancelledError, DeckError, ExitCode
from agentdeck.system.files.files import from_json, inside, write_atomic
from agentdeck.system.machine import scope
from agentdeck.system.machine.tree import MARK, Tree
from agentdeck.system.state.inbox import Inbox
from agentdeck.system.state.meters import Meters
from agentdeck.system.state.recording import Recorder
from agentdeck.system.state.store import NETWORK_LOG, Store, usage_file
from agentdeck.system.terminal import pane
from agentdeck.system.terminal.pty import PtyRelay

if TYPE_CHECKING:
    from agentdeck.core.box.network import Network
    from agentdeck.engine.runner.boxed_git import BoxedGit
    from agentdeck.engine.runner.failover import FailoverControl, ProfileMove
    from agentdeck.system.box.joined import JoinedNetwork
    from agentdeck.system.machine.callers import Callers

_KILLS = (-signal.SIGKILL, KILLED)
_TOLD = (State.WAITING, State.LIMITED, State.FAILED)


class Runner:
    def __init__(self, orders: Orders, scoped: scope.CgroupScope | None) -> None:
        self.orders = orders
        self._scope, self._guardian = scoped, os.getppid()
        self.folder = Path()
        self.store = Store(Path("../.."))
        self.inbox = Inbox(self.folder / "inbox")
        self.status_file = StatusFile(self.store, orders.agent)
        self.begun = time.monotonic()
        self.stop_sequence: StopSequence | None = None
        self.timed_out = self.stopping = False
        self.waiting = Waiting(orders, self.folder, self._told_to_wait)
        self.resting: ProfileMove | None = None
        """What is awaited while no program runs."""
        old = self.store.status(orders.agent)
        self.told_session = old.session
        self.news: tuple[object, ...] = ()
        """What a person was told of last."""
        status = Status(State.STARTING, time.time(), runner_pid=os.getpid(), session=old.session, started=time.time())
        self.meters = Meters(Path(orders.meters))
        self.failover: FailoverControl | None = None
        self.variables: dict[str, dict[str, str | None]] = from_json(os.environ.pop(VARIABLES, "{}"))
        if orders.chain:
            from agentdeck.engine.runner.failover import FailoverControl

            self.failover = FailoverControl(orders, self.store, self._environment_of, self.meters)
            session = self.failover.progress.sessions.get(orders.profile, "")
            status = replace(status, session=session, profile=orders.profile)
        self.callers = self._open_tools()
        wake = [self.inbox.poke] if self.callers is None else [self.inbox.poke, self.callers.fileno()]
        self.relay = PtyRelay(self._on_output, self._on_tick, wake=wake)
        if scoped is not None:
            self.relay.enter = scoped.enter
        cast = self.folder / "session.cast"
        self.recorder = Recorder(
            cast,
            _from_here(orders.log, orders),
            maximum=orders.recording_max,
            keep=orders.recording_keep,
            size=self.relay.size(),
        )
        usage = usage_file(_from_here(orders.log, orders))
        self.transcript = TranscriptLog(orders, self.recorder, usage, self._on_records)
        self.watch = self._new_watch(status)
        self.findings = Findings(orders, self.store)
        self.answering = Answering(self.folder)
        queue = self.store.messages(orders.agent)
        self.keyboard = Keyboard(self.relay, self.folder, self.answering, queue, self._note)
        self.memory = MemoryLimit(orders.memory, self._warn, scoped=bool(orders.scope)) if orders.memory else None
        self.caps = self._new_caps(orders)
        self.silence = Silence(orders.policy.silence)
        self.boxed = self._new_boxed_git(orders) if orders.box else None
        self.network: JoinedNetwork | None = None
        self.person_proxy = os.environ.pop(PERSON_PROXY, "")
        self.runs_log = RunsLog(orders, _from_here(orders.runs_log, orders), self._not_logged)
        self.relay.on_resize = self.recorder.resized
        if self.failover is not None:
            history = orders.resumes and self.failover.shows_limits(orders.profile)
            self.watch.old_limits.was_told("", history=history)

    def _new_boxed_git(self, orders: Orders) -> BoxedGit:
        from agentdeck.engine.runner.boxed_git import BoxedGit

        return BoxedGit(orders, self.relay, self.recorder.note)

    def _new_caps(self, orders: Orders) -> list[MemoryLimit | ProcessLimit | CpuLimit]:
        processes = ProcessLimit(orders.processes, self._warn) if orders.processes else None
        cpu = CpuLimit(orders.cpu, orders.run, self.relay) if orders.cpu and not orders.scope else None
        return [each for each in (self.memory, processes, cpu) if each is not None]

    def run(self) -> int:
        """Do the orders; return the exit code."""
        self.runs_log.start()
        self.store.set_status(self.orders.agent, self.watch.status)
        with self.relay:
            final = self._admitted() or self._setup() or self._agent()
            word, code = ending(final)
            text = str(final.state) if final.reason in ("", final.state) else f"{final.state}: {final.reason}"
            self.recorder.note(text)
            self.recorder.close()
            self.status_file.write_end(final, self._complain)
            self._tell_person(final)
            self.runs_log.end(word, code)
            self.waiting.leave()
            self.relay.show(f"\r\n\x1b[0;2magentdeck: {text}\x1b[0m\r\n".encode())
        if self._scope is not None:
            self._scope.remove()  # the guardian does that too, unless it is killed just now
        return code

    def _admitted(self) -> Status | None:
        """Wait until this machine has room for the run; return how it ended where it was ended meanwhile."""
        self.waiting.tick(time.monotonic())
        if self.waiting.is_over:
            return None
        self.begun = math.inf
        self.relay.idle(lambda: self.stopping or self.waiting.is_over)
        self.begun, self.stop_sequence = time.monotonic(), None
        if (stopped := self._stopped()) is not None:
            return stopped
        self._on_change(replace(self.watch.status, reason="", since=time.time(), started=time.time()))
        self.relay.clear()
        return None

    def _told_to_wait(self, found: Obstacle) -> None:
        self.recorder.note(found.text)
        hint = f"“agentdeck queue --now {self.orders.agent}” starts it now."
        self.relay.show(f"\x1b[2magentdeck: {found.text}. {hint}\x1b[0m\r\n".encode())
        self._on_change(replace(self.watch.status, reason=found.text))

    def _setup(self) -> Status | None:
        """Run the set-up hooks; return how the run ended where one of them ended it."""
        if (stopped := self._stopped()) is not None:
            return stopped
        for line in self.orders.setup:
            self.store.set_status(self.orders.agent, replace(self.watch.status, reason=f"set-up: {line}"))
            self.recorder.note(f"set-up: {line}")
            code = self._run(("/bin/sh", "-c", line))
            if (stopped := self._stopped()) is not None:
                return stopped
            if code != 0:
                how = f"exit {code}" if code > 0 else f"signal {-code}"
                return self._final(State.FAILED, Fault.SETUP, f"set-up “{line}” failed ({how})", code)
        with contextlib.suppress(OSError):  # it only runs once more then
            write_atomic(self.folder / SET_UP, self.orders.set_up)
        return None

    def _agent(self) -> Status:
        """Run the agent, with one profile after the other where providers fail; return how the last one ended."""
        self.watch.status = replace(self.watch.status, reason="")
        final = self._launch()
        while (move := self._move_after(final)) is not None:
            if (stopped := self._rest(move)) is not None:
                return stopped
            final = self._launch()
        if self.failover is not None and self.failover.ended:
            return replace(final, reason=self.failover.ended)
        return final

    def _move_after(self, final: Status) -> ProfileMove | None:
        if self.failover is None:
            return None
        return self.failover.after(final, self.recorder.tail, self.orders, refused=self.watch.refusal is not None)

    def _launch(self) -> Status:
        """Run the agent's program to its end, and that of all that it started."""
        self.recorder.tail = ""
        self.keyboard.launched()
        try:
            code = self._run(self.orders.argv, is_agent=True)
        except OSError as error:
            text = f"{self.orders.argv[0]} can't be started: {error.strerror}"
            self.relay.show(f"{text}\r\n".encode())
            self.recorder.note(text)
            return self._final(State.FAILED, Fault.CRASHED, text, 127)
        self.watch.last_look(self.inbox.folder)
        self.relay.flush()
        self.transcript.ended(code)
        self.keyboard.ended(self.orders.agent)
        rest(self._tree(), self.orders.grace_terminate).finish()
        if (stopped := self._stopped()) is not None:
            return replace(stopped, exit_code=code)
        state, fault, reason = judge(code, self.recorder.tail, self.orders.outcome)
        if self.memory is not None and code in _KILLS:
            reason = self.memory.why_killed() or reason
        refusal = self.watch.refusal
        if state is State.FAILED and refusal is not None:
            fault, reason = refusal.fault, refusal.reason
        final = self._final(state, fault, reason, code)
        return self.findings.judged(final, refusal) if state is State.DONE else final

    def _rest(self, move: ProfileMove) -> Status | None:
        """Wait until `move` is due, without a program, and make ready for it; return how the run ended meanwhile."""
        failover = self.failover
        assert failover is not None
        self.stop_sequence = None
        self.relay.clear()
        while True:
            reason, self.resting = failover.reason_for(move), move
            self.recorder.note(reason)
            self.relay.show(f"\x1b[2magentdeck: {reason}\x1b[0m\r\n".encode())
            state = State.WAITING if move.others else State.LIMITED
            status = replace(self.watch.status, state=state, since=time.time(), reason=reason, fault=move.fault)
            question = failover.question_of(move)
            self._on_change(replace(status, agent_pid=None, questions=(question,) if question else ()))
            self.relay.idle(self._is_rested)
            self.watch.status = replace(self.watch.status, questions=())
            if (stopped := self._stopped()) is not None:
                return stopped
            if failover.wanted is None:
                break
            move, failover.wanted = failover.wanted, None
        self.resting = None
        from agentdeck.system.machine.process import cancellable

        with contextlib.suppress(CancelledError), cancellable(lambda: self.stopping):
            self._take_up(move)
        return self._stopped()

    def _is_rested(self) -> bool:
        wanted = self.failover is not None and self.failover.wanted is not None
        return self.stopping or wanted or self.resting is None or time.time() >= self.resting.at

    def _take_up(self, move: ProfileMove) -> None:
        assert self.failover is not None
        start = self.failover.take_up(move)
        self.orders = self.orders.on(self.failover.entries[move.profile], start.argv, start.typed)
        self.inbox.clear()
        session = self.failover.progress.sessions.get(move.profile, "")
        status = replace(self.watch.status, session=session, model="", profile=move.profile)
        self.watch = self._new_watch(status)
        history = start.resumes and self.failover.shows_limits(move.profile)
        self.watch.old_limits.was_told(start.prompt, history=history)

    def _new_watch(self, status: Status) -> Watch:
        watch = Watch(self.orders, status, self._on_change)
        watch.told_window = self.transcript.told_window
        watch.told_limits = self._told_limits
        if self.failover is not None:
            watch.working_as = self.failover.serving
            if not self.orders.policy.broken_only:
                watch.close_dialog = self._press_escape
        return watch

    def _press_escape(self) -> None:
        self.relay.send(b"\x1b")

    def _run(self, argv: tuple[str, ...], *, is_agent: bool = False) -> int:
        cwd = self._begin_in() if is_agent else self.orders.cwd
        environment = {**self._environment_of(self.orders.profile), "PWD": cwd}
        if is_agent:
            session = self.watch.status.session
            resumed = session if any(session in word for word in argv) else ""
            self.transcript.launched(self.orders, cwd, environment, resumed)
            self._look_where(argv, environment)
            self.findings.launched(self.orders, cwd, environment)
            self.silence.launched(self.orders)

        def started(pid: int) -> None:
            if is_agent:
                if self.failover is not None:
                    self.failover.note_started()
                reason = self.watch.working_as
                status = replace(self.watch.status, agent_pid=pid, reason=reason, fault=Fault.NONE)
                self._on_change(replace(status, state=State.WORKING, since=time.time()))

        if self.boxed is not None:
            self.boxed.prepare(self.orders)
        if self.orders.network is None:
            code = self.relay.run((*self.orders.scope, *self.orders.box, *argv), cwd, environment, started)
        else:
            code = self._run_joined(self.orders.network, argv, cwd, environment, started)
        if self.boxed is None:
            return code
        self.boxed.look()
        return 128 - code if code > 128 else code  # which a signal has ended, as bubblewrap tells it

    def _run_joined(
        self,
        network: Network,
        argv: tuple[str, ...],
        cwd: str,
        environment: Mapping[str, str],
        started: Callable[[int], None],
    ) -> int:
        """As `relay.run`, in a box with a network of its own."""
        from agentdeck.system.box.joined import JoinedNetwork

        self.network = joined = JoinedNetwork(network)

        def is_there(pid: int) -> None:
            joined.started(self.folder / NETWORK_LOG, self.person_proxy)
            started(pid)

        try:
            words = (*self.orders.scope, *joined.told(self.orders.box), *argv)
            return self.relay.run(words, cwd, environment, is_there)
        finally:
            joined.end()

    def _environment_of(self, profile: str) -> dict[str, str]:
        """What a program of that profile gets."""
        environment = {**os.environ, **self.orders.env}
        own = self.variables.get(profile, {})
        for name in (*self.orders.env_unset, *own):
            environment.pop(name, None)
        environment |= {name: value for name, value in own.items() if value is not None}
        return {**environment, MARK: self.orders.run}

    def _look_where(self, argv: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """Tell the watch what else it can ask, beside the screen."""
        if self.orders.reports == "claude":
            self.watch.session_status = SessionStatus(environment)
        if is_shell(argv):
            self.watch.at_prompt = self.relay.rests_in_box if self.boxed else self.relay.rests
        else:
            self.watch.judge = self._verdict

    def _verdict(self) -> Verdict | None:
        return self.findings.verdict(self.watch.refusal)

    def _begin_in(self) -> str:
        found = inside(Path(self.orders.cwd), self.orders.start_in)
        if found is None:
            self.recorder.note(f"{self.orders.start_in} does not exist; the agent starts at the top")
        return str(found or self.orders.cwd)

    def _stopped(self) -> Status | None:
        """The status of a run that was stopped or timed out; None for one that ended by itself."""
        if self.timed_out:
            reason = f"reached its time-out of {self.orders.timeout:g} s"
            return self._final(State.FAILED, Fault.TIMED_OUT, reason, ExitCode.TIMED_OUT)
        if self.stopping or (self.relay.stop_signal is not None and not self.relay.pid):
            if os.getppid() != self._guardian:
                return self._final(State.FAILED, Fault.LOST, "its guardian was killed", KILLED)
            reason = "its terminal was closed" if self.relay.stop_signal == signal.SIGHUP else "stopped"
            return self._final(State.STOPPED, Fault.NONE, reason, ExitCode.INTERRUPTED)
        return None

    def _final(self, state: State, fault: Fault, reason: str, code: int) -> Status:
        now = time.time()
        return replace(
            self.watch.status,
            state=state,
            since=now,
            ended=now,
            reason=reason,
            fault=fault,
            exit_code=int(code),
            agent_pid=None,
        )

    def _on_output(self, data: bytes) -> None:
        self.keyboard.output(data)
        plain = self.recorder.output(data)
        self.watch.output(plain)
        self.transcript.output(data, plain)
        self.silence.output()

    def _on_records(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.windows:
                self._told_limits(record.windows)
        self.watch.take_records(records)
        self.keyboard.take(self.orders.agent, records)
        self.silence.heard()
        if self.failover is not None:
            self.failover.take(records)
        if self.findings.take(records):
            self.watch.judge_again()

    def _told_limits(self, windows: Sequence[Window]) -> None:
        """How much of the limits of the account that is at work is used."""
        if self.orders.meters and self.orders.profile:
            self.meters.told(self.orders.profile, windows)

    def _on_change(self, status: Status) -> None:
        if status.session != self.told_session:
            self.told_session = status.session
            self.transcript.told_session(status.session)
        self.watch.status = status
        self.keyboard.draft.asked(any(each.kind is not Asks.TEXT for each in status.questions))
        self.answering.changed(status.questions)
        if self.failover is not None:
            self.failover.note_session(status.session)
        self.status_file.write(status)
        self._tell_person(status)

    def _complain(self, text: str) -> None:
        self.relay.show(f"\r\nagentdeck: {text}\r\n".encode())
        self.relay.flush()

    def _tell_person(self, status: Status) -> None:
        news = (status.state, status.reason, status.questions)
        if self.orders.notice and status.state in _TOLD and news != self.news:
            pane.run_aside(self.orders.notice)
        self.news = news

    def _on_tick(self, now: float) -> float | None:
        self._read_poke()
        if self.callers is not None:
            self.callers.take()
        if self.status_file.due is not None and now >= self.status_file.due:
            self._on_change(self.watch.status)
        if not self.stopping:
            self._consider_stopping(now)
        if self.stop_sequence is not None:
            return self.stop_sequence.tick(now)
        due: list[float | None] = []
        if not self.waiting.is_over:
            due.append(self.waiting.tick(now))
        elif self.resting is not None:
            due.append(now + self.resting.due)
        else:
            self.watch.tick(now)
            self._look_at_silence(now, due)
            if self._look_at_limit(now, due):
                self._end_program()
                return now
            due += [cap.tick(now, self._tree(), self.relay.pid) for cap in self.caps]
            if self.boxed is not None:
                due.append(self.boxed.tick(now))
            due += [self.watch.next_look(), *self.keyboard.tick(self.orders, self.watch, now)]
            due.append(self.transcript.tick(now, works=self.watch.status.state in (State.STARTING, State.WORKING)))
        due.append(self.status_file.due)
        if self.orders.timeout is not None:
            due.append(self.begun + self.orders.timeout)
        return min((each for each in due if each is not None), default=None)

    def _consider_stopping(self, now: float) -> None:
        self.timed_out = self.orders.timeout is not None and now >= self.begun + self.orders.timeout
        if self.timed_out or self.relay.stop_signal is not None:
            self.stopping = True
            self._end_program()

    def _end_program(self) -> None:
        orders = self.orders
        self.stop_sequence = self.stop_sequence or full(self._tree(), orders.grace_interrupt, orders.grace_terminate)

    def _tree(self) -> Tree:
        spared = self.network.pids if self.network is not None else frozenset()
        return Tree(self.orders.run, self.relay.pid or None, os.getpid(), self._scope, spared)

    def _look_at_limit(self, now: float, due: list[float | None]) -> bool:
        """Whether the program is to be left; tells one that waits at its limit to go on when that is over."""
        if self.failover is None or self.watch.status.agent_pid is None:
            return False
        refused = self.watch.refusal is not None
        due.append(self.failover.look(self.watch.status, self.watch.screen, self.orders, now, refused=refused))
        held = self.failover.held
        if held is not None and self.failover.went_on():
            if self.watch.in_limit_dialog:
                self.relay.send(b"\x1b")
            self.watch.limit_is_over()
            self.orders = replace(self.orders, typed=self.orders.go_on)
            self.keyboard.begin()
        elif held is not None and self.watch.limited_as != (reason := self.failover.reason_for(held)):
            self.watch.limited_as = reason
            self._on_change(replace(self.watch.status, state=State.LIMITED, reason=reason, fault=held.fault))
        elif held is None:
            self.watch.limited_as = ""
        return self.failover.wanted is not None

    def _look_at_silence(self, now: float, due: list[float | None]) -> None:
        """Go on with the next profile, or ask the person, where the program has given no sign of life for too long."""
        runs_tool, status = self.transcript.runs_tool, self.watch.status
        is_silent, again = self.silence.tick(now, status, self._tree(), self.watch.screen, runs_tool=runs_tool)
        due.append(again)
        if status.is_silent and not is_silent:
            self.watch.was_heard()
        elif is_silent and not status.is_silent:
            length = short_duration(self.orders.policy.silence)
            if self.failover is None or not self.failover.leave_silent(length):
                self.watch.was_silent(f"has been silent for {length}; its provider may hang")

    def _note(self, event: Event) -> None:
        with contextlib.suppress(OSError, DeckError):  # a full disk must not end the agent
            self.store.append(event)

    def _warn(self, text: str) -> None:
        self.recorder.note(text)
        self._note(Event(EventKind.WARNING, self.orders.agent, text))

    def _not_logged(self, why: str) -> None:
        self.recorder.error = why

    def _open_tools(self) -> Callers | None:
        """Where the agent's program reaches the deck's tools; without them it works all the same."""
        if not self.orders.tools:
            return None
        from agentdeck.system.machine.callers import Callers

        with contextlib.suppress(OSError):
            return Callers(self.orders.tools, {**os.environ, **self.orders.env, MARK: self.orders.run})
        return None

    def _read_poke(self) -> None:
        if not self.inbox.was_poked():
            return
        self.keyboard.look()
        if self.resting is None:
            self.watch.take_reports(self.inbox.folder)
            self.watch.was_poked()
        if self.failover is not None:
            self.failover.read_request(self.watch.status.state is State.DONE, self.resting)


def _new_scope(orders: Orders) -> scope.CgroupScope | None:
    """A cgroup for this run where there can be one; its place is written down for those who look when we are gone."""
    made = scope.make(orders.run)
    if made is not None:
        with contextlib.suppress(OSError):
            write_atomic(Path("scope"), str(made.folder))
    return made


def _from_here(path: str, orders: Orders) -> Path:
    return Path(os.path.relpath(path, orders.folder))


def run(told: dict[str, Any], lock: int) -> int:
    """Be the runner that holds `lock`, in the agent's folder and with STOP_SIGNALS blocked; return the exit code."""
    pane.move_in()
    orders = Orders.from_json(told)
    scoped = _new_scope(orders)
    if runner := fork_runner(lock):
        return guard(orders, runner, lock, scoped)
    return Runner(orders, scoped).run()


if __name__ == "__main__":
    # A dashboard that was opened before an upgrade starts runners by this name.
    import runpy

    runpy.run_module("agentdeck.engine.runner", run_name="__main__")
