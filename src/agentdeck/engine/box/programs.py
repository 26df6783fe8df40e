"""The agent CLIs of one box, and what they and it need of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agentdeck.core.frozen import dataclass, replace

if TYPE_CHECKING:
    from agentdeck.core.config.profile import Profile


@dataclass(frozen=True, slots=True)
class Programs:
    """The agent CLIs that run in one box, and the servers that they use."""

    profiles: Mapping[str, Profile]
    served: frozenset[str] = frozenset()
    """Those that the gateway serves, so that no login of theirs is in the box."""

    gateway: int = 0
    """The port of the gateway that serves them; 0: none."""
    servers: tuple[tuple[str, int], ...] = ()
    """Host and port of the servers that the agent uses, such as its database's."""

    def only(self, name: str) -> Programs:
        """As far as the CLI of that profile goes."""
        return replace(self, profiles={name: self.profiles[name]})

    @property
    def with_login(self) -> list[Profile]:
        return [profile for name, profile in self.profiles.items() if name not in self.served]


NO_PROGRAMS = Programs({})
