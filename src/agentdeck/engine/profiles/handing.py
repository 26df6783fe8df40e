"""Put a profile to work on a task that another one, or an earlier run of its own, has begun. For the runner too."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from agentdeck.core.accounts.lanes import cli_of
from agentdeck.core.agents.agent import Fault
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.failover import Progress
from agentdeck.core.agents.handover import brief
from agentdeck.core.agents.orders import ChainEntry
from agentdeck.core.agents.prompts import GO_ON, short_prompt
from agentdeck.core.frozen import dataclass, replace
from agentdeck.system.files.files import read_json, write_atomic, write_json
from agentdeck.system.git.work import work_so_far
from agentdeck.system.transcripts.carrying import carry

CONVERSATION = "conversation.json"
"""In the agent's folder: a session on its way from one account to another."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be gone on with, and where."""

    task: str
    cwd: Path
    base_commit: str
    folder: Path
    """The agent's folder in the store."""
    boxed: bool = False
    """Whether the agent has a box."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a profile goes on."""

    argv: tuple[str, ...]
    typed: str
    prompt: str
    resumes: bool


def handed_over(agent: str, progress: Progress, primary: str, to: str, why: str, *, fault: Fault = Fault.NONE) -> Event:
    """That the agent goes from `progress.profile` to the profile `to`."""
    left = progress.profile
    data = {"from": left, "to": to, "fault": fault, "until": progress.until.get(left), "attempt": progress.attempts}
    data["why"] = why
    text = f"{left} → {to}: {why}"
    kind = EventKind.AGENT_FAILED_BACK if to == primary else EventKind.AGENT_FAILED_OVER
    return Event(kind, agent, text, data)


def progress_of(folder: Path) -> Progress | None:
    """How far the failover of the agent with this folder is; None where it never had one."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        return Progress.from_json(read_json(folder / "failover.json"))
    return None


def save_progress(folder: Path, progress: Progress) -> None:
    write_json(folder / "failover.json", progress.to_json())


def carried_over(
    progress: Progress,
    entry: ChainEntry,
    job: Job,
    environment_of: Callable[[str], Mapping[str, str]],
    tiers: Collection[str],
) -> Progress:
    """`progress` once the conversation of the profile that was at work last is in the account of `entry`, where both
    are of one CLI; `tiers` are those that a tier serves."""
    left = progress.ran[-1] if progress.ran else ""
    session = progress.sessions.get(left, "")
    if left == entry.profile or cli_of(left) != cli_of(entry.profile) or not (entry.sessions and session):
        return progress
    if entry.sessions != "all" and (left in tiers) != (entry.profile in tiers):
        return progress
    old, new = environment_of(left), environment_of(entry.profile)
    if not (_hand_over if entry.export else _copy)(entry, session, job, old, new):
        return progress
    ran = (*(each for each in progress.ran if each not in (entry.profile, left)), entry.profile, left)
    return replace(progress.with_session(entry.profile, session), ran=ran, carried=left)


def _copy(entry: ChainEntry, session: str, job: Job, left: Mapping[str, str], to: Mapping[str, str]) -> bool:
    return carry(entry.transcript, session, str(job.cwd), left, to)


def _hand_over(entry: ChainEntry, session: str, job: Job, left: Mapping[str, str], to: Mapping[str, str]) -> bool:
    if job.boxed:
        return False  # the CLI's own commands would run, outside of the box, what the agent left in its worktree
    from agentdeck.system.transcripts.exporting import hand_over

    ways = (entry.export, entry.imports)
    return hand_over(entry.transcript, ways, session, job.cwd, left, to, job.folder / CONVERSATION)


def start_of(entry: ChainEntry, progress: Progress, job: Job, *, said: str = "", resting: bool = False) -> Start:
    """From the profile's own session where it has one; told what it can't know: all, or what others did meanwhile."""
    known = entry.profile in progress.ran
    session = progress.sessions.get(entry.profile, "") if known else ""
    resumes = entry.line("", session, resume=known)[2]
    last = progress.ran[-1] if progress.ran else ""
    if resumes and (last == entry.profile or (last == progress.carried and not resting)):
        prompt = said or GO_ON
    else:
        work = work_so_far(job.cwd, job.base_commit)
        why = progress.why if last != entry.profile else ""
        prompt = brief(job.task, last or "none", why, work, returning=resumes, resting=resting and not said)
        prompt = f"{prompt}\n\n{said}" if said else prompt
    short = short_prompt(prompt, str(job.folder / "task.txt"))
    if short != prompt:
        write_atomic(job.folder / "task.txt", prompt)
    argv, typed, _ = entry.line(short, session, resume=known)
    return Start(argv, typed, short, resumes)
