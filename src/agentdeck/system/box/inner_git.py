"""git in a repository that lies in the worktree of an agent with a box: in a box as well, without network.

    AGENTDECK_UNTRUSTED='{…}' python -I -m agentdeck.system.box.inner_git WORDS

git starts it in its own place for a repository inside of another; see system/git/untrusted.py.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from agentdeck.core.box.box import Box, NetworkReach, empty, read, write
from agentdeck.core.box.bubblewrap import wrap
from agentdeck.errors import DeckError
from agentdeck.system.box import views
from agentdeck.system.box.bubblewrap import find_bubblewrap, syscall_filter
from agentdeck.system.files.files import from_json
from agentdeck.system.git.untrusted import VARIABLE

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "USER", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_OPTIONAL_LOCKS")
_PLACES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_CEILING_DIRECTORIES", "GIT_TERMINAL_PROMPT")


def main() -> None:
    told = from_json(os.environ[VARIABLE])
    worktree = os.path.realpath(told["worktree"])
    own = str(Path(told["programs"], "git"))
    if os.path.realpath(".") == worktree and not Path(os.environ.get("GIT_DIR", "/")).is_absolute():
        os.execv(own, ["git", *sys.argv[1:]])  # noqa: S606 - it is the worktree itself
    home = Path(os.path.realpath(os.environ.get("HOME") or "/root"))
    common, git_dir = told["common"], told["git_dir"]
    mounts = (
        *views.machine(home, os.environ.get("PATH", "")),
        read(common),
        empty(f"{common}/agentdeck"),
        read(str(home / ".gitconfig"), optional=True),
        write(f"{git_dir}/modules", optional=True),
        write(worktree, optional=True),
    )
    environment = {name: value for name in (*_KEPT, *_PLACES) if (value := os.environ.get(name)) is not None}
    try:
        words = wrap(Box(mounts, NetworkReach.NONE), find_bubblewrap(), syscall_filter())
    except DeckError as error:
        sys.exit(f"fatal: {error.title}")
    os.execvpe(words[0], [*words, own, *sys.argv[1:]], environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
