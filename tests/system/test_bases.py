"""Who moves a branch."""

from __future__ import annotations

import pytest

from agentdeck.errors import BusyError
from agentdeck.system import bases
from tests.support.repos import MakeRepo


def test_only_one_process_holds_a_branch(repo: MakeRepo) -> None:
    here = repo().repo
    with bases.holding(here, "release/ü"):
        assert bases.is_held(here, "release/ü")
        assert not bases.is_held(here, "main")
        with pytest.raises(BusyError, match="release/ü"), bases.holding(here, "release/ü"):
            pass
