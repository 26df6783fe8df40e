"""`deck.trust`: what of the repository's configuration a person has approved."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agentdeck.engine.api.current import Current
from agentdeck.engine.world import trust_command
from agentdeck.errors import StoreError

if TYPE_CHECKING:
    from agentdeck.core.config.trust import Values
    from agentdeck.engine.views.trust import ApprovalStanding


class DeckTrust:
    def __init__(self, current: Current) -> None:
        self._current = current

    def standing(self) -> ApprovalStanding:
        """What of the repository's configuration waits for approval."""
        return self._current.world.standing

    @property
    def command(self) -> str:
        """What to type to look at it and approve it."""
        return trust_command(self._current.root)

    def check(self) -> None:
        """Raise UntrustedError where something waits for approval."""
        self._current.trusted()

    def approve(self, values: Values) -> None:
        """Let these values be used, which a person has seen: others that are in the files by now are not."""
        world = self._current.world
        if world.approvals is None:
            raise StoreError("There is no folder for the approval.", hint="Set HOME, or XDG_STATE_HOME.")
        world.approvals.approve(values, commit=world.repo.commit("HEAD") or "")

    def forget(self) -> bool:
        """Take the approval back; return whether there was one."""
        approvals = self._current.world.approvals
        return approvals is not None and approvals.forget()

    def running_files(self) -> list[str]:
        """The files of the project from which agents' own programs run commands."""
        from agentdeck.core.config.trust import RUNNING_FILES

        return [name for name in RUNNING_FILES if os.path.lexists(self._current.root / name)]
