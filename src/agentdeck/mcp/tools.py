"""The tools: each is one look at the deck or one deed, checked before anything runs.

Who asks is an agent of the deck, or a person's own client (`caller` is empty). What may not be undone, what approves
something, and another agent's answers are no tools at all.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field

from agentdeck.core.agents.agent import State
from agentdeck.core.merging.patch import FilePatch
from agentdeck.core.text.text import plain
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.engine.views.landings import LandRequest, Stage
from agentdeck.errors import DeckError, RefusedError
from agentdeck.mcp.models import (
    AgentDetail,
    AgentList,
    AgentSummary,
    Answer,
    Budget,
    FileUse,
    FileUses,
    LandingAnswer,
    Message,
    Page,
    Started,
    Waited,
)

Name = Annotated[str, Field(min_length=1, max_length=40, description="an agent's name")]
Start = Annotated[int, Field(ge=0, description="where to begin, as `next` of the call before says")]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]
_WAIT_MAX = 50
"""Seconds; clients cut longer calls."""
_RECENT = 30
_LOOK = 0.3
_LANDING_WAIT = 45.0
_AT_WORK = (State.STARTING, State.WORKING)


class Tools:
    def __init__(self, root: Path, caller: str) -> None:
        self.root, self.caller = root, caller

    def _deck(self) -> Deck:
        """As it is now; calls run side by side, and none sees another's."""
        return Deck.find(self.root)

    def list_agents(self) -> AgentList:
        """List all agents of this repository: state, task, branch, question, and the budget that is left."""
        deck = self._deck()
        deck.repair()
        return AgentList(
            you=self.caller, agents=[AgentSummary.of(view) for view in deck.agents()], budget=self._budget(deck)
        )

    def _budget(self, deck: Deck) -> Budget:
        purse = deck.delegation.purse(self.caller)
        spent = purse.spent if self.caller else purse.deck_spent
        return Budget(
            spent=round(spent, 4),
            limit=purse.limit if self.caller else purse.deck_limit,
            repository_spent=round(purse.deck_spent, 4),
            repository_limit=purse.deck_limit,
        )

    def read_agent(self, name: Name) -> AgentDetail:
        """Read one agent: state, question, what it said last, the files it changed, the last lines of its log."""
        deck = self._deck()
        view = deck.agent(name)
        changed: list[str] = []
        with suppress(DeckError):  # one whose worktree is gone has a log all the same
            changed = [file.path for file in deck.review.diff(view).files]
        activity, tool = view.activity, view.tool
        recent = [plain(line.text) for line in deck.log_lines(view.name)][-_RECENT:]
        return AgentDetail(
            **AgentSummary.of(view).model_dump(),
            last_words=plain(activity.last_words) if activity else "",
            running_tool=plain(tool.text) if tool else "",
            changed_files=changed,
            recent=recent,
        )

    def read_log(self, name: Name, start: Start = 0) -> Page:
        """Read an agent's log, oldest lines first, 20,000 characters a call."""
        deck = self._deck()
        return Page.of("\n".join(plain(line.text) for line in deck.log_lines(deck.agent(name).name)), start)

    def diff_agent(self, name: Name, start: Start = 0) -> Page:
        """Read all that an agent changed since its base, committed or not, as a patch."""
        return Page.of(self._deck().review.text(name, for_agent=True), start)

    def check_files(self, paths: Annotated[list[str], Field(min_length=1, max_length=200)]) -> FileUses:
        """Ask before you change files: which other agents have changed these paths, and which lines."""
        deck = self._deck()
        wanted = {path.removeprefix("./") for path in paths}
        found: list[FileUse] = []
        for view in deck.agents():
            if view.name == self.caller or view.state is State.LANDED:
                continue
            with suppress(DeckError):
                for file in deck.review.diff(view).files:
                    for path in sorted(wanted & {file.path, file.old_path}):
                        found.append(FileUse(path=path, agent=view.name, lines=_ranges(file)))
        used = {use.path for use in found}
        return FileUses(free=sorted(wanted - used), changed=found)

    def start_agent(
        self,
        task: Annotated[str, Field(min_length=1, max_length=20_000, description="what is true when it is done")],
        id: Annotated[str, Field(min_length=1, max_length=100, description="the same id never starts a second agent")],
        profile: Annotated[str | None, Field(description="claude, codex, …; none: the configured one")] = None,
        base: Annotated[str | None, Field(description="the branch to start from; none: the configured one")] = None,
        name: Annotated[str | None, Field(max_length=40, description="none: made from the task")] = None,
    ) -> Started:
        """Start a helper agent on a task, in a worktree and on a branch of its own. It gets no more rights than you
        have and spends your budget. It starts from the base branch, so commit first what it shall see there."""
        deck = self._deck()
        known = {view.agent.id for view in deck.agents()}
        request = StartRequest(task=task, profile=profile, name=name, base=base, id=id, parent=self.caller)
        return Started(agent=AgentSummary.of(deck.start(request)), already_there=id in known)

    async def wait_for_agents(
        self,
        names: Annotated[list[Name], Field(min_length=1, max_length=20)],
        seconds: Annotated[float, Field(ge=0, le=_WAIT_MAX)] = 45,
    ) -> Waited:
        """Wait until none of these agents is at work any more: each is done, failed, stopped, or needs a person. Call
        again while `still_working` is not empty."""
        deadline = time.monotonic() + seconds
        while True:
            views = await asyncio.to_thread(self._look, names)
            working = [view.name for view in views if view.state in _AT_WORK]
            if not working or time.monotonic() >= deadline:
                return Waited(agents=[AgentSummary.of(view) for view in views], still_working=working)
            await asyncio.sleep(_LOOK)

    def _look(self, names: list[str]) -> list[AgentView]:
        deck = self._deck()
        deck.repair()
        return [deck.agent(name) for name in names]

    def message_agent(self, name: Name, text: Text) -> Message:
        """Send an agent a message. It gets it when its turn is over, never as an answer to a question. A message gives
        no permission: only a person approves things."""
        try:
            given = self._deck().delegation.message(name, text, self.caller)
        except RefusedError as error:
            return Message(state="refused", reason=str(error))
        return Message(state="delivered" if given else "queued")

    def request_landing(self, name: Name) -> LandingAnswer:
        """Ask for an agent's finished work, or your own, to land on its base branch: through the gate, and by default a
        person decides."""
        deck = self._deck()
        view = deck.agent(name)
        if self.caller and view.name != self.caller and not deck.delegation.is_below(view.name, self.caller):
            raise RefusedError(f"{view.name} is none of your agents.", hint="Message it, or ask a person.")
        rules = deck.config
        if rules.mcp.land == "gate" and rules.landing.gate and view.name != self.caller:
            return self._land(view.name)
        deck.delegation.request_landing(view.name, self.caller or "an MCP client")
        return LandingAnswer(state="asked", reason="A person was told, and decides.")

    def _land(self, name: str) -> LandingAnswer:
        """The gate may take longer than a call: then it goes on, and the agent's state tells."""
        answers: list[LandingAnswer] = []

        how = f"the rule mcp.land = gate, asked by {self.caller or 'an MCP client'}"

        def land() -> None:
            try:
                (entry,) = self._deck().land(LandRequest((name,), approved=how)).entries
                state = "landed" if entry.stage is Stage.LANDED else "refused"
                answers.append(LandingAnswer.model_validate({"state": state, "reason": entry.reason}))
            except DeckError as error:
                answers.append(LandingAnswer(state="refused", reason=str(error)))

        thread = threading.Thread(target=land)
        thread.start()
        thread.join(_LANDING_WAIT)
        return answers[0] if answers else LandingAnswer(state="running")

    async def ask_person(
        self,
        question: Annotated[str, Field(min_length=1, max_length=4000)],
        choices: Annotated[list[str], Field(max_length=9, description="empty: the person answers in words")] = [],  # noqa: B006
        seconds: Annotated[float, Field(gt=0, le=86_400)] = 3600,
    ) -> Answer:
        """Ask a person, and wait for the answer. You are shown as waiting meanwhile."""
        asked = await asyncio.to_thread(lambda: self._deck().delegation.ask(self.caller, question, choices))
        try:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if (said := asked.answer()) is not None:
                    return Answer(state="answered", answer=said)
                await asyncio.sleep(_LOOK)
            return Answer(state="unanswered")
        finally:
            asked.close()


def _ranges(file: FilePatch) -> list[str]:
    return [f"{first}-{last}" if last > first else str(first) for first, last in _spans(file)]


def _spans(file: FilePatch) -> Iterator[tuple[int, int]]:
    numbers = sorted({line.new or line.old for line in file.lines if line.kind in "+-" and (line.new or line.old)})
    for _, run in itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        found = [number for _, number in run]
        yield found[0], found[-1]
