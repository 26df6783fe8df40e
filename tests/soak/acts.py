"""What can be done: AgentDeck's verbs, a person's own git, and kills."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agentdeck.errors import ExitCode
from tests.soak.model import Act
from tests.soak.person import Person
from tests.soak.sandbox import Done, Sandbox
from tests.soak.tokens import Finder

AGENT = Path(__file__).with_name("agent.sh")
_METHODS = ("--merge", "--squash", "--rebase")
_ENDS = {ExitCode.OK, ExitCode.FAILED, ExitCode.REFUSED, ExitCode.NOT_FOUND, ExitCode.USAGE}
_REFUSALS = {ExitCode.REFUSED, ExitCode.NOT_FOUND, ExitCode.USAGE}


class Violation(AssertionError):
    """Something that must never be."""


class Acts:
    def __init__(self, sandbox: Sandbox, person: Person, finder: Finder) -> None:
        self._sandbox, self._person, self._finder = sandbox, person, finder
        self._kinds: dict[str, Callable[[Act], str]] = {
            "start": self._start,
            "stop": lambda act: self._verb(act, "stop", act.agent),
            "resume": lambda act: self._verb(act, "resume", act.agent),
            "remove": lambda act: self._verb(act, "rm", "--stop", "-y", act.agent),
            "remove, keep branch": lambda act: self._verb(act, "rm", "--stop", "-y", "--keep-branch", act.agent),
            "remove and undo": self._remove_and_undo,
            "merge": self._merge,
            "merge with gate": lambda act: self._merge(act, "--gate", "false" if act.detail < 0.3 else "sleep 0.2"),
            "merge and remove": lambda act: self._merge(act, "--remove", "--commit"),
            "merge batch": lambda act: self._verb(act, "merge", "--all", "--batch", "--gate", "true"),
            "undo": self._undo,
            "prune": lambda act: self._verb(act, "prune", "-y"),
            "radar": lambda act: self._verb(act, "radar"),
            "doctor": lambda act: self._verb(act, "doctor"),
            "kill runner": lambda act: self._kill(sandbox.runner(act.agent)),
            "kill guardian": lambda act: self._kill(sandbox.windows().get(act.agent)),
            "kill both": self._kill_both,
            "kill window": self._kill_window,
            "kill server": self._kill_server,
            "kill any": self._kill_any,
        }

    def do(self, act: Act) -> str:
        """Do it and say how it ended: `done`, `refused`, `killed` or `failed`."""
        outcome = self._kinds[act.kind](act) if act.kind in self._kinds else self._person.do(act)
        if not act.kind.startswith(("merge", "re", "start", "stop", "undo", "prune", "radar", "doctor")):
            self._sandbox.note(f"{act.kind} {act.agent} -> {outcome}")
        return outcome

    def _verb(self, act: Act, *words: str) -> str:
        return self._outcome(self._sandbox.agentdeck(*words, kill_after=act.kill_after, sign=act.sign))

    def _outcome(self, done: Done) -> str:
        if done.killed:
            return "killed"
        if done.sign and done.code in (ExitCode.INTERRUPTED, -signal.SIGINT, -signal.SIGTERM):
            return "interrupted"
        if done.code not in _ENDS or "Traceback" in done.err:
            raise Violation(f"a verb ended with {done.code}:\n{done.err}")
        return "done" if done.code == ExitCode.OK else "refused" if done.code in _REFUSALS else "failed"

    def _start(self, act: Act) -> str:
        words = ("/bin/sh", str(AGENT), str(self._sandbox.ledger), str(self._sandbox.pids), act.plan)
        return self._verb(act, "run", "-d", "-n", act.agent, "--", *words)

    def _merge(self, act: Act, *more: str) -> str:
        method = _METHODS[int(act.detail * 30) % 3]
        commit = ("--commit",) if act.detail < 0.7 and "--commit" not in more else ()
        return self._verb(act, "merge", "--stop", method, *commit, *more, act.agent)

    def _undo(self, act: Act) -> str:
        steps = [step for step in self._steps() if not step["undone"]]
        if not steps or act.detail < 0.5:
            return self._verb(act, "undo")
        step = steps[int(act.detail * 1000) % len(steps)]
        return self._verb(act, "undo", "--step", str(step["number"]))

    def _steps(self) -> list[dict[str, object]]:
        done = self._sandbox.agentdeck("undo", "--list", "--json")
        if done.code:
            return []
        return [each for line in done.out.splitlines() for each in json.loads(line).get("steps", ())]

    def _remove_and_undo(self, act: Act) -> str:
        """A removal that is taken back brings every token back to where it was, be it killed on the way or not."""
        if self._sandbox.agentdeck("stop", act.agent).code or (tree := self._sandbox.worktree(act.agent)) is None:
            return "refused"
        steps_before = self._steps()
        before = self._finder.of_worktree(tree)
        outcome = self._verb(act, "rm", "-y", act.agent)
        self._sandbox.agentdeck("ls")  # finishes a removal that was killed
        # Its removal may have been a landing's that went on at the same time.
        now = self._steps()
        later, earlier = now[len(steps_before) :], now[: len(steps_before)]
        steps = [step for step in later if str(step["text"]).endswith(f"removed {act.agent}") and not step["undone"]]
        if act.agent in self._sandbox.agents() or not steps or _undone(earlier) != _undone(steps_before):
            return outcome  # it had another index before, where another step was undone meanwhile
        undone = self._sandbox.agentdeck("undo", "--step", str(steps[-1]["number"]), kill_after=act.kill_after)
        self._sandbox.agentdeck("ls")
        tree = self._sandbox.worktree(act.agent)
        if tree is None:
            if not undone.killed and undone.code == 0:
                raise Violation(f"the undo of the removal of {act.agent} brought no worktree back")
            return self._outcome(undone)
        for place, old, new in zip(("files", "index", "commits"), before, self._finder.of_worktree(tree), strict=True):
            if missing := old - new:
                raise Violation(f"the undo of the removal of {act.agent} lost from its {place}: {sorted(missing)}")
        return "done"

    # Kills

    def _kill(self, *pids: int | None) -> str:
        ours = [pid for pid in pids if pid is not None and self._sandbox.is_ours(pid)]
        for pid in ours:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return "done" if ours else "refused"

    def _kill_both(self, act: Act) -> str:
        runner = self._sandbox.runner(act.agent)
        if runner is not None and self._sandbox.is_ours(runner):
            with suppress(ProcessLookupError):
                os.kill(runner, signal.SIGSTOP)  # so that it can't see the guardian's end
        return self._kill(self._sandbox.windows().get(act.agent), runner)

    def _kill_window(self, act: Act) -> str:
        if act.agent not in self._sandbox.windows():
            return "refused"
        for line in self._sandbox.tmux("list-windows", "-a", "-F", "#{window_id} #{window_name}").splitlines():
            window, _, name = line.partition(" ")
            if name == act.agent:
                self._sandbox.tmux("kill-window", "-t", window)
        return "done"

    def _kill_any(self, act: Act) -> str:
        """A verb of another hand, a runner, a guardian, or one of a gate."""
        pids = sorted(pid for pid, line in self._sandbox.processes().items() if "-m agentdeck" in line)
        return self._kill(pids[int(act.detail * len(pids))]) if pids else "refused"

    def _kill_server(self, act: Act) -> str:
        pid = self._sandbox.tmux("display-message", "-p", "#{pid}").strip()
        outcome = self._kill(int(pid) if pid.isdigit() else None)
        time.sleep(0.2)
        return outcome


def _undone(steps: list[dict[str, object]]) -> list[object]:
    return [step["number"] for step in steps if step["undone"]]
