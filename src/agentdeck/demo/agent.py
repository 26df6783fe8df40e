"""A small scripted agent for trying agentdeck out: it works on a repository as an agent CLI does, without a model.

    python -m agentdeck.demo.agent [--headless] [--resume] [-- TASK]

It adds a line to NOTES.md and a file of its own, writes to its database, serves its port for a moment and commits.
Words in brackets in the task change what it does:

    [ask]    ask for a permission first, as agent CLIs do
    [slow]   take three times as long
    [hold]   stay at it until it is stopped and resumed; with [think], until a line is typed
    [fail]   fail at the end
    [limit]  give up on a rate limit
    [think]  ask a model, again and again, and commit what it said each time; the gateway says where it is
    [talk]   stay after the work and answer what is typed
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import re
import select
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

_PAUSE = 0.4
_TRIES = 12
"""How often it asks a model that can't be reached, as real agents do."""
_THOUGHTS = 8


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parse(argv)
    memory = _memory()
    if arguments.resume and memory.exists():
        task, done = _remembered(memory)
        task = arguments.task or task
        say(f"Going on with: {task}")
    else:
        task, done = arguments.task or "look around", 0
    say("Scripted demo agent: there is no model behind it.")
    say(f"Task: {task}")
    pause = _PAUSE * (3 if "[slow]" in task else 1)
    for number, step in enumerate(_steps(task, headless=arguments.headless, resumed=arguments.resume)):
        if number < done:
            continue
        memory.write_text(f"{number}\n{task}")
        time.sleep(pause)
        code = step()
        if code is not None:
            return code
    memory.unlink(missing_ok=True)
    say("Done.")
    return _talk() if "[talk]" in task and not arguments.headless else 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo agent", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--headless", action="store_true", help="ask nothing")
    parser.add_argument("--resume", action="store_true", help="continue the last session")
    parser.add_argument("task", nargs="?", default="")
    return parser.parse_args(argv)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout.strip()


def _memory() -> Path:
    """Where the agent notes how far it is: in the worktree's git folder, out of everybody's way."""
    return Path(_git("rev-parse", "--absolute-git-dir")) / "demo-agent"


def _remembered(memory: Path) -> tuple[str, int]:
    number, _, task = memory.read_text().partition("\n")
    return task, int(number)


def _steps(task: str, *, headless: bool, resumed: bool) -> list[Callable[[], int | None]]:
    steps: list[Callable[[], int | None]] = [_read]
    if "[ask]" in task and not headless:
        steps.append(_ask)
    steps += [_use_database, _serve]
    if "[think]" in task:
        steps += [_think_on] if "[hold]" in task else [_think] * _THOUGHTS
    elif "[hold]" in task and not resumed:
        steps.append(_hold)
    if "[limit]" in task:
        steps.append(_give_up)
    if "[fail]" in task:
        steps.append(_fail)
    return [*steps, lambda: _write(task), lambda: _commit(task)]


def _read() -> None:
    files = _git("ls-files").splitlines()
    say(f"Reading the repository: {len(files)} files.")


def _ask() -> int | None:
    say("I would like to run: make everything")
    answer = input("Allow this command? [y/N] ").strip().lower()
    if answer in ("y", "yes"):
        say("Allowed.")
        return None
    say("Not allowed, so I stop here.")
    return 3


def _use_database() -> None:
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("sqlite:///"):
        return
    name = os.environ.get("AGENTDECK_AGENT", "demo")
    with closing(sqlite3.connect(urlsplit(url).path)) as database, database:
        database.execute("create table if not exists visit(agent text)")
        database.execute("insert into visit values(?)", (name,))
        (count,) = database.execute("select count(*) from visit").fetchone()
    say(f"My database has {count} visit{'s' if count > 1 else ''}, all of them mine.")


def _serve() -> None:
    port = int(os.environ.get("PORT", "0"))
    server = http.server.HTTPServer(("127.0.0.1", port), _Hello)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
        say(f"My port {server.server_port} answers: {answer.read().decode()}")
    server.shutdown()
    thread.join()
    server.server_close()


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"hello from {os.environ.get('AGENTDECK_AGENT', 'demo')}".encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: it would be noise on the agent's screen."""


def _think() -> int | None:
    url = os.environ.get("AGENTDECK_DEMO_API", "")
    if not url:
        say("I have no model to ask: start me with a tier.")
        return 1
    body = {"model": "demo", "stream": True, "messages": [{"role": "user", "content": "What next?"}]}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode(), headers)  # noqa: S310
    text = ""
    for left in reversed(range(_TRIES)):
        try:
            text = _answer(request)
            break
        except OSError as error:
            if not left or isinstance(error, urllib.error.HTTPError):
                say(f"No model answers: {error}")
                return 1
            time.sleep(_PAUSE)
    say(f"The model says: {text.strip()}")
    with Path("thoughts.txt").open("a") as thoughts:
        thoughts.write(f"{text.strip()}\n")
    _git("add", "thoughts.txt")
    _git("-c", "user.name=Demo agent", "-c", "user.email=demo@localhost", "commit", "-q", "-m", text.strip())
    return None


def _answer(request: urllib.request.Request) -> str:
    text = ""
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the gateway's address
        for line in answer:
            if line.startswith(b"data: {"):
                choices = json.loads(line.removeprefix(b"data: "))["choices"]
                text += "".join(choice["delta"].get("content") or "" for choice in choices)
    return text


def _think_on() -> int | None:
    while (code := _think()) is None and not select.select([sys.stdin], [], [], _PAUSE)[0]:
        pass
    return code


def _hold() -> None:
    say("This takes long.")
    time.sleep(600)


def _give_up() -> int:
    say("Error 429: rate limit reached, try again in 60 s")
    return 1


def _fail() -> int:
    say("Error: this failed, as I was told.")
    return 1


def _write(task: str) -> None:
    name = os.environ.get("AGENTDECK_AGENT", "demo")
    plain = re.sub(r"\s*\[\w+\]", "", task)
    with Path("NOTES.md").open("a") as notes:
        notes.write(f"- {plain} ({name})\n")
    Path(f"{name}.txt").write_text(f"{plain}\nWritten by the scripted demo agent {name}.\n")
    say(f"Wrote NOTES.md and {name}.txt.")


def _commit(task: str) -> None:
    name = os.environ.get("AGENTDECK_AGENT", "demo")
    _git("add", "NOTES.md", f"{name}.txt")
    _git("-c", "user.name=Demo agent", "-c", "user.email=demo@localhost", "commit", "-q", "-m", task)
    say(f"Committed {_git('rev-parse', '--short', 'HEAD')}.")


def _talk() -> int:
    while True:
        try:
            line = input("> ").strip()
        except EOFError:
            return 0
        if line in ("quit", "exit"):
            return 0
        say(f"You said: {line}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("Interrupted.")
        sys.exit(130)
