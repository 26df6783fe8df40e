"""Profiles whose agents do what a shell script says: for races and benchmarks."""

from __future__ import annotations

import json
import shlex

from tests.support.decks import Bench


def profile(bench: Bench, name: str, script: str) -> None:
    """A profile of the user's that runs `script` in its worktree; `$1` is the task."""
    words = json.dumps(["sh", "-c", script, "sh", "{prompt}"])
    text = f'title = "{name}"\ncommand = "sh"\ninstall = "-"\n'
    text += "".join(f"[{mode}]\nprompt = {words}\n" for mode in ("interactive", "headless"))
    bench.write(f".config/agentdeck/profiles/{name}.toml", text, cwd=bench.home)


def writing(path: str, text: str) -> str:
    """A script that writes one file and commits it."""
    return (
        f"mkdir -p $(dirname {shlex.quote(path)}) && printf %s {shlex.quote(text)} > {shlex.quote(path)}"
        " && git add -A && git commit -qm work"
    )
