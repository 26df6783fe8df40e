"""Tell an agent's state from what it prints, what its screen shows and what its own hooks report.

The screen is looked at when output has rested, and every few seconds while it trickles; a quiet agent costs nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentdeck.core.accounts.meters import Window
from agentdeck.core.agents.agent import Fault, Mode, Result, State, Status
from agentdeck.core.agents.detect import detect
from agentdeck.core.agents.orders import Detectors, Orders
from agentdeck.core.agents.questions import shown
from agentdeck.core.agents.reports import Report, read_report
from agentdeck.core.agents.verdict import Verdict
from agentdeck.core.frozen import replace
from agentdeck.core.question import Asks, Question
from agentdeck.core.transcripts.records import Kind, Record
from agentdeck.engine.runner.old_limits import OldLimits
from agentdeck.engine.runner.session_status import SessionStatus, Told
from agentdeck.system.files.files import bytes_of, from_json
from agentdeck.system.state.store import ASKING
from agentdeck.system.terminal.pane import capture

_TRICKLE = 2.0
"""Seconds between looks while output does not rest."""
_WAITING_TRICKLE = 0.5
"""The same while a question is on the screen, which may be answered at any time."""
_SETTLE = 0.7
"""Seconds in which a hook may still tell how a turn ended that is over."""
_BEHIND = 5.0
"""Seconds in which a status that says that it is at its prompt may be older than a report that its turn goes on, and a
screen older than the transcript."""
_FALLBACK_LINES = 100
_TAKES = 120.0
"""Seconds in which a CLI with a transcript takes its task, at the latest."""
_STALE = (State.WORKING, State.DONE)
"""What a screen that is not drawn to its end says of an agent that has reported its end."""
_DRAWN = 0.2
"""Seconds in which a program draws what follows on an answer."""
_DIGITS = frozenset("01234")
"""Texts that answer a survey."""
_COMES_UP = 5.0
"""Seconds in which a dialog comes up that a hook has announced."""
_UP_LATEST = 20.0
"""Seconds after which a program that rests counts as being at its prompt, whatever its screen shows."""
_BY_HOOK = ("permission prompt", "input needed")
"""What it waits for when a hook tells what that is about."""
_TROUBLE = (State.LIMITED, State.FAILED)
"""What screens and hooks say of a request that the gateway refused; why, the gateway says itself."""
INTERRUPTED = "its turn was ended by a person"
NO_TASK = "has no task yet"
AT_PROMPT = "is at its prompt"


class Taking:
    """Whether a program has taken its task: until then an input box on its screen does not mean that it is done.

    A task that is typed is awaited until then, one on the command line until the CLI's transcript tells of it.
    """

    def __init__(self, orders: Orders) -> None:
        self._typed = not orders.transcript.format
        is_awaited = orders.typed or (orders.task and orders.transcript.format and not orders.reports)
        self._until = time.monotonic() + _TAKES if is_awaited else 0.0
        self.shows_input = False
        """Whether the box was on the screen meanwhile."""

    @property
    def is_awaited(self) -> bool:
        return time.monotonic() < self._until

    def typed(self) -> None:
        if self._typed:
            self._until = time.monotonic() + 1.0

    def has_begun(self) -> None:
        self._until = 0.0


class Watch:
    """The state of the agent as far as it is known; `change` is called with every new one."""

    judge: Callable[[], Verdict | None] | None = None
    """Whether something was done in a turn that is over; None: nothing more is known than that."""
    at_prompt: Callable[[], bool] | None = None
    """Whether a shell that a person types to has no command running; None: it is no shell."""
    close_dialog: Callable[[], None] | None = None
    """Closes the dialog that a limit has brought, where the failover decides on that; None: a person does."""

    _ended_at = 0.0
    """When its last turn ended well, as its transcript says; in seconds since the epoch."""

    def __init__(self, orders: Orders, status: Status, change: Callable[[Status], None]) -> None:
        self.status = status
        self._orders, self._change = orders, change
        self.session_status: SessionStatus | None = None
        """Where the CLI keeps the state itself, it is asked first."""
        self._patterns = any((orders.detectors.waiting, orders.detectors.done, orders.detectors.limited))
        self._session = re.compile(orders.session_pattern) if orders.session_pattern else None
        self._recent, self._own_session = "", ""
        self._reported = False
        """Whether the state is what the CLI itself reported, and not what its screen showed."""
        self.told_window: Callable[[int], None] = lambda tokens: None
        self.told_limits: Callable[[Sequence[Window]], None] = lambda windows: None
        """Called with how much the CLI says that its context can hold."""
        self.inputs: dict[str, Mapping[str, Any]] = {}
        """The input of the tool that each hook asks about."""
        self._known_at = 0.0
        """When that was reported, in seconds since the epoch."""
        # A program that resumes by itself may say so nowhere.
        self._begun = orders.told or not orders.profile or (orders.resumes and not orders.detectors.working)
        """Whether it ever had something to do, as a command always has."""
        self.taking, self._made = Taking(orders), time.monotonic()
        self._turn_due = time.monotonic() + _TAKES if orders.told else 0.0
        """Until when the turn may begin for which it has been told something."""
        self._subagents: set[str] = set()
        """Those that work for it."""
        self._in_background = False
        """Whether its turn is over, and something that it started is still at work."""
        self._dialog_seen = False
        """Whether the question that was reported has been on the screen."""
        self._printed: float | None = None
        """When output came that no look has seen yet; monotonic, as all times here."""
        self._first_unseen = 0.0
        self._again: float | None = None
        """When to look again, even though nothing is printed."""
        self.rested = False
        """Whether output has rested at least once: the program is up."""
        self.working_as = self._retrying = ""
        """The reason of an agent that works, where there is something to say; how its request failed that it makes
        again, while it does."""
        self.limited_as, self.in_limit_dialog = "", False
        """The reason of an agent that is limited, in place of what its screen says; whether that is a dialog, which Esc
        closes."""
        self.refusal: Report | None = None
        """Why the gateway refuses the agent's requests, while it does."""
        self.old_limits = OldLimits(orders.detectors)
        self._announced: Question | None = None
        """What a hook that does not wait has told of a dialog, which comes up after that."""
        self._heard = False
        """Whether the CLI has reported anything: its hooks work."""
        self._recorded_until = 0.0
        """Until when a screen that shows something else is behind what the transcript has told of a turn."""
        self.turns = 0
        """How many turns have begun, as far as is known."""

    def output(self, plain: str) -> None:
        now = time.monotonic()
        if self._printed is None:
            self._first_unseen = now
        self._printed = now
        self._recent = (self._recent + plain)[-16384:]

    def limit_is_over(self) -> None:
        """The agent goes on; what its screen still says of its limit is old."""
        self.old_limits.are_over(self.screen())
        self.limited_as, self.in_limit_dialog = "", False
        self._reported = False
        self._turn_due = time.monotonic() + _TAKES
        self._set(state=State.WORKING, reason="")

    def screen(self) -> str:
        """The text on the agent's screen."""
        return capture() or "\n".join(self._recent.splitlines()[-_FALLBACK_LINES:])

    def next_look(self) -> float | None:
        """When the screen is to be looked at; None while nothing new was printed."""
        due = self._again
        if self._printed is not None and (self._patterns or self._session or self.at_prompt or not self.rested):
            trickle = _WAITING_TRICKLE if self.status.state is State.WAITING else _TRICKLE
            after = min(self._printed + self._orders.quiet, self._first_unseen + trickle)
            due = after if due is None else min(due, after)
        return due

    def tick(self, now: float) -> None:
        due = self.next_look()
        if due is None or now < due:
            return
        self.rested = self.rested or (self._printed is not None and now >= self._printed + self._orders.quiet)
        self._printed = self._again = None
        self._find_session()
        self._look(now)

    def was_poked(self) -> None:
        """Somebody may have answered the dialog that is on the screen."""
        question = self.status.question if self.status.state is State.WAITING else None
        if question is not None and question.options and not question.hook:
            soon = time.monotonic() + _DRAWN
            self._again = soon if self._again is None else min(self._again, soon)

    def _look(self, now: float) -> None:
        """Ask whoever knows best: the CLI's own status, where it keeps one that is newer than what it reported, else
        the screen."""
        if any(each.is_of_deck for each in self.status.questions) or self.status.is_silent:
            return
        if self.at_prompt is not None:
            if self.at_prompt():
                self._ask((Question(AT_PROMPT, Asks.TEXT, at=time.time()),))
            else:
                self._set(state=State.WORKING)
            return
        told = self._told()
        if told is not None:
            # What it reported a moment ago may not be in its status yet.
            patience = _BEHIND if told.state is State.DONE else _SETTLE
            left = 0.0 if told.at >= self._known_at else self._known_at + patience - time.time()
            if told.at < self._known_at and any(each.hook for each in self.status.questions):
                left = 1.0  # a hook that waits knows better for as long as that takes: on a busy machine, seconds
            if left > 0:
                self._again = now + left
            else:
                self._follow(told, now)
        elif self._patterns:
            self._judge_screen()
        if self.session_status is not None and self.status.state is State.WAITING:
            self._again = now + 1.0 if self._again is None else self._again

    def _told(self) -> Told | None:
        if self.session_status is None or self._orders.mode is Mode.HEADLESS:
            return None
        return self.session_status.read(self.status.agent_pid, self.status.session)

    def _follow(self, told: Told, now: float) -> None:
        if told.state is State.WAITING:
            self._follow_dialog(told, now)
            return
        if told.state is State.WORKING:
            self._turn_due = 0.0
            if self.refusal is None:
                self._reported = False
                self._set(state=State.WORKING, questions=())
            return
        if self._in_background or (self._reported and self.status.state is State.DONE):
            return
        screen = self.screen()
        if self._is_at_limit(screen):
            return
        found = detect(screen, replace(self.old_limits.heeded(screen), waiting=(), at_limit=(), working=(), done=()))
        if self._reported and self.status.state in _TROUBLE:
            return
        if found is not None:
            self._set(state=found[0], reason=found[1], questions=())
        elif not self._begun:
            self._await_task(told.at)
        elif time.monotonic() < self._turn_due:
            self._again = now + 1.0
        elif (left := told.at + _SETTLE - time.time()) > 0:
            self._again = now + left
        elif self._ended_at >= self._known_at:  # the hook that says so is late, on a busy machine by seconds
            self._take_state(Report(State.DONE), told.at)
        else:
            self._rest()

    def _follow_dialog(self, told: Told, now: float) -> None:
        left = told.at + _SETTLE - time.time()
        if self.status.state is State.WAITING and self.status.questions:
            return
        if left > 0 and told.waits_for in _BY_HOOK:
            self._again = now + left
            return
        screen = self.screen()
        if self._is_at_limit(screen):
            return
        found = detect(screen, replace(self._orders.detectors, failed=(), working=(), done=()))
        if found is not None and found[0] is State.LIMITED:
            self.in_limit_dialog = True
            self._set(state=State.LIMITED, reason=found[1], questions=())
        else:
            self._ask((shown(screen, found[1] if found else told.waits_for or "asks something", told.at),))

    @property
    def is_free(self) -> bool:
        """Whether a text begins a turn: it is at its prompt, and none is going on."""
        return self.status.is_free or self._in_background

    @property
    def reports_turns(self) -> bool:
        """Whether the CLI tells of each turn when it begins."""
        return bool(self._orders.reports)

    @property
    def knows_turns(self) -> bool:
        """Whether it gets to know of every turn that begins."""
        return bool(self._orders.reports or self._orders.transcript.format)

    def was_told(self) -> None:
        """It has a message now, and nothing but its screen tells what it does with it."""
        if not self.knows_turns:
            self._begun = True
            self._set(state=State.WORKING, questions=())
            self._again = time.monotonic() + 1.0

    def _rest(self) -> None:
        """It is at its prompt, and has not said that it finished its turn."""
        self._set(state=State.DONE, reason=INTERRUPTED, result=Result.INTERRUPTED, questions=())

    def _await_task(self, at: float) -> None:
        self._ask((Question(AT_PROMPT if self._orders.resumes else NO_TASK, Asks.TEXT, at=at),))

    def _ask(self, questions: tuple[Question, ...]) -> None:
        asked = tuple(self._as_known(each) for each in questions)
        self._set(state=State.WAITING, reason=asked[0].text, questions=asked)

    def _as_known(self, question: Question) -> Question:
        """A dialog that is read from the screen once more was asked when it was read first."""
        known = (each for each in self.status.questions if not question.hook and question.is_same_as(each))
        return next((replace(question, at=each.at) for each in known), question)

    def answered(self, question: Question) -> None:
        """A hook has given the answer to `question`."""
        self._known_at = time.time()
        left = tuple(each for each in self.status.questions if each is not question)
        if left:
            self._ask(left)
        else:
            self._set(state=State.WORKING, questions=())

    def hook_is_gone(self, hook: str) -> None:
        """What `hook` asked has no other answer now than its dialog's keys."""
        left = tuple(each for each in self.status.questions if each.hook != hook)
        self._set(questions=left, reason=left[0].text if left else self.status.reason)
        self._again = time.monotonic()

    def asks(self, text: str = "") -> Question | None:
        """The question that is open now, which `text` would answer; None where it is a message."""
        question = self.status.question if self.status.state is State.WAITING else None
        if text.strip() in _DIGITS and (found := detect(self.screen(), self._orders.detectors.only_survey)):
            return Question(found[1], at=time.time())
        if question is None and self._patterns:
            screen = self.screen()
            told = self._told()
            found = detect(screen, self._orders.detectors.only_waiting)
            at_limit = detect(screen, Detectors(waiting=self._orders.detectors.at_limit))
            if found is not None and (told is None or told.state is State.WAITING or at_limit is not None):
                question = shown(screen, found[1], time.time())
        return question if question is None or question.kind is not Asks.TEXT else None

    def _is_at_limit(self, screen: str) -> bool:
        """Whether a limit has brought up a dialog, which is taken care of."""
        found = detect(screen, Detectors(waiting=self._orders.detectors.at_limit))
        if found is None:
            return False
        if self.close_dialog is None:
            self._reported = False
            self._ask((shown(screen, found[1], time.time()),))
        else:
            self.close_dialog()
            self._again = time.monotonic() + 1.0
        return True

    def _judge_screen(self) -> None:
        screen = self.screen()
        if not self._is_at_limit(screen):
            self._judge(screen)

    def _judge(self, screen: str) -> None:
        found = detect(screen, self.old_limits.heeded(screen))
        if found is None:
            self._judge_silent_screen()
            return
        state, reason = found
        if self.refusal is not None and state in _TROUBLE:
            return
        if state is State.WAITING:
            self._dialog_seen = True
            if self._reported and self.status.state is State.WAITING:
                return
            self._reported = False
            self._ask((self._told_more(shown(screen, reason, time.time())),))
            return
        if self._announced is not None and time.time() < self._announced.at + _COMES_UP:
            self._again = time.monotonic() + 0.2
        if state is State.DONE and self.taking.is_awaited:
            self.taking.shows_input, self._again = True, time.monotonic() + 1.0
            return
        if self._is_behind(state):
            return
        self._reported = False
        self._begun = self._begun or state is State.WORKING
        if state is State.DONE and not self._begun:
            self._await_task(time.time())
        elif state is not State.DONE or self.status.state is not State.DONE:
            self._set(state=state, reason=reason, questions=())

    def _is_behind(self, state: State) -> bool:
        """Whether the screen shows a state that something else knows better."""
        known = self.status.state
        if {state, known} == set(_STALE) and time.monotonic() < self._recorded_until:
            self._again = time.monotonic() + 1.0
            return True
        return self._reported and (state is known or (state, known) == _STALE)  # its own report also says why

    def _told_more(self, question: Question) -> Question:
        """The question on the screen, with what a hook has told of it."""
        told = self._announced
        return question if told is None else replace(question, text=told.text, tool=told.tool)

    def _judge_silent_screen(self) -> None:
        """Something was printed, and nothing on the screen says that it waits or is finished."""
        if not self._begun and self.rested:
            if self._is_coming_up:
                self._again = time.monotonic() + 1.0
            else:
                self._await_task(time.time())
        if self.status.state not in (State.WAITING, State.LIMITED):
            return
        if not self._reported:
            if not self.status.is_at_prompt:
                self._set(state=State.WORKING, reason="", questions=())
        elif self.status.state is State.WAITING and self._dialog_seen:
            self._reported = False
            self._rest()

    @property
    def _is_coming_up(self) -> bool:
        """Whether a CLI that says when it is at its prompt has not said so yet: a dialog may come before that, and
        would take a message for its answer."""
        keeps_status = self.session_status is not None and not self.status.session
        return (keeps_status or bool(self._orders.detectors.done)) and time.monotonic() < self._made + _UP_LATEST

    def last_look(self, inbox: Path) -> None:
        """The program has ended: learn what it left to be learned."""
        self._find_session()
        self.take_reports(inbox)

    def take_records(self, records: Sequence[Record]) -> None:
        """Learn from what came to the CLI's own transcript."""
        for record in records:
            if record.kind is not Kind.SESSION:
                self.taking.has_begun()
            if record.kind is Kind.TURN_END and record.ok and not record.agent:
                self._ended_well(record.at)
            if not record.agent:
                self._take_retry(record.text if record.kind is Kind.RETRY else "")
            if record.kind in (Kind.SESSION, Kind.USAGE) and record.ok and not record.agent:
                fields = {key: value for key in ("session", "model") if (value := getattr(record, key))}
                self._set(**fields)
            elif self._orders.reports and not self._heard and not record.agent:
                self._take_end(record)
            elif not self._orders.reports:
                self._expect_dialog(record)
                if not record.agent:
                    self._follow_turn(record)

    def _ended_well(self, at: float) -> None:
        self._ended_at = at
        if self._orders.reports and self.status.result is Result.INTERRUPTED and at >= self._known_at:
            self._take_state(Report(State.DONE), at)  # nobody had ended it: its hook is late

    def _expect_dialog(self, record: Record) -> None:
        """A tool is about to run: a dialog about it may come up, on a screen that never rests meanwhile."""
        if record.kind in (Kind.TOOL, Kind.QUESTION) and self._patterns and self.status.state is State.WORKING:
            soon = time.monotonic() + _DRAWN
            self._again = soon if self._again is None else min(self._again, soon)

    def _take_retry(self, text: str) -> None:
        if text != self._retrying:
            self._retrying = text
            if self.status.state is State.WORKING:
                self._set(state=State.WORKING)

    def was_silent(self, reason: str) -> None:
        """Nothing has come of it for long: a person has to say what is to be done."""
        self._set(state=State.WAITING, reason=reason, fault=Fault.PROVIDER, questions=())

    def was_heard(self) -> None:
        """It has given a sign of life again."""
        if self.status.is_silent:
            self._set(state=State.WORKING, reason="", fault=Fault.NONE)

    def _take_end(self, record: Record) -> None:
        """The transcript of a CLI whose hooks tell nothing says how its turn ended."""
        if record.at < self.status.since or self.status.state is not State.WORKING:
            return
        if record.kind is Kind.TURN_END and record.ok:
            self._take_state(Report(State.DONE), record.at)
        elif record.kind is Kind.INTERRUPTED:
            self._take_state(Report(State.DONE, interrupted=True), record.at)

    def _follow_turn(self, record: Record) -> None:
        """What a CLI without hooks writes is often ahead of what its screen shows."""
        if record.at < self.status.since:
            return
        if record.kind is Kind.USER and self.status.is_free:
            self._begun = True
            self._recorded_until = time.monotonic() + _BEHIND
            self._set(state=State.WORKING, questions=())
        elif self.status.state is State.WORKING and record.kind is Kind.INTERRUPTED:
            self._rest()
        elif self.status.state is State.WORKING and record.kind is Kind.TURN_END and record.ok:
            self._recorded_until = time.monotonic() + _BEHIND
            self._set(state=State.DONE, reason="", questions=())

    def _find_session(self) -> None:
        if self._session is not None and (match := self._session.search(self._recent)) is not None:
            self._set(session=match["session"])

    def take_reports(self, inbox: Path) -> None:
        """Read what the CLI's hooks have put into `inbox`, oldest first, and take it away."""
        files = [(path.stat().st_mtime_ns, path) for path in inbox.glob("*.json") if path.is_file()]
        for at, path in sorted(files):
            try:
                payload = from_json(bytes_of(path))
            except (OSError, ValueError):
                payload = None
            path.unlink(missing_ok=True)
            hook = path.stem if (inbox.parent / ASKING / path.stem).exists() else ""
            report = read_report(payload, hook, at / 1e9) if isinstance(payload, dict) else None
            if report is not None:
                self._take(report, at / 1e9)

    def _take(self, report: Report, at: float) -> None:
        fields = {key: value for key in ("session", "model") if (value := getattr(report, key))}
        if self._own_session and report.session not in ("", self._own_session) and not report.begins:
            return  # of a session beside its own
        self._own_session = report.session or self._own_session
        self._heard = True
        self.turns += report.begins
        if report.begins:
            self.old_limits.turn_began(self.screen())
        self._set(**fields)
        if report.window:
            self.told_window(report.window)
        if report.limits:
            self.told_limits(report.limits)
        if report.subagent:
            self._take_subagent(report, at)
        if report.state is State.DONE and self._orders.detectors.limited:
            # What the screen says of a limit when a turn went well is old: a resumed program shows its past.
            self.old_limits.are_over(self.screen())
        if report.by_gateway:
            self.refusal = report if report.reason else None
        elif self.refusal is not None and report.state in _TROUBLE:
            return  # what the CLI makes of the gateway's refusal
        if report.state is not None:
            self._take_state(report, at)

    def _take_subagent(self, report: Report, at: float) -> None:
        (self._subagents.discard if report.ended else self._subagents.add)(report.subagent)
        if report.ended and self._in_background:
            self._take_state(Report(State.DONE), at)  # its own turn was over before

    def _take_state(self, report: Report, at: float) -> None:
        if self._patterns and report.questions and not report.questions[0].hook:
            self._announced, self._again = report.questions[0], time.monotonic() + 0.1
            return
        if report.withdrawn and self.status.state is not State.WAITING:
            return
        if report.idle and self._ended:
            return
        if report.state is State.DONE and self._subagents and not report.interrupted:
            count = len(self._subagents)
            reason = f"{count} sub-agent{'s' if count > 1 else ''} in the background"
            report = replace(report, state=State.WORKING, reason=reason, background=True)
        self._reported, self._known_at, self._turn_due = True, at, 0.0
        self._begun = self._begun or report.state is State.WORKING
        self._in_background = report.background
        is_of_deck = any(each.is_of_deck for each in report.questions)
        if report.state is State.WAITING and self._orders.mode is Mode.HEADLESS and not is_of_deck:
            return  # nobody is asked there: the CLI refuses it
        if report.state is State.WAITING:
            self._dialog_seen = self._dialog_seen and self.status.state is State.WAITING
            self.inputs |= {each.hook: report.given for each in report.questions}
            if not report.questions and any(each.options for each in self.status.questions):
                return  # a notice of the question that is known already, some seconds later
            asked = report.questions or (Question(report.reason, at=at),)
            # What a hook tells is more than what the screen shows of the same.
            self._ask((*(each for each in self.status.questions if each.hook and report.questions), *asked))
            self._again = time.monotonic() + 1.0
            return
        left = self._left_open(report)
        if left:
            self._ask(left)
        else:
            result = Result.INTERRUPTED if report.interrupted else Result.NONE
            reason = INTERRUPTED if report.interrupted else report.reason
            self._announced = None
            was_done = self.status.state is State.DONE
            self._set(state=report.state, reason=reason, fault=report.fault, result=result, questions=())
            if was_done:
                self.judge_again()

    @property
    def _ended(self) -> bool:
        """Whether its turn is known to be over, and how it stands."""
        status, question = self.status, self.status.question
        if status.state in (State.STARTING, State.WORKING):
            return self._in_background
        return status.state is not State.WAITING or (question is not None and question.kind is Asks.TEXT)

    def _left_open(self, report: Report) -> tuple[Question, ...]:
        """The questions that are still open after `report`, where several tools run at once."""
        if report.state is not State.WORKING or report.begins or self.status.state is not State.WAITING:
            return ()
        if report.withdrawn:
            return tuple(each for each in self.status.questions if each.hook != report.withdrawn)
        if report.finished is None:
            return self.status.questions
        told = self._announced
        if not report.finished[0] or (told is not None and (told.tool, told.subject) == report.finished):
            return ()
        return tuple(each for each in self.status.questions if (each.tool, each.subject) != report.finished)

    def judge_again(self) -> None:
        """More has become known of the turn that is over."""
        status = self.status
        if status.state is State.DONE and self._orders.mode is Mode.INTERACTIVE:
            new = self._judged(status)
            if new != status:
                self._set(**{name: getattr(new, name) for name in ("state", "reason", "fault", "result", "questions")})

    def _judged(self, done: Status) -> Status:
        """How it stands whose turn went well, as far as its program says."""
        found = self.judge() if self.judge is not None and done.result is not Result.INTERRUPTED else None
        if found is None:
            return done
        asked = (Question(found.reason, Asks.TEXT, at=time.time()),) if found.state is State.WAITING else ()
        changes = {"state": found.state, "reason": found.reason, "fault": found.fault, "result": found.result}
        return replace(done, questions=asked, **changes)  # type: ignore[arg-type]

    def _set(self, **fields: object) -> None:
        if self._orders.mode is Mode.HEADLESS and fields.get("state") in (State.DONE, State.FAILED):
            return  # whether it went well, the end of its process tells
        new = replace(self.status, **fields)  # type: ignore[arg-type]
        changes = new.state is not self.status.state
        if new.state is State.WORKING:
            told = str(fields.get("reason", "" if changes else self.status.reason))
            new = replace(new, reason=self._retrying or self.working_as or (told if self._in_background else ""))
        if changes or _asks_anew(self.status, new):
            self.turns += changes and new.state is State.WORKING
            new = replace(new, since=time.time(), fault=Fault.NONE if new.state is State.WORKING else new.fault)
        if new.state is State.DONE and self.status.state is not State.DONE:
            new = self._judged(new)
        elif new.state is not State.DONE and fields.get("result") is None:
            new = replace(new, result=Result.NONE)
        if new.state is State.LIMITED and self.limited_as:
            new = replace(new, reason=self.limited_as)
        if new.state is not State.WAITING and new.questions:
            new = replace(new, questions=())
        if new == self.status:
            return
        self.status = new
        self._change(new)


def _asks_anew(old: Status, new: Status) -> bool:
    """Whether it waits for an answer to another question than before."""
    before, now = old.question, new.question
    return new.state is State.WAITING and now is not None and (before is None or not now.is_same_as(before))
