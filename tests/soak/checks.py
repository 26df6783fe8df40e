"""What must be so after every round, now and then, and at the end."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from tests.soak.acts import Violation
from tests.soak.model import Model
from tests.soak.person import Person
from tests.soak.sandbox import Sandbox
from tests.soak.tokens import Finder

_PATIENCE = 30.0
"""Seconds for what was killed to come to rest."""
_CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))


class Checks:
    def __init__(self, sandbox: Sandbox, person: Person, finder: Finder, model: Model) -> None:
        self._sandbox, self._person, self._finder, self._model = sandbox, person, finder, model

    def after_round(self) -> None:
        """After the next verb has repaired what was killed."""
        self._await(self._unfinished, "a verb's programs did not end")
        for _ in range(3):
            done = self._sandbox.agentdeck("ls")
            if done.code:
                raise Violation(f"ls ends with {done.code}:\n{done.err}")
            if not done.err or done.err.startswith("No agents here yet"):
                break
        else:
            raise Violation(f"a third ls still has something to say:\n{done.err}")
        self._check_phases()
        self._check_tokens()
        self._check_main_checkout()
        self._await(self._homeless, "processes without an agent that runs")

    def when_tidied(self) -> None:
        """After a prune that nothing disturbed."""
        self._prune()
        agents = set(self._sandbox.agents())
        self._equal("windows without an agent", set(self._sandbox.windows()) - agents)
        self._equal("ports without an agent", {owner for owner in self._port_owners() if owner not in agents})
        self._equal("worktrees without an agent", self._extra_worktrees(agents))
        self._equal("temporary files", self._temporary(agents))
        self._equal("hidden refs that are no trash", self._odd_refs())
        self._equal("cgroups of runs that have ended", self._cgroups())
        self._equal("locks of git", self._locks())
        self._check_objects()
        self._check_undo_reaches()

    def at_end(self) -> None:
        """Everything can be removed, and then nothing is left but the trash."""
        if names := self._sandbox.agents():
            done = self._sandbox.agentdeck("rm", "--stop", "-y", *names)
            if done.code or self._sandbox.agents():
                raise Violation(f"not every agent can be removed ({done.code}):\n{done.err}")
        self.when_tidied()
        self._check_tokens()
        self._check_main_checkout()
        self._equal("windows", self._sandbox.windows(), {})
        self._equal("branches of AgentDeck's", self._own_branches())

    # Each

    def _check_phases(self) -> None:
        phases = {name: self._sandbox.record(name).get("phase") for name in self._sandbox.agents()}
        self._equal("agents that are neither held nor gone", {each for each in phases.items() if each[1] != "held"})

    def _check_tokens(self) -> None:
        written = self._written()
        if written - self._finder.everywhere():
            time.sleep(1)  # a running agent may have moved it from the index to a commit while we looked
            if missing := written - self._finder.everywhere():
                raise Violation(f"lost: {sorted(missing)}")

    def _check_undo_reaches(self) -> None:
        """No token is only in trash that no step can bring back."""
        steps = self._sandbox.agentdeck("undo", "--list", "--json").out
        refs = self._sandbox.git("for-each-ref", "--format=%(refname)", "refs/agentdeck/trash").splitlines()
        lost = [ref for ref in refs if ref not in steps and ref.rpartition("/")[2] not in steps]
        if lost and (missing := self._written() - self._finder.everywhere(without=lost)):
            raise Violation(f"no undo reaches {sorted(missing)}, which are in some of {lost}")

    def _written(self) -> set[str]:
        return set(self._sandbox.ledger.read_text().split())

    def _check_main_checkout(self) -> None:
        root, mine = self._sandbox.root, self._person.uncommitted
        head = self._sandbox.git("symbolic-ref", "HEAD").strip()
        changed = {line[3:] for line in self._sandbox.git("status", "--porcelain", "-uall").splitlines()}
        if head != "refs/heads/main":
            raise Violation(f"the main checkout is at {head}")
        if changed != set(mine):
            raise Violation(f"the main checkout has changes at {sorted(changed)}, the person's are {sorted(mine)}")
        for path, text in mine.items():
            if (root / path).read_text() != text:
                raise Violation(f"{path} in the main checkout is not what the person wrote")

    def _check_objects(self) -> None:
        told = self._sandbox.git("fsck", "--no-dangling", "--no-progress")
        self._equal("complaints of git fsck", set(told.splitlines()))

    def _unfinished(self) -> dict[int, str]:
        """Verbs that were killed have left programs that are not an agent's."""
        return {
            pid: line
            for pid, line in self._sandbox.processes().items()
            if not is_tmux(line) and ("git " in line or "-m agentdeck " in line)
        }

    def _homeless(self) -> dict[int, str]:
        """Processes that are below no runner that lives, nor are the tmux server."""
        found = self._sandbox.processes()
        parents = {pid: _parent(pid) for pid in found}
        roots = set(self._sandbox.windows().values())

        def is_at_home(pid: int) -> bool:
            while pid in parents:
                if pid in roots:
                    return True
                pid = parents[pid]
            return False

        return {pid: line for pid, line in found.items() if not is_tmux(line) and not is_at_home(pid)}

    def _prune(self) -> None:
        for _ in range(2):
            done = self._sandbox.agentdeck("prune", "-y")
            if done.code:
                raise Violation(f"prune ends with {done.code}:\n{done.err}")
        left = self._sandbox.agentdeck("prune", "-n", "--json")
        stale = [each for line in left.out.splitlines() for each in json.loads(line).get("stale", ())]
        if stale:
            raise Violation(f"prune leaves what it could clear: {stale}")

    def _port_owners(self) -> list[str]:
        path = self._sandbox.home / "state" / "agentdeck" / "ports.json"
        return [each["agent"] for each in json.loads(path.read_text())["records"]] if path.exists() else []

    def _extra_worktrees(self, agents: set[str]) -> set[str]:
        places = self._sandbox.root / ".worktrees"
        folders = {path.name for path in places.iterdir()} if places.is_dir() else set()
        known = {path.name for path in self._sandbox.worktrees() if path != self._sandbox.root}
        return (folders | known) - agents

    def _temporary(self, agents: set[str]) -> set[str]:
        own = {path for path in self._sandbox.temporary.glob("agentdeck-*/*") if path.name.partition("-")[2] in agents}
        kept = own | {path.parent for path in own} | set(self._sandbox.temporary.glob(f"agentdeck-{_uid()}"))
        return {str(path) for path in self._sandbox.temporary.iterdir() if path not in kept} | {
            str(path) for path in self._sandbox.temporary.glob(f"agentdeck-{_uid()}/*") if path not in own
        }

    def _odd_refs(self) -> set[str]:
        refs = self._sandbox.git("for-each-ref", "--format=%(refname)").splitlines()
        return {ref for ref in refs if not ref.startswith(("refs/heads/", "refs/agentdeck/trash/", "refs/stash"))}

    def _own_branches(self) -> set[str]:
        """Branches of removed agents that nobody asked to keep."""
        branches = self._sandbox.git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()
        own = {name: re.sub(r"-\d+$", "", name.removeprefix("agentdeck/")) for name in branches}
        return {name for name in branches if name.startswith("agentdeck/") and own[name] not in self._model.kept}

    def _cgroups(self) -> set[str]:
        log = self._sandbox.store / "runs.log"
        text = log.read_text() if log.exists() else ""
        runs = {word.removeprefix("run=") for word in text.split() if word.startswith("run=")}
        runs -= {self._sandbox.run_of(name) for name in self._sandbox.agents() if self._sandbox.runner(name)}
        places = (place for mount in _CGROUPS for place, _, _ in os.walk(mount))
        return {place for place in places if place.rpartition("/agentdeck-")[2] in runs}

    def _locks(self) -> set[str]:
        folder = self._sandbox.root / ".git"
        return {str(path) for path in folder.rglob("*.lock") if "agentdeck" not in path.parts}

    def _equal(self, what: str, found: object, wanted: object = frozenset()) -> None:
        if found != wanted:
            raise Violation(f"{what}: {found}")

    def _await(self, left: Callable[[], dict[int, str]], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while found := left():
            if time.monotonic() > deadline:
                raise Violation(f"{what}: {found}")
            time.sleep(0.1)


def is_tmux(line: str) -> bool:
    return line.partition(" ")[0].endswith("tmux") and "start-server" in line


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _uid() -> int:
    return os.getuid()
