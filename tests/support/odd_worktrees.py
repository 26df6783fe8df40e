"""Agents whose worktrees or records someone changed, and what must stay as it is all the while."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from tests.support.decks import Bench


def start(bench: Bench, name: str = "one") -> Path:
    """Let an agent make a commit, a change and a new file; return its worktree."""
    script = "echo work >work && git add work && git commit -qm work && echo more >>work && echo new >new"
    deck = bench.deck()
    deck.start(StartRequest(name=name, argv=("sh", "-c", script)))
    view = deck.wait(name)
    while deck.agent(name).alive:
        time.sleep(0.01)
    assert view.state is State.DONE and view.worktree is not None
    return view.worktree


def documents(bench: Bench) -> Path:
    """A person's own folder."""
    folder = bench.home / "my documents"
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "1.jpg").write_text("a photo")
    (folder / "thesis.txt").write_text("years of work")
    (folder / "db.sqlite3").write_text("a database")
    (folder / ".gitignore").write_text("*.jpg\n")
    return folder


def picture(folder: Path) -> dict[str, str]:
    """All that lies in a folder but git's own files, AgentDeck's worktrees and the agents' databases."""
    found = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in (".git", ".worktrees", ".agentdeck")]
        for name in (*folders, *files):
            path = Path(place, name)
            facts = path.lstat()
            content = str(path.readlink()) if path.is_symlink() else ""
            if path.is_file() and not path.is_symlink():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(folder))] = f"{facts.st_mode} {content}"
    return found
