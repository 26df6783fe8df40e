"""The program's main job from start to end, in a throw-away repository: what `make demo` shows.

Every line that begins with `$` is run for real and followed by what it printed. The agents are the scripted ones of
`agentdeck.demo.agent`; git, tmux, the ports and the databases are real. It ends with an error where something is not as
it should be, and takes everything away that it made.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

_PATIENCE = 30.0


class Tour:
    def __init__(self, folder: Path) -> None:
        self.repository = folder / "shop"
        self.socket = f"agentdeck-demo-{secrets.token_hex(3)}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "TMUX"))},
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "AGENTDECK_TMUX_SOCKET": self.socket,
        }

    def show(self, line: str, *, code: int = 0) -> str:
        """Run a line as a person would type it, and print what it prints; return its standard output."""
        _print(f"\n$ {line}")
        done = self._run(shlex.split(line))
        for text in (done.stderr, done.stdout):
            if text:
                _print(text.rstrip())
        check(done.returncode == code, f"“{line}” exited with {done.returncode}, not {code}")
        return done.stdout

    def ask(self, *words: str) -> Any:
        """The JSON that a verb answers with."""
        return json.loads(self._run(["agentdeck", *words, "--json"]).stdout)

    def _run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, cwd=self.repository, env=self.environment, capture_output=True, text=True, check=False
        )

    def state(self, name: str) -> str:
        return str(self.ask("show", name)["state"])

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not holds():
            check(time.monotonic() < deadline, f"{what} did not come true within {_PATIENCE:g} s")
            time.sleep(0.2)

    def prepare(self) -> None:
        self.repository.mkdir()
        for line in ("git init -q -b main", "git config user.name You", "git config user.email you@example.org"):
            check(self._run(shlex.split(line)).returncode == 0, line)
        (self.repository / "README.md").write_text("# A shop\n")
        (self.repository / ".gitignore").write_text("*.sqlite3\n")
        (self.repository / "agentdeck.toml").write_text('[database]\ntemplate = "dev.sqlite3"\n')
        with closing(sqlite3.connect(self.repository / "dev.sqlite3")) as database, database:
            database.execute("create table article(name text)")
        for line in ("git add -A", "git commit -q -m Start"):
            check(self._run(shlex.split(line)).returncode == 0, line)

    def clean_up(self) -> None:
        self._run(["agentdeck", "stop", "--all"])
        self._run(["tmux", "-L", self.socket, "kill-server"])

    def go(self) -> None:
        _title("Three agents at once, each in a world of its own")
        for name, task in (
            ("basket", "Add a basket"),
            ("search", "Add a search [ask]"),
            ("invoices", "Print invoices [slow]"),
        ):
            self.show(f'agentdeck run "{task}" --agent demo --name {name} --detach --quiet')
        self.until("search waits for a person", lambda: self.state("search") == "waiting")
        self.show("agentdeck ls")
        self.show("agentdeck ports")

        _title("One waits for a permission: read what it asks, and answer")
        self.show("agentdeck show search --screen")
        self.show("agentdeck send search y")

        _title("One is stopped, and goes on later where it was")
        self.show("agentdeck stop invoices")
        check(self.state("invoices") == "stopped", "invoices was not stopped")
        self.show("agentdeck resume invoices --quiet")
        for name in ("basket", "search", "invoices"):
            self.until(f"{name} is done", lambda name=name: self.state(name) == "done")  # type: ignore[misc]
        self.show("agentdeck ls")
        self.check_isolation()

        _title("What one of them said and did")
        log = self.show("agentdeck logs invoices")
        check("Going on with" in log or "Committed" in log, "the log lacks the agent's words")
        self.show("agentdeck diff basket --stat")

        _title("Scripts get exit codes: 75 is “a provider's limit, try later”, 124 a time-out")
        self.show('agentdeck run "Too much [limit]" --agent demo --name greedy --quiet', code=75)
        self.show("agentdeck run --timeout 1 --name sleepy --quiet -- sleep 60", code=124)

        _title("Removing takes everything away, and loses nothing")
        self.show("agentdeck rm basket search invoices greedy sleepy --quiet")
        self.check_clean()

    def check_isolation(self) -> None:
        views = [self.ask("show", name) for name in ("basket", "search", "invoices")]
        ports = [port for view in views for port in view["ports"]]
        check(len(set(ports)) == len(ports) == 12, "two agents share a port")
        for view in views:
            with closing(sqlite3.connect(Path(view["worktree"]) / ".agentdeck/db.sqlite3")) as database:
                visits = {agent for (agent,) in database.execute("select agent from visit")}
            check(visits == {view["name"]}, f"{view['name']}'s database has visits of {visits}")
        _print("\n(12 ports, no two alike; in each database only its own agent's rows.)")

    def check_clean(self) -> None:
        check(self.show("git worktree list").count("\n") == 1, "a worktree was left")
        check(self.show("git branch").split() == ["*", "main"], "a branch was left")
        kept = self.show("git for-each-ref --format=%(refname) refs/agentdeck")
        check(kept.count("refs/agentdeck/trash/") == 5, "a snapshot is missing")


def check(good: bool, complaint: str) -> None:
    if not good:
        sys.exit(f"demo: {complaint}.")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _title(text: str) -> None:
    _print(f"\n── {text} " + "─" * max(0, 90 - len(text)))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="agentdeck-demo-") as folder:
        tour = Tour(Path(folder))
        tour.prepare()
        _print(f"A throw-away repository: {tour.repository}\nThe agents are scripted; everything else is real.")
        try:
            tour.go()
        finally:
            tour.clean_up()
    _print("\nShown: three agents side by side, listed, read, answered, stopped, resumed and removed; nothing is left.")


if __name__ == "__main__":
    main()
