"""The worker of a batch in Temporal.

The batch is a workflow, so it outlives this process, its worker and the server. Each agent is an activity that starts
it and follows it to its end. Its start has an id of the batch's own, so one that is tried again, here or by another
worker, finds the agent that runs already. An agent at its limit holds no worker: a durable timer looks again. All that
passes through the server is encrypted with the user's own key.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import asdict, replace
from agentdeck.core.question import Question
from agentdeck.engine import roster
from agentdeck.engine.batch import Batch
from agentdeck.engine.lifecycle.hosts import host_of
from agentdeck.engine.temporal.connection import address, connect, patiently
from agentdeck.engine.temporal.workflow import ANSWER, BATCH, RUN, BatchWorkflow
from agentdeck.engine.views import AgentView, TaskEnd
from agentdeck.engine.views.starts import request_from_json, request_to_json
from agentdeck.errors import BusyError, DeckError, UnreachableError
from agentdeck.system.files.files import private_folder, write_atomic
from agentdeck.system.fleet.links import LINKS

_LOOK = 0.5
"""Seconds between two looks at an agent."""
_TOLD = timedelta(seconds=2)
"""After which a server knows what an agent asks, at the latest."""

_WORKED_OFF: set[str] = set()
"""The workflows whose ends this process has told."""


class TemporalQueue:
    """See engine.queues.Queue."""

    def __init__(self, batch: Batch) -> None:
        self._batch, self._world = batch, batch.world
        batch.world.store.open()
        config = batch.world.safe_settings.config
        self._places = batch.jobs or config.queue.jobs or 4
        self._config = config.fleet
        address(config.fleet.queue)  # a wrong one is refused at once
        self._is_over, self._telling = threading.Event(), threading.Lock()
        self._told = dict[str, str]()
        """What was said last of a task that waits."""

    @property
    def _lane(self) -> str:
        """Where Temporal puts the work of this deck."""
        return f"agentdeck-{self._world.deck}"

    def plan(self) -> dict[str, Any]:
        tasks = [
            {"name": task.name, "after": list(task.after), "request": request_to_json(task.request)}
            for task in self._batch.tasks
        ]
        return {"tasks": tasks, "places": self._places}

    @property
    def id(self) -> str:
        """Of the workflow: the same tasks again go on with the batch that runs still."""
        text = json.dumps(self.plan(), sort_keys=True, default=str)
        return f"{self._lane}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @property
    def _begun(self) -> Path:
        """Names the workflow's run until its ends are told, so that who is killed before that finds them again."""
        return self._world.store.folder / "temporal" / self.id

    def run(self) -> list[TaskEnd]:
        """Return what became of every task, in the tasks' order. An interrupt cancels the batch."""
        with ThreadPoolExecutor(1, "temporal") as pool:
            future = pool.submit(asyncio.run, self._follow())
            try:
                found = future.result()
            except BaseException:
                self._is_over.set()
                raise
        atexit.register(self._forget)  # by then the caller has told what it gets here
        _WORKED_OFF.add(self.id)
        return [self._end(found[task.name]) for task in self._batch.tasks]

    def _forget(self) -> None:
        LINKS.close()  # it takes a moment, and who is killed in that tells the ends again
        self._begun.unlink(missing_ok=True)

    async def _follow(self) -> dict[str, dict[str, Any]]:
        client = await connect(self._config)
        with ThreadPoolExecutor(self._places + 1, "agents") as agents:
            # A batch that was begun with more places is worked off by as many as there are.
            async with Worker(
                client,
                task_queue=self._lane,
                workflows=[BatchWorkflow],
                activities=[self.follow_agent, self.answer],
                activity_executor=agents,
                max_concurrent_activities=self._places + 1,
                max_heartbeat_throttle_interval=_TOLD,
                default_heartbeat_throttle_interval=_TOLD,
                workflow_runner=UnsandboxedWorkflowRunner(),
            ):
                if (ends := await self._untold(client)) is not None:
                    return ends
                handle = await patiently(lambda: self._begin(client))
                write_atomic(private_folder(self._begun.parent) / self.id, str(handle.first_execution_run_id))
                return await self._result(handle)

    async def _begin(self, client: Client) -> WorkflowHandle[Any, Any]:
        return await client.start_workflow(
            BATCH,
            self.plan(),
            id=self.id,
            task_queue=self._lane,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )

    async def _untold(self, client: Client) -> dict[str, dict[str, Any]] | None:
        """The ends of a batch of the same tasks that ended while nobody was there to tell; None without one, or where
        an agent of it is gone."""
        if self.id in _WORKED_OFF or not self._begun.exists():
            return None
        handle = client.get_workflow_handle(self.id, run_id=self._begun.read_text())
        with suppress(UnreachableError):  # the server has forgotten it
            if (await patiently(handle.describe)).status is WorkflowExecutionStatus.COMPLETED:
                ends: dict[str, dict[str, Any]] = await patiently(handle.result)
                names = {view.name for view in roster.agents(self._world)}
                if all(end.get("agent", "") in {*names, ""} for end in ends.values()):
                    return ends
        return None

    async def _result(self, handle: WorkflowHandle[Any, Any]) -> dict[str, dict[str, Any]]:
        result = asyncio.create_task(patiently(handle.result))
        while not (await asyncio.wait([result], timeout=_LOOK))[0]:
            if self._is_over.is_set():
                with suppress(RPCError):
                    await handle.cancel()
                result.cancel()
                return {}
        found: dict[str, dict[str, Any]] = result.result()
        return found

    # temporalio would raise in the middle of a start, at any line, when the server was silent for a while.
    @activity.defn(name=RUN, no_thread_cancel_exception=True)
    def follow_agent(self, task: dict[str, Any]) -> dict[str, Any]:
        """Start the agent, unless its id has one, and follow it to its end or its limit."""
        # Only an interrupt here takes a start back: what the server gave up is followed by its next try.
        request = replace(request_from_json(task["request"]), id=task["id"], cancelled=self._is_over.is_set)
        try:
            with _beating(task["name"]):
                view = self._batch.start(request, self._say)
        except (UnreachableError, BusyError) as error:
            self._say_once(Event(EventKind.RUN_QUEUED, task["name"], f"waits: {error.title}", {"task": task["name"]}))
            raise ApplicationError(error.title) from error  # Temporal tries again
        except DeckError as error:
            self._say(Event(EventKind.RUN_ENDED, task["name"], str(error), {"task": task["name"]}))
            return {"error": error.title, "detail": error.detail, "hint": error.hint}
        self._say(Event(EventKind.RUN_STARTED, view.name, f"{task['name']} started", {"task": task["name"]}))
        return self._watched(task["name"], view.name)

    @activity.defn(name=ANSWER, no_thread_cancel_exception=True)
    def answer(self, agent: str, choice: str, text: str, seen: dict[str, Any] | None) -> None:
        """Give an answer that came by a signal; `seen` is the question that it is meant for."""
        try:
            view = roster.agent(self._world, agent)
            question = Question.from_json(seen) if seen else None
            host_of(view).answer(self._world, view, choice, text, question)
        except DeckError as error:
            self._say(Event(EventKind.WARNING, agent, f"an answer was not given: {error.title}"))

    def _watched(self, task: str, name: str) -> dict[str, Any]:
        while True:
            self._batch.repair(self._say)
            view = next((each for each in roster.agents(self._world) if each.name == name), None)
            activity.heartbeat(_beat(name, view))
            if view is None or not view.state.is_live:
                state = view.state if view is not None else "removed"
                self._say(Event(EventKind.RUN_ENDED, name, f"{state}", {"task": task}))
                return {"agent": name, "state": str(state)}
            if view.state is State.LIMITED:
                return {"agent": name, "state": str(view.state)}
            if self._cancelled():
                raise ApplicationError("It was interrupted.")
            time.sleep(_LOOK)

    def _cancelled(self) -> bool:
        return self._is_over.is_set() or activity.is_cancelled() or activity.is_worker_shutdown()

    def _say_once(self, event: Event) -> None:
        if self._told.get(event.agent) != event.text:
            self._told[event.agent] = event.text
            self._say(event)

    def _say(self, event: Event) -> None:
        with self._telling:
            self._batch.note(event)

    def _end(self, told: dict[str, Any]) -> TaskEnd:
        if "error" in told:
            return TaskEnd(error=DeckError(told["error"], detail=told["detail"], hint=told["hint"]))
        with suppress(DeckError, KeyError):
            return TaskEnd(roster.agent(self._world, told["agent"]))
        return TaskEnd()


@contextmanager
def _beating(name: str) -> Iterator[None]:
    """Let the server know that the start is under way, however long it takes."""
    over = threading.Event()

    def beat() -> None:
        with suppress(RuntimeError):  # the worker ends
            while not over.wait(_TOLD.total_seconds()):
                activity.heartbeat(_beat(name, None))

    thread = threading.Thread(target=contextvars.copy_context().run, args=(beat,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat(name: str, view: AgentView | None) -> dict[str, Any]:
    """What a heartbeat tells of the agent; see engine.temporal.asking."""
    is_asking = view is not None and view.alive and not view.status.is_idle
    questions = view.status.questions if view is not None and is_asking else ()
    return {"agent": name, "state": str(view.state) if view else "", "questions": [asdict(each) for each in questions]}
