"""Run the command line as a user does: in a process of its own."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agentdeck.core.agents.agent import Agent, Mode, Phase, State, Status
from agentdeck.core.agents.leases import Lease
from agentdeck.system.state.store import Store

PROGRAM = [sys.executable, "-m", "agentdeck"]


def agentdeck(
    *args: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *args],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def objects(output: str) -> list[dict[str, Any]]:
    """The JSON objects of `output`, one a line; each must carry the schema."""
    found = [json.loads(line) for line in output.splitlines()]
    assert all(each["schema"] == "agentdeck/1" and each["type"] for each in found)
    return found


def read_until(terminal: int, mark: str, timeout: float = 20) -> str:
    """What a terminal shows up to `mark`; fail after `timeout` seconds without it."""
    text, deadline = "", time.monotonic() + timeout
    while mark not in text:
        assert select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0], text
        text += os.read(terminal, 65536).decode("utf-8", "replace")
    return text


def put_agent(
    root: Path,
    name: str,
    *,
    state: State = State.DONE,
    reason: str = "",
    since: float = 0.0,
    profile: str = "claude",
    leases: Sequence[Lease] = (),
    **fields: Any,
) -> Agent:
    """An agent in the store of the repository at `root` that has ended, and never ran."""
    store = Store(root / ".git" / "agentdeck").open()
    branch = Lease("worktree", True, {"path": str(root / ".worktrees" / name), "branch": f"agentdeck/{name}"})
    agent = Agent(
        name=name,
        task=fields.pop("task", f"Do {name}"),
        profile=profile,
        mode=Mode.HEADLESS,
        created=since,
        phase=Phase.HELD,
        leases=tuple(leases) or (branch,),
        runs=1,
        **fields,
    )
    store.save(agent)
    # Through the states that an agent goes through, which the store insists on.
    store.set_status(name, Status(State.STARTING, since))
    store.set_status(name, Status(state, since, reason, started=since, ended=since + 5, exit_code=0))
    return agent
