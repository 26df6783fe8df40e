"""What agents of batches ask, and how they are answered, from any machine that has the server's address and the key."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from agentdeck.core.config.fleet import FleetConfig
from agentdeck.core.frozen import asdict
from agentdeck.core.question import Question
from agentdeck.engine.temporal.connection import connect
from agentdeck.engine.temporal.workflow import BATCH, BatchWorkflow
from agentdeck.engine.views.tasks import BatchQuestion
from agentdeck.errors import NotFoundError, RefusedError, UnreachableError

Found = TypeVar("Found")
_RUNNING = f'WorkflowType="{BATCH}" AND ExecutionStatus="Running"'


def asks(config: FleetConfig) -> list[BatchQuestion]:
    """What the agents of all running batches ask, as their last heartbeat said. A batch of another key is left out."""

    async def told() -> list[BatchQuestion]:
        return await _told(await connect(config))

    return [each for each in _run(told()) if each.question is not None]


def answer(config: FleetConfig, agent: str, choice: str, text: str) -> BatchQuestion:
    """Send an answer to what the agent asks now; return that. Its worker gives it, unless the agent asks something else
    by then.

    Raise NotFoundError where no running batch follows such an agent, RefusedError where it asks nothing, or several
    batches have one of that name.
    """
    return _run(_answered(config, agent, choice, text))


async def _answered(config: FleetConfig, agent: str, choice: str, text: str) -> BatchQuestion:
    client = await connect(config)
    found = [each for each in await _told(client) if each.agent == agent]
    if not found:
        raise NotFoundError(f"No batch in the queue runs “{agent}” now.", hint="agentdeck asks --queue")
    if len({each.batch for each in found}) > 1:
        raise RefusedError(f"Several batches run an agent {agent}.", hint="Answer it in its own repository.")
    first = found[0]
    if first.question is None:
        raise RefusedError(f"{agent} asks nothing.", hint="agentdeck asks --queue")
    await client.get_workflow_handle(first.batch).signal(
        BatchWorkflow.answer, args=[agent, choice, text, asdict(first.question)]
    )
    return first


async def _told(client: Client) -> list[BatchQuestion]:
    """Each agent that a worker follows, once for each of its questions, or once without one."""
    found = list[BatchQuestion]()
    async for running in client.list_workflows(_RUNNING):
        handle = client.get_workflow_handle(running.id, run_id=running.run_id)
        for pending in (await handle.describe()).raw_description.pending_activities:
            with suppress(ApplicationError, KeyError, TypeError, ValueError):  # another's, or no heartbeat of ours
                found += await _beat(client, running.id, pending.heartbeat_details.payloads)
    return found


async def _beat(client: Client, batch: str, payloads: Any) -> list[BatchQuestion]:
    for told in await client.data_converter.decode(payloads):
        agent, questions = str(told["agent"]), [Question.from_json(each) for each in told["questions"]]
        return [BatchQuestion(batch, agent, each) for each in questions] or [BatchQuestion(batch, agent, None)]
    return []


def _run(work: Coroutine[Any, Any, Found]) -> Found:
    try:
        return asyncio.run(work)
    except RPCError as error:
        raise UnreachableError(f"Temporal refused: {error.message}.") from error
