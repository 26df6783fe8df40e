"""`deck.choices`: what there is to choose from for a new agent, or for one that shall go on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from agentdeck.engine.api.current import Current
from agentdeck.engine.views import AgentView
from agentdeck.errors import DeckError, MissingToolError

if TYPE_CHECKING:
    from agentdeck.engine.views.choices import ProfileChoice, StartChoices


class DeckChoices:
    def __init__(self, current: Current) -> None:
        self._current = current

    def for_start(self) -> StartChoices:
        """Read profiles, configuration and branches; takes a while the first time."""
        from agentdeck.engine.views.choices import AUTO, StartChoices
        from agentdeck.system.config.profiles import choose

        world = self._current.world
        config, profiles = world.safe_settings.config, self.profiles()
        auto = ""
        with suppress(MissingToolError):
            auto = choose(world.profiles, AUTO, world.search_path)
        installed = {each.name for each in profiles if each.installed}
        default = config.agent.profile if config.agent.profile in installed else AUTO if auto else "demo"
        tiers, branches = tuple(config.tiers), tuple(self.branches())
        return StartChoices(tuple(profiles), auto, default, tiers, branches, config.agent.base)

    def profiles(self) -> list[ProfileChoice]:
        """Those that are installed first."""
        from agentdeck.engine.views.choices import ProfileChoice
        from agentdeck.system.config.profiles import found

        world = self._current.world
        path = world.search_path
        choices = [
            ProfileChoice(each.name, each.title, found(each, path) is not None) for each in world.profiles.values()
        ]
        return sorted(choices, key=lambda each: (not each.installed, each.title.lower()))

    def successors(self, view: AgentView) -> list[ProfileChoice]:
        """The installed profiles that could go on with the agent: not its own, nor the one that is at work."""
        return [
            each for each in self.profiles() if each.installed and each.name not in (view.agent.profile, view.profile)
        ]

    def tiers(self) -> list[str]:
        """Every tier that can be asked for, configured or not."""
        from agentdeck.core.providers.tiers import FALLBACK, HOME_TIERS, LOCAL

        return sorted({*self._current.world.safe_settings.config.tiers, *HOME_TIERS, LOCAL, FALLBACK})

    def branches(self) -> list[str]:
        """The branches of the repository and of its remotes, by their short names."""
        repo = self._current.world.repo
        return repo.run("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes").text.splitlines()

    def base(self) -> str:
        """The branch that new agents start from; empty where HEAD is on none."""
        world, configured = self._current.world, ""
        with suppress(DeckError):
            configured = world.safe_settings.config.agent.base
        return configured or world.repo.at(world.root).run("symbolic-ref", "--quiet", "--short", "HEAD").text.strip()
