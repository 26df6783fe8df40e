"""Do one verb of the engine and be killed, or get another signal, just before its N-th effect on the machine.

An effect is a program started that changes something, a file put in place or taken away, a folder made: what Python's
audit hooks report. What only reads is none: a kill before it finds what a kill after the effect before it finds. With
N = 0 nothing is killed and the effects are returned. Each is forked from one process that has loaded the engine.
"""

from __future__ import annotations

import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from agentdeck import engine
from agentdeck.engine.deck import Deck
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from agentdeck.system.git.merges import Method

FILES = {"os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.symlink"}
READING = frozenset(
    (
        "rev-parse cat-file merge-base log diff-tree for-each-ref ls-files status rev-list var merge-tree commit-tree "
        "config cherry mktree hash-object check-ref-format interpret-trailers check-attr list-panes list-windows "
        "has-session display-message capture-pane show-options version write-tree update-index diff"
    ).split()
)
"""Subcommands of git and tmux that change nothing, or write objects only."""


def effect_of(event: str, args: Sequence[Any]) -> str:
    """What the audited event does to the machine, in a few words; “” for nothing."""
    if event in FILES:
        path = Path(os.fsdecode(args[1] if event in ("os.rename", "os.link") else args[0]))
        # Folders for throw-away files are no part of what a verb does; rmtree reports names without a folder.
        aside = not path.is_absolute() or any(part.startswith("agentdeck-") for part in path.parts)
        nothing = path.is_dir() if event == "os.mkdir" else event == "os.remove" and not os.path.lexists(path)
        return "" if aside or nothing else f"{event} {path.name}"
    if event != "subprocess.Popen":
        return ""
    words = [os.fsdecode(word) for word in args[1]]
    program, rest = Path(words[0]).name, words[6 if "tmux" in words[0] else 1 :]
    plain = [word for word in rest if not word.startswith("-") and "=" not in word and "/" not in word] or [""]
    if plain[0] in READING or plain[:2] == ["worktree", "list"] or "--dry-run" in words:
        return ""
    return f"{program} {' '.join(plain[:2] if plain[0] in ('worktree', 'submodule', 'hook') else plain[:1])}"


def act(deck: Deck, verb: str, name: str, options: dict[str, str]) -> object:
    if verb == "start":
        argv = ("sh", "-c", "echo ready; exec sleep 600")
        return deck.start(StartRequest(name=name, argv=argv, id=f"id of {name}"))
    if verb == "start-on":
        argv = ("sh", "-c", "echo ready; exec sleep 600")
        return deck.start(StartRequest(name=name, argv=argv, id=f"id of {name}", on=options["on"]))
    if verb == "land":
        method = Method(options.pop("method", "merge"))
        gate = (options.pop("gate"),) if "gate" in options else ()
        flags: dict[str, Any] = {key: value if key in ("commit", "into") else True for key, value in options.items()}
        return deck.land(LandRequest(tuple(name.split(",")), method=method, gate=gate, **flags))
    verbs: dict[str, Callable[[], object]] = {
        "remove": lambda: deck.remove(name, stop=True),
        "resume": lambda: deck.resume(name),
        "work-on-tasks": lambda: deck.tasks.work(name),
        "pull": deck.landings.pull,
        "undo": lambda: deck.undo(int(name) if name else None),
        "prune": lambda: deck.history.prune(deck.history.stale()),
    }
    return verbs[verb]()


def crash(
    root: Path,
    at: int,
    verb: str,
    name: str = "",
    options: Mapping[str, str] | None = None,
    sign: signal.Signals = signal.SIGKILL,
) -> list[str]:
    """Do the verb in a process of its own, to be killed before its effect number `at`; for 0 return the effects."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        told = Path(folder, "told")
        request = (str(told), str(root), dict(os.environ), int(sign), at, verb, name, dict(options or {}))
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        text = told.read_text() if told.exists() else ""
        assert code in (0, -signal.SIGKILL, ExitCode.INTERRUPTED), text
        return text.splitlines()


@cache
def _server() -> subprocess.Popen[str]:
    """It ends with this process, which has the other end of its input."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    argv = [sys.executable, "-m", "tests.support.crash"]
    return subprocess.Popen(
        argv, cwd="/", env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def serve() -> None:
    """Fork for each request, and tell how the fork ended."""
    load_all(engine)
    for line in sys.stdin:
        if not (child := os.fork()):
            os.close(0)
            os.dup2(2, 1)
            do_and_tell(*json.loads(line))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


def load_all(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if "temporal" not in module.name:  # that is an extra
            import_module(module.name)


def do_and_tell(
    told: str, root: str, environment: dict[str, str], sign: int, at: int, verb: str, name: str, options: dict[str, str]
) -> NoReturn:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(root)
    effects: list[str] = []

    def on_audit(event: str, args: tuple[Any, ...]) -> None:
        effect = effect_of(event, args)
        if effect:
            effects.append(effect)
            if len(effects) == at:
                os.kill(os.getpid(), sign)

    code = 1
    try:
        deck = Deck.find()
        sys.addaudithook(on_audit)
        act(deck, verb, name, options)
        code, text = 0, "\n".join(effects)
    except KeyboardInterrupt:
        code, text = ExitCode.INTERRUPTED, ""
    except BaseException:  # noqa: BLE001 - whatever it was is told
        text = traceback.format_exc()
    with Path(told).open("w") as file:
        file.write(text)
    os._exit(code)


if __name__ == "__main__":
    serve()
