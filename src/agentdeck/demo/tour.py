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
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

_PATIENCE = 120.0
_CONFIG = """\
[database]
template = "dev.sqlite3"

[providers.cloud]
base_url = "http://127.0.0.1:{cloud}/v1"
apis = ["chat"]
local = true
prices = {{ "big" = {{ input = 3.0, output = 15.0 }} }}

[providers.backup]
base_url = "http://127.0.0.1:{backup}/v1"
apis = ["chat"]
local = true
prices = {{ "small" = {{ input = 0.3, output = 1.5 }} }}

[tiers]
work = ["cloud:big", "backup:small"]

[gateway]
breaker_seconds = 1.0
breaker_seconds_max = 1.0
"""


class Tour:
    def __init__(self, folder: Path) -> None:
        self.repository = folder / "shop"
        self.socket = f"agentdeck-demo-{secrets.token_hex(3)}"
        self.providers: dict[str, tuple[subprocess.Popen[str], int]] = {}
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "TMUX"))},
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "AGENTDECK_TMUX_SOCKET": self.socket,
        }

    def show(self, line: str, *, code: int = 0) -> str:
        """Run a line as a person would type it, and print what it prints; return its standard output."""
        show_text(f"\n$ {line}")
        done = self._run(shlex.split(line))
        for text in (done.stderr, done.stdout):
            if text:
                show_text(text.rstrip())
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
        for name in ("cloud", "backup"):
            argv = [sys.executable, "-I", "-m", "agentdeck.demo.provider", name]
            child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
            self.providers[name] = child, int(child.stdout.readline() if child.stdout else 0)
        ports = {name: port for name, (_, port) in self.providers.items()}
        (self.repository / "agentdeck.toml").write_text(_CONFIG.format(**ports))
        with closing(sqlite3.connect(self.repository / "dev.sqlite3")) as database, database:
            database.execute("create table article(name text)")
        for line in ("git add -A", "git commit -q -m Start", "agentdeck trust --yes"):
            check(self._run(shlex.split(line)).returncode == 0, line)

    def clean_up(self) -> None:
        self._run(["agentdeck", "stop", "--all"])
        self._run(["agentdeck", "gateway", "stop"])
        self._run(["tmux", "-L", self.socket, "kill-server"])
        folder = Path(os.environ.get("TMUX_TMPDIR") or "/tmp")  # noqa: S108 - where tmux has its sockets, and leaves them
        (folder / f"tmux-{os.getuid()}" / self.socket).unlink(missing_ok=True)
        for child, _ in self.providers.values():
            child.kill()
            child.wait()

    def go(self) -> None:
        show_title("Three agents at once, each in its own isolated worktree")
        for name, task in (
            ("basket", "Add a basket"),
            ("search", "Add a search [ask]"),
            ("invoices", "Print invoices [hold]"),
        ):
            self.show(f'agentdeck run "{task}" --agent demo --name {name} --detach --quiet')
        self.until("search waits for a person", lambda: self.state("search") == "waiting")
        self.show("agentdeck ls")
        self.show("agentdeck ports")

        show_title("One asks for permission: read the question and answer it")
        self.show("agentdeck show search --screen")
        self.show("agentdeck answer search yes")

        show_title("Stop one, and resume it later")
        self.until("invoices is at work", lambda: "takes long" in self._run(["agentdeck", "logs", "invoices"]).stdout)
        self.show("agentdeck stop invoices")
        check(self.state("invoices") == "stopped", "invoices was not stopped")
        self.show("agentdeck resume invoices --quiet")
        for name in ("basket", "search", "invoices"):
            self.until(f"{name} is done", lambda name=name: self.state(name) == "done")  # type: ignore[misc]
        self.show("agentdeck ls")
        self.check_isolation()

        show_title("What one agent said and did")
        log = self.show("agentdeck logs invoices")
        check("Going on with" in log or "Committed" in log, "the log lacks the agent's words")
        self.show("agentdeck diff basket --stat")

        self.land()

        show_title("Scripts get exit codes: 75 is “a provider's limit, try later”, 124 a time-out")
        self.show('agentdeck run "Too much [limit]" --agent demo --name greedy --quiet', code=75)
        self.show("agentdeck run --timeout 1 --name sleepy --quiet -- sleep 60", code=124)

        self.fail_over()

        show_title("A removal deletes everything and loses nothing")
        self.show("agentdeck rm basket search invoices greedy sleepy thinker --quiet")
        self.check_clean()

    def land(self) -> None:
        show_title("All three wrote to one file: the radar shows it before anything is merged")
        check("✗ basket conflicts with search" in self.show("agentdeck radar"), "the radar saw no conflict")

        show_title("One lands through a gate; the next would conflict and is set aside; then undo it")
        before = self._run(["git", "rev-parse", "main"]).stdout
        self.show('agentdeck merge basket --gate "grep -q basket NOTES.md"')
        self.show("agentdeck merge search", code=4)
        self.show("agentdeck undo")
        check(self._run(["git", "rev-parse", "main"]).stdout == before, "the landing was not taken back")

    def fail_over(self) -> None:
        show_title("A provider goes down: the next one serves until it is back")
        show_text(
            "\n(The two providers of this demo are small servers on this machine; there is no model behind them.)"
        )
        self.show('agentdeck run "Think it over [think] [hold]" --agent demo --tier work --name thinker -d --quiet')
        thoughts = Path(self.ask("show", "thinker")["worktree"]) / "thoughts.txt"

        def heard(name: str) -> bool:
            return thoughts.exists() and thoughts.read_text().rstrip().endswith(f"of {name}")

        self.until("the cloud answers", lambda: heard("cloud"))
        self._answer_with("cloud", 529)
        self.until("thinker is failed over", lambda: self._is_failed_over("thinker"))
        self.show("agentdeck ls")
        self.show("agentdeck gateway status")
        self.until("the backup answers", lambda: heard("backup"))
        self._answer_with("cloud", 200)
        self.until("the cloud is taken back", lambda: heard("cloud"))
        self.show("agentdeck send --now thinker enough")
        self.until("thinker is done", lambda: self.state("thinker") == "done")
        self.show("agentdeck logs thinker --grep says")
        self.show("agentdeck show --failovers thinker")
        self.show("agentdeck spend --by model")
        told = [event["kind"] for event in self.ask("show", "thinker")["events"]]
        check("provider.failed_over" in told, "thinker's failover is not among its events")
        check("provider.failed_back" in told, "thinker's way back is not among its events")

    def _is_failed_over(self, name: str) -> bool:
        served_by = self.ask("show", name)["served_by"]
        return bool(served_by and served_by["reason"])

    def _answer_with(self, name: str, status: int) -> None:
        show_text(f"\n({name} answers with {status} from now on.)")
        url = f"http://127.0.0.1:{self.providers[name][1]}/fault"
        urllib.request.urlopen(urllib.request.Request(url, str(status).encode()), timeout=10).close()

    def check_isolation(self) -> None:
        views = [self.ask("show", name) for name in ("basket", "search", "invoices")]
        ports = [port for view in views for port in view["ports"]]
        check(len(set(ports)) == len(ports) == 12, "two agents share a port")
        for view in views:
            with closing(sqlite3.connect(Path(view["worktree"]) / ".agentdeck/db.sqlite3")) as database:
                visits = {agent for (agent,) in database.execute("select agent from visit")}
            check(visits == {view["name"]}, f"{view['name']}'s database has visits of {visits}")
        show_text("\n(12 ports, no two alike; in each database only its own agent's rows.)")

    def check_clean(self) -> None:
        check(self.show("git worktree list").count("\n") == 1, "a worktree was left")
        check(self.show("git branch").split() == ["*", "main"], "a branch was left")
        kept = self.show("git for-each-ref --format=%(refname) refs/agentdeck")
        check(kept.count("refs/agentdeck/trash/") == 6, "a snapshot is missing")


def check(good: bool, complaint: str) -> None:
    if not good:
        sys.exit(f"demo: {complaint}.")


def show_text(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def show_title(text: str) -> None:
    show_text(f"\n── {text} " + "─" * max(0, 90 - len(text)))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="agentdeck-demo-") as folder:
        tour = Tour(Path(folder))
        try:
            tour.prepare()
            show_text(f"A throwaway repository: {tour.repository}\nThe agents are scripted; everything else is real.")
            tour.go()
        finally:
            tour.clean_up()
    show_text(
        "\nShown: agents side by side, listed, read, answered, stopped, resumed, landed and removed, one of them\n"
        "failed over and back; nothing is left. README.md says how to use AgentDeck in your own repository."
    )


if __name__ == "__main__":
    main()
