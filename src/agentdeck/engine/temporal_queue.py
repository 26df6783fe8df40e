"""The queue of `run -f` in Temporal: `[fleet] queue = "temporal://HOST:PORT/NAMESPACE"`.

The batch is a workflow, so it outlives this process, its worker and the server. Each agent is an activity that starts
it and follows it to its end. Its start has an id of the batch's own, so one that is tried again, here or by another
worker, finds the agent that runs already. An agent at its limit holds no worker: a durable timer looks again. All that
passes through the server is encrypted with the user's own key.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet, InvalidToken
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RetryPolicy, WorkflowIDConflictPolicy
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.frozen import replace
from agentdeck.engine import roster
from agentdeck.engine.lifecycle.hosts import host_of
from agentdeck.engine.views import AgentView, QueuedTask, StartRequest, TaskEnd
from agentdeck.engine.views.starts import request_from_json, request_to_json
from agentdeck.engine.world import Note, World
from agentdeck.errors import BusyError, ConfigError, DeckError, UnreachableError
from agentdeck.system.files.files import home_path, private_folder, state_home, write_atomic

BATCH, RUN, ANSWER = "agentdeck-batch", "agentdeck-run", "agentdeck-answer"
_LOOK = 0.5
"""Seconds between two looks at an agent."""
_SILENCE = timedelta(seconds=20)
"""Without a heartbeat, after which another worker follows the agent."""
_FIRST_LOOK, _LONGEST_LOOK = 60.0, 3600.0
"""Seconds until a limited agent is looked at again: the first time, and at most."""
_YEARS = timedelta(days=3650)
_GOOD = (State.DONE, State.LANDED)


class Crypt(PayloadCodec):
    """Encrypts all that the server sees of a batch."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        kind = {"encoding": b"binary/encrypted"}
        return [Payload(metadata=kind, data=self._fernet.encrypt(each.SerializeToString())) for each in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        try:
            return [Payload.FromString(self._fernet.decrypt(each.data)) for each in payloads]
        except InvalidToken as error:
            raise ApplicationError("The batch was encrypted with another key.", non_retryable=True) from error


@workflow.defn(name=BATCH, sandboxed=False)
class Batch:
    """`plan` has the tasks, each with `name`, `after` and `request`, and how many may run at once."""

    def __init__(self) -> None:
        self.ended: dict[str, dict[str, Any]] = {}
        self._running = 0

    @workflow.run
    async def run(self, plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
        await asyncio.gather(*(self._task(task, int(plan["places"])) for task in plan["tasks"]))
        return self.ended

    @workflow.query
    def ends(self) -> dict[str, dict[str, Any]]:
        """What became of the tasks so far."""
        return self.ended

    @workflow.signal
    async def answer(self, agent: str, choice: str, text: str) -> None:
        """Answer the question that an agent of the batch asks now; see Deck.answer. One to no question is lost."""
        retry = RetryPolicy(maximum_attempts=3)
        minute = timedelta(minutes=1)
        await workflow.execute_activity(
            ANSWER, args=[agent, choice, text], start_to_close_timeout=minute, retry_policy=retry
        )

    async def _task(self, task: dict[str, Any], places: int) -> None:
        name, after = task["name"], task["after"]
        await workflow.wait_condition(lambda: all(each in self.ended for each in after))
        if failed := [each for each in after if self.ended[each].get("state") not in _GOOD]:
            self.ended[name] = {"skipped": failed}
            return
        await workflow.wait_condition(lambda: self._running < places)
        self._running += 1
        try:
            self.ended[name] = await self._followed(task)
        finally:
            self._running -= 1

    async def _followed(self, task: dict[str, Any]) -> dict[str, Any]:
        pause = _FIRST_LOOK
        told = {**task, "id": task["request"].get("id") or f"temporal/{workflow.info().run_id}/{task['name']}"}
        while True:
            found: dict[str, Any] = await workflow.execute_activity(
                RUN,
                told,
                result_type=dict,
                start_to_close_timeout=_YEARS,
                heartbeat_timeout=_SILENCE,
                retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)),
            )
            if found.get("state") != State.LIMITED:
                return found
            await asyncio.sleep(pause)  # a durable timer here
            pause = min(pause * 2, _LONGEST_LOOK)


