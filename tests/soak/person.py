"""A person at work beside the agents, with git alone; and what the main checkout must hold of theirs."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

from tests.soak.model import Act
from tests.soak.sandbox import Sandbox


class Person:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._numbers = itertools.count(1)
        self._at_work = threading.Lock()
        self.uncommitted: dict[str, str] = {}
        """What the person left in the main checkout, by path."""
        self._kinds: dict[str, Callable[[Act], str]] = {
            "person commits": self._commit,
            "person leaves files": self._leave,
            "person switches branch": self._switch,
            "person renames branch": self._rename,
            "person commits in worktree": self._commit_in_worktree,
            "person prunes worktrees": lambda act: self._git("worktree", "prune"),
            "person collects garbage": lambda act: self._git("gc", "-q"),
        }

    def do(self, act: Act) -> str:
        with self._at_work:
            return self._kinds[act.kind](act)

    def _token(self) -> str:
        token = f"tok-person-1-{time.time_ns()}-{next(self._numbers)}"
        with self._sandbox.ledger.open("a") as ledger:
            ledger.write(f"{token}\n")
        return token

    def _git(self, *args: str, act: Act | None = None) -> str:
        """As a person does: again, where another git holds a lock."""
        tree = self._sandbox.worktree(act.agent) if act else self._sandbox.root
        if tree is None:
            return "refused"
        for _ in range(20):
            try:
                self._sandbox.git(*args, cwd=tree)
            except (RuntimeError, OSError) as error:
                self._sandbox.note(f"person: {error}")
                if "lock" not in str(error):
                    return "failed"
                time.sleep(0.2)
            else:
                return "done"
        return "failed"

    def _leave(self, act: Act) -> str:
        token = self._token()
        path = "person" if act.detail < 0.5 else f"mine-{token}"
        file = self._sandbox.root / path
        text = (file.read_text() if file.exists() else "") + token + "\n"
        file.write_text(text)
        self.uncommitted[path] = text
        return "done"

    def _commit(self, act: Act) -> str:
        self._leave(act)
        paths = list(self.uncommitted)
        if self._git("add", "--", *paths) != "done":
            return "failed"
        outcome = self._git("commit", "-qm", "A person's work", "--", *paths)
        if outcome == "done":
            self.uncommitted.clear()
        return outcome

    def _commit_in_worktree(self, act: Act) -> str:
        tree = self._sandbox.worktree(act.agent)
        if tree is None:
            return "refused"
        try:
            with (tree / f"own-{act.agent}").open("a") as file:
                file.write(self._token() + "\n")
        except OSError:  # it is being removed; the token is nowhere, and its worktree was not there to hold it
            return "gone"
        return self._git("commit", "-qam", "A person's work in the agent's worktree", act=act)

    def _switch(self, act: Act) -> str:
        if act.detail < 0.3:
            return self._git("switch", "-q", "--detach", act=act)
        return self._git("switch", "-q", "-c", f"person-{next(self._numbers)}", act=act)

    def _rename(self, act: Act) -> str:
        return self._git("branch", "-m", f"renamed-{next(self._numbers)}", act=act)
