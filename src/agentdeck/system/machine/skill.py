"""The skill file that tells agent programs when to use which verb, and where they read it."""

from __future__ import annotations

import os
from pathlib import Path

from agentdeck.errors import RefusedError
from agentdeck.system.files.files import write_atomic

NAME = "agentdeck"
_OURS = "name: agentdeck\n"


def skill_text() -> str:
    return (Path(__file__).parents[2] / "profiles" / "SKILL.md").read_text("utf-8")


def skill_places() -> list[Path]:
    """The file in each folder of skills that an agent program of this user's reads."""
    home = Path.home()
    folders = [Path(os.environ.get("CLAUDE_CONFIG_DIR") or home / ".claude")]
    folders.append(Path(os.environ.get("CODEX_HOME") or home / ".codex"))
    return [folder / "skills" / NAME / "SKILL.md" for folder in folders if folder.is_dir()]


def change_skill(path: Path, *, install: bool) -> bool:
    """Write or delete the file; return whether that changed anything. One that is not ours is left alone."""
    found = path.read_text("utf-8", "replace") if path.is_file() else None
    if found is not None and _OURS not in found:
        raise RefusedError(f"{path} is another skill of that name.", hint="Move it away first.")
    if install:
        if found == skill_text():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, skill_text())
        return True
    path.unlink(missing_ok=True)
    if found is not None and not any(path.parent.iterdir()):
        path.parent.rmdir()
    return found is not None
