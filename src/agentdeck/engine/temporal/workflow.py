"""What runs on the server's account: a batch, each of whose agents is an activity."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

from agentdeck.core.agents.agent import State

BATCH, RUN, ANSWER = "agentdeck-batch", "agentdeck-run", "agentdeck-answer"
_SILENCE = timedelta(seconds=20)
"""Without a heartbeat, after which another worker follows the agent."""
_FIRST_LOOK, _LONGEST_LOOK = 60.0, 3600.0
"""Seconds until a limited agent is looked at again: the first time, and at most."""
_YEARS = timedelta(days=3650)
_GOOD = (State.DONE, State.LANDED)


@workflow.defn(name=BATCH, sandboxed=False)
class BatchWorkflow:
    """`plan` has the tasks, each with `name`, `after` and `request`, and how many may run at once."""

    def __init__(self) -> None:
        self.ended: dict[str, dict[str, Any]] = {}

    @workflow.run
    async def run(self, plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
        places = asyncio.Semaphore(int(plan["places"]))
        await asyncio.gather(*(self._task(task, places) for task in plan["tasks"]))
        return self.ended

    @workflow.query
    def ends(self) -> dict[str, dict[str, Any]]:
        """What became of the tasks so far."""
        return self.ended

    @workflow.signal
    async def answer(self, agent: str, choice: str, text: str, seen: dict[str, Any] | None = None) -> None:
        """Answer the question that an agent of the batch asks now; see Deck.answer. One to no question is lost."""
        await workflow.execute_activity(
            ANSWER,
            args=[agent, choice, text, seen],
            start_to_close_timeout=timedelta(minutes=1),
            retry_policy=RetryPolicy(maximum_attempts=3),
        )

    async def _task(self, task: dict[str, Any], places: asyncio.Semaphore) -> None:
        name, after = task["name"], task["after"]
        await workflow.wait_condition(lambda: all(each in self.ended for each in after))
        if failed := [each for each in after if self.ended[each].get("state") not in _GOOD]:
            self.ended[name] = {"skipped": failed}
            return
        async with places:
            self.ended[name] = await self._followed(task)

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
