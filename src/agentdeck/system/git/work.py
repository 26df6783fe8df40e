"""What was done in a worktree, in the words of git: for the brief of an agent that takes over."""

from __future__ import annotations

from pathlib import Path

from agentdeck.core.agents.handover import bounded


def work_so_far(folder: Path, base: str) -> str:
    """Commits since the commit `base`, changed files and new ones; empty where there are none, or git can't tell.

    It is for a moment at which no agent runs, and never raises: a brief without it is better than none.
    """
    from agentdeck.errors import DeckError
    from agentdeck.system.git.identity import identify, pointer
    from agentdeck.system.git.repository import Repository

    git_dir = pointer(folder)
    if not identify(folder, git_dir).is_usable:
        return ""
    here = Repository(folder, folder, False, git_dir=git_dir)

    def told(*words: str) -> str:
        try:
            result = here.run("-c", "core.quotePath=false", *words)
        except (DeckError, OSError):
            return ""
        return bounded(result.out.decode("utf-8", "replace").rstrip()) if result else ""

    since = base or "HEAD"
    commits = told("log", "--format=%h %s", "--no-decorate", "-n", "500", f"{base}..HEAD") if base else ""
    changed = told("diff", "--no-ext-diff", "--stat=120", since)
    new = told("ls-files", "--others", "--exclude-standard")
    parts = [
        (f"Commits since {base[:12]}, the latest first:", commits),
        (f"Changes since {since[:12]}, committed or not (git diff {since[:12]}):", changed),
        ("Untracked files:", new),
    ]
    return "\n".join(f"{title}\n{text}" for title, text in parts if text)
