"""Do one verb of the engine and be killed, or get another signal, just before its N-th effect on the machine.

An effect is a program started that changes something, a file put in place or taken away, a folder made: what Python's
audit hooks report. What only reads is none: a kill before it finds what a kill after the effect before it finds. With
N = 0 nothing is killed and the effects are printed, a line each.

    python -m tests.support.crash SIGNAL N VERB [NAME] [KEY=VALUE…]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

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
    tree = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    words = [f"{key}={value}" for key, value in (options or {}).items()]
    argv = [sys.executable, "-m", "tests.support.crash", str(int(sign)), str(at), verb, name, *words]
    done = subprocess.run(argv, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL, ExitCode.INTERRUPTED), done.stderr
    return done.stdout.splitlines()


def main() -> None:
    sign, fatal, verb, name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    options = dict(word.partition("=")[::2] for word in sys.argv[5:])
    effects: list[str] = []

    def on_audit(event: str, args: tuple[Any, ...]) -> None:
        effect = effect_of(event, args)
        if effect:
            effects.append(effect)
            if len(effects) == fatal:
                os.kill(os.getpid(), sign)

    deck = Deck.find()
    sys.addaudithook(on_audit)
    try:
        act(deck, verb, name, options)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    told = list(effects)
    sys.stdout.write("\n".join(told))


if __name__ == "__main__":
    main()
