"""Programs named as agent CLIs that do what a test has planned, and note how they were started and what else ran.

A plan has for each program a list of steps, one for each time it is started; the last one is for all further times. A
step's keys, in the order in which they are done: `daemon` (leave a process behind that ignores all it can), `write`
(files), `commit` (message), `ask` (a path below ANTHROPIC_BASE_URL; where the request is refused, it ends with what
Claude Code prints then), `stubborn` (ignore every signal), `print` (text), `say` (answers to lines typed, each text
printed when any line came), `hold` (run until ended), `exit` (code, default 0).
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_PROGRAM = """#!{python} -I
import json, os, signal, subprocess, sys, time, urllib.error, urllib.request
folder, name = {folder!r}, os.path.basename(sys.argv[0])

def lives(pid):
    try:
        with open(f"/proc/{{pid}}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False

def note(**fields):
    with open(f"{{folder}}/journal", "a") as file:
        file.write(json.dumps(fields) + "\\n")

def enlist():
    open(f"{{folder}}/pids/{{os.getpid()}}", "w").close()

others = [pid for pid in os.listdir(f"{{folder}}/pids") if lives(pid)]
enlist()
ran = [line for line in open(f"{{folder}}/journal") if json.loads(line)["name"] == name]
me = {{"argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}}
note(name=name, others=others, at=time.time(), **me)
steps = json.load(open(f"{{folder}}/plan"))[name]
step = steps[min(len(ran), len(steps) - 1)]
if step.get("daemon") and os.fork() == 0:
    os.setsid()
    enlist()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    time.sleep(600)
for path, text in step.get("write", {{}}).items():
    open(path, "w").write(text)
if "commit" in step:
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(["git", "commit", "-qm", step["commit"]], check=True)
if "ask" in step:
    url = os.environ["ANTHROPIC_BASE_URL"] + step["ask"]
    try:
        urllib.request.urlopen(urllib.request.Request(url, b'{{"model": "m"}}')).read()
    except urllib.error.HTTPError as error:
        said = json.loads(error.read())["error"]["message"]
        result = {{"is_error": True, "result": f"API Error: Request rejected ({{error.code}}) · {{said}}"}}
        print(json.dumps(result, ensure_ascii=False, separators=(",", ":")), flush=True)
        sys.exit(1)
if step.get("stubborn"):
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
            try:
                signal.signal(number, signal.SIG_IGN)
            except OSError:
                pass
print(step.get("print", ""), flush=True)
for answer in step.get("say", []):
    line = sys.stdin.readline()
    note(name="typed", text=line.strip())
    print("\\x1b[H\\x1b[2J" * bool(step.get("clears")) + answer, flush=True)
while step.get("hold"):
    time.sleep(0.05)
sys.exit(step.get("exit", 0))
"""


@dataclass
class Scripted:
    folder: Path

    def plan(self, **steps: Sequence[Mapping[str, Any]]) -> None:
        """What each program does from its first start on; a program without a plan is not installed."""
        binaries = self.folder / "bin"
        for name in [path.name for path in binaries.iterdir() if path.name not in steps]:
            (binaries / name).unlink()
        for name in steps:
            path = binaries / name
            path.write_text(_PROGRAM.format(python=os.path.realpath(sys.executable), folder=str(self.folder)))
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        (self.folder / "plan").write_text(json.dumps(steps))

    @property
    def journal(self) -> list[dict[str, Any]]:
        lines = (self.folder / "journal").read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]  # one may be being written

    @property
    def starts(self) -> list[dict[str, Any]]:
        """Each start of a program, in order."""
        return [entry for entry in self.journal if entry["name"] != "typed"]

    @property
    def names(self) -> list[str]:
        return [start["name"] for start in self.starts]

    @property
    def typed(self) -> list[str]:
        return [entry["text"] for entry in self.journal if entry["name"] == "typed"]

    def overlaps(self) -> list[str]:
        """Programs that were started while another one, or what it had left, still ran."""
        return [start["name"] for start in self.starts if start["others"]]


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    folder = tmp_path / "scripted ü"
    (folder / "bin").mkdir(parents=True)
    (folder / "pids").mkdir()
    (folder / "journal").touch()
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
    return Scripted(folder)
