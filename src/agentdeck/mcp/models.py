"""What the tools give back."""

from __future__ import annotations

import time
from typing import Literal

from pydantic import BaseModel, Field

from agentdeck.core.text.text import cut, plain
from agentdeck.engine.views import AgentView

PAGE = 20_000
"""Characters of a text that one call gives."""
_TASK = 300


class AskedQuestion(BaseModel):
    text: str
    choices: list[str] = []
    about: str = Field("", description="the command, path or text that it is about")


class AgentSummary(BaseModel):
    name: str
    state: Literal["starting", "working", "waiting", "limited", "done", "failed", "stopped", "landed"]
    reason: str = Field("", description="what it waits for, why it failed, or what is open")
    task: str
    profile: str
    model: str = ""
    branch: str = ""
    base: str = ""
    started_by: str = Field("", description="the agent that started it; empty for a person")
    seconds: int = Field(description="how long it has been in this state")
    question: AskedQuestion | None = Field(None, description="what it asks a person; only a person answers it")

    @classmethod
    def of(cls, view: AgentView) -> AgentSummary:
        asked = view.status.question
        question = None
        if asked is not None:
            choices = [plain(option.label) for option in asked.options]
            about = plain(f"{asked.subject}\n{asked.detail}".strip())
            question = AskedQuestion(text=plain(asked.text), choices=choices, about=about)
        return cls(
            name=view.name,
            state=view.state.value,
            reason=plain(view.reason),
            task=cut(plain(view.agent.task), _TASK),
            profile=view.profile,
            model=view.model,
            branch=view.branch,
            base=view.base,
            started_by=(view.agent.parents or ("",))[-1],
            seconds=max(0, round(time.time() - view.since)),
            question=question,
        )


class Budget(BaseModel):
    """In US dollars, of the requests whose price is known."""

    spent: float = Field(description="by you and the agents below you, or by all agents where a person asks")
    limit: float | None = Field(None, description="none: no limit")
    repository_spent: float
    repository_limit: float | None = None


class AgentList(BaseModel):
    you: str = Field(description="your own name among the agents; empty where a person asks")
    agents: list[AgentSummary]
    budget: Budget


class AgentDetail(AgentSummary):
    last_words: str = Field("", description="what it said last")
    running_tool: str = ""
    changed_files: list[str] = []
    recent: list[str] = Field([], description="the last lines of its log; read_log has all")


class Page(BaseModel):
    text: str
    next: int | None = Field(None, description="give this as `start` for what follows; none: this was all")

    @classmethod
    def of(cls, whole: str, start: int) -> Page:
        end = start + PAGE
        return cls(text=whole[start:end], next=end if end < len(whole) else None)


class FileUse(BaseModel):
    path: str
    agent: str
    lines: list[str] = Field(description="ranges of line numbers that it changed, as the file is now in its worktree")


class FileUses(BaseModel):
    free: list[str] = Field(description="paths that no other agent has changed")
    changed: list[FileUse]


class Started(BaseModel):
    agent: AgentSummary
    already_there: bool = Field(description="whether it was started under this id before")


class Waited(BaseModel):
    agents: list[AgentSummary]
    still_working: list[str] = Field(description="call again for these")


class Message(BaseModel):
    state: Literal["delivered", "queued", "refused"]
    reason: str = ""


class LandingAnswer(BaseModel):
    state: Literal["asked", "landed", "refused", "running"] = Field(
        description="asked: a person was told, and decides; running: look at the agent's state later"
    )
    reason: str = ""


class Answer(BaseModel):
    state: Literal["answered", "unanswered"]
    answer: str = ""