class TemporalQueue:
    """See engine.queues.Queue."""

    def __init__(
        self,
        world: World,
        start: Callable[[StartRequest, Note], AgentView],
        repair: Callable[[Note], None],
        tasks: Sequence[QueuedTask],
        jobs: int,
        note: Note,
    ) -> None:
        self._world, self._start, self._repair, self._tasks, self._note = world, start, repair, tasks, note
        world.store.open()
        config = world.safe_settings.config
        self._places = jobs or config.queue.jobs or 4
        self._target, self._namespace = _address(config.fleet.queue)
        self._key = _key(config.fleet.key)
        self._is_over, self._telling = threading.Event(), threading.Lock()

    @property
    def _lane(self) -> str:
        """Where Temporal puts the work of this deck."""
        return f"agentdeck-{self._world.deck}"

    def plan(self) -> dict[str, Any]:
        tasks = [
            {"name": task.name, "after": list(task.after), "request": request_to_json(task.request)}
            for task in self._tasks
        ]
        return {"tasks": tasks, "places": self._places}

    @property
    def batch(self) -> str:
        """The id of the workflow: the same tasks again go on with the batch that runs still."""
        text = json.dumps(self.plan(), sort_keys=True, default=str)
        return f"{self._lane}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def run(self) -> list[TaskEnd]:
        """Return what became of every task, in the tasks' order. An interrupt cancels the batch."""
        with ThreadPoolExecutor(1, "temporal") as pool:
            future = pool.submit(asyncio.run, self._follow())
            try:
                found = future.result()
            except BaseException:
                self._is_over.set()
                raise
        return [self._end(found[task.name]) for task in self._tasks]

    async def _follow(self) -> dict[str, dict[str, Any]]:
        client = await self.connect()
        with ThreadPoolExecutor(self._places + 1, "agents") as agents:
            # A batch that was begun with more places is worked off by as many as there are.
            async with Worker(
                client,
                task_queue=self._lane,
                workflows=[Batch],
                activities=[self.follow_agent, self.answer],
                activity_executor=agents,
                max_concurrent_activities=self._places + 1,
                workflow_runner=UnsandboxedWorkflowRunner(),
            ):
                handle = await _patiently(
                    lambda: client.start_workflow(
                        BATCH,
                        self.plan(),
                        id=self.batch,
                        task_queue=self._lane,
                        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    )
                )
                result = asyncio.create_task(_patiently(handle.result))
                while not (await asyncio.wait([result], timeout=_LOOK))[0]:
                    if self._is_over.is_set():
                        await _cancel(handle)
                        result.cancel()
                        return {}
                found: dict[str, dict[str, Any]] = result.result()
                return found

    async def connect(self) -> Client:
        """Raise UnreachableError where no server answers."""
        converter = DataConverter(
            payload_codec=Crypt(self._key), failure_converter_class=DefaultFailureConverterWithEncodedAttributes
        )
        try:
            return await Client.connect(self._target, namespace=self._namespace, data_converter=converter)
        except (RuntimeError, RPCError) as error:
            raise UnreachableError(
                f"Temporal does not answer at {self._target}.", detail=str(error), hint="temporal server start-dev"
            ) from error

    @activity.defn(name=RUN)
    def follow_agent(self, task: dict[str, Any]) -> dict[str, Any]:
        """Start the agent, unless its id has one, and follow it to its end or its limit."""
        request = replace(request_from_json(task["request"]), id=task["id"], cancelled=self._cancelled)
        try:
            view = self._start(request, self._say)
        except (UnreachableError, BusyError) as error:
            raise ApplicationError(error.title) from error  # Temporal tries again
        except DeckError as error:
            self._say(Event(EventKind.RUN_ENDED, task["name"], str(error), {"task": task["name"]}))
            return {"error": error.title, "detail": error.detail, "hint": error.hint}
        self._say(Event(EventKind.RUN_STARTED, view.name, f"{task['name']} started", {"task": task["name"]}))
        return self._watched(task["name"], view.name)

    @activity.defn(name=ANSWER)
    def answer(self, agent: str, choice: str, text: str) -> None:
        view = roster.agent(self._world, agent)
        try:
            host_of(view).answer(self._world, view, choice, text, None)
        except DeckError as error:
            self._say(Event(EventKind.WARNING, agent, f"an answer was not given: {error.title}"))

    def _watched(self, task: str, name: str) -> dict[str, Any]:
        while True:
            activity.heartbeat(name)
            self._repair(self._say)
            view = next((each for each in roster.agents(self._world) if each.name == name), None)
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

    def _say(self, event: Event) -> None:
        with self._telling:
            self._note(event)

    def _end(self, told: dict[str, Any]) -> TaskEnd:
        if "error" in told:
            return TaskEnd(error=DeckError(told["error"], detail=told["detail"], hint=told["hint"]))
        with suppress(DeckError, KeyError):
            return TaskEnd(roster.agent(self._world, told["agent"]))
        return TaskEnd()


async def _patiently(call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What `call` gives; it is made again while the server can't be reached."""
    while True:
        try:
            return await call()
        except RPCError as error:
            if error.status not in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED):
                raise UnreachableError(f"Temporal refused: {error.message}.") from error
            await asyncio.sleep(1)


async def _cancel(handle: WorkflowHandle[Any, Any]) -> None:
    with suppress(RPCError):
        await handle.cancel()


def _address(url: str) -> tuple[str, str]:
    """Where the server is, and the namespace. Raise ConfigError for what is none."""
    parts = urlsplit(url)
    try:
        port = parts.port or 7233
    except ValueError:
        port = 0
    namespace = parts.path.strip("/") or "default"
    if parts.scheme != "temporal" or not parts.hostname or not port or "/" in namespace:
        raise ConfigError(f"fleet.queue is no address of Temporal: {url[:80]}", hint="temporal://HOST:7233/NAMESPACE")
    return f"{parts.hostname}:{port}", namespace


def _key(path: str) -> bytes:
    """The user's own, which is made where there is none."""
    file = home_path(path) if path else private_folder(state_home()) / "fleet.key"
    try:
        return file.read_bytes().strip()
    except FileNotFoundError:
        if path:
            raise ConfigError(f"There is no key in {file}, which fleet.key names.") from None
    write_atomic(file, Fernet.generate_key().decode() + "\n", 0o600)
    return file.read_bytes().strip()
