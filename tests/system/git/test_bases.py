"""Who moves a branch."""

from __future__ import annotations

import pytest

from agentdeck.errors import BusyError
from agentdeck.system.git import bases
from agentdeck.system.git.bases import Move
from tests.support.repos import MakeRepo


def test_only_one_process_holds_a_branch(repo: MakeRepo) -> None:
    here = repo().repo
    with bases.holding(here, "release/ü"):
        assert bases.is_held(here, "release/ü")
        assert not bases.is_held(here, "main")
        with pytest.raises(BusyError, match="release/ü"), bases.holding(here, "release/ü"):
            pass


def test_a_git_that_is_killed_once_it_has_moved_the_ref_has_moved_it(repo: MakeRepo) -> None:
    sandbox = repo()
    old = sandbox.git("rev-parse", "main")
    new = sandbox.git("commit-tree", "main^{tree}", "-p", old, "-m", "next")
    hook = "#!/bin/sh\n[ $1 != committed ] || kill -9 $PPID\n"
    sandbox.write(".git/hooks/reference-transaction", hook, mode=0o755)
    bases.compare_and_swap(sandbox.repo, Move("main", old, new), "test")
    assert sandbox.git("rev-parse", "main") == new
