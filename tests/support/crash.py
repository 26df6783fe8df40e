"""Do one verb of the engine and be killed, with SIGKILL, just before its N-th effect on the machine.

An effect is a program started, a file put in place or taken away, a folder made: what Python's audit hooks report. With
N = 0 nothing is killed and the number of effects is printed.

    python -m tests.support.crash N start|remove NAME
"""

from __future__ import annotations

import os
import signal
import sys

from agentdeck.engine.deck import Deck
from agentdeck.engine.views import StartRequest

EFFECTS = {"subprocess.Popen", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.symlink"}


def main() -> None:
    fatal, verb, name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    effects: list[str] = []

    def on_audit(event: str, args: tuple[object, ...]) -> None:
        if event in EFFECTS:
            effects.append(event)
            if len(effects) == fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    deck = Deck.find()
    sys.addaudithook(on_audit)
    if verb == "start":
        deck.start(StartRequest(name=name, argv=("sh", "-c", "echo ready; exec sleep 600"), id=f"id of {name}"))
    elif verb == "remove":
        deck.remove(name, stop=True)
    elif verb == "resume":
        deck.resume(name)
    sys.stdout.write(str(len(effects)))


main()
