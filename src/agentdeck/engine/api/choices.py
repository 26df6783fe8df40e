"""`deck.choices`: what there is to choose from for a new agent, or for one that shall go on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from agentdeck.engine.api.current import Current
from agentdeck.engine.views import AgentView
from agentdeck.errors import DeckError, MissingToolError
from agentdeck.system.files.files import read_json, write_json

if TYPE_CHECKING:
    from agentdeck.engine.views.choices import ProfileChoice, StartChoices

_LAST = "choices.json"


class DeckChoices:
    def __init__(self, current: Current) -> None:
        self._current = current

    def for_start(self) -> StartChoices:
        """Read profiles, configuration and branches; takes a while the first time."""
        from agentdeck.engine.box.boxes import why_no_box
        from agentdeck.engine.views.choices import AUTO, StartChoices
        from agentdeck.system.config.profiles import choose

        world = self._current.world
        config, profiles = world.safe_settings.config, self.profiles()
        auto = ""
        with suppress(MissingToolError):
            auto = choose(world.profiles, AUTO, world.search_path)
        installed = {each.name for each in profiles if each.installed}
        default = config.agent.profile if config.agent.profile in installed else AUTO if auto else "demo"
        tiers = tuple(
            (name, chain if isinstance(chain, str) else " → ".join(chain)) for name, chain in config.tiers.items()
        )
        branches = tuple(self.branches())
        no_box = why_no_box(world)
        base, box = config.agent.base, config.box.mode
        return StartChoices(tuple(profiles), auto, default, tiers, config.agent.tier, branches, base, box, no_box)

    def profiles(self) -> list[ProfileChoice]:
        """Those that are installed first."""
        from agentdeck.engine.views.choices import ProfileChoice
        from agentdeck.system.config.profiles import found

        world = self._current.world
        path = world.search_path
        choices = [
            ProfileChoice(
                each.name,
                each.title,
                found(each, path) is not None,
                each.install,
                each.model.names,
                each.model.can_be_told,
                each.model.default,
            )
            for each in world.profiles.values()
        ]
        return sorted(choices, key=lambda each: (not each.installed, each.title.lower()))

    def models(self, profile: str) -> tuple[str, ...]:
        """The models that the CLI of this profile can be told to use, as far as it or its provider lists them. Takes
        seconds. Raise NotFoundError where there is no such profile."""
        from agentdeck.engine.profiles.models import models_of
        from agentdeck.system.config.profiles import choose, require

        world = self._current.world
        found = require(world.profiles, choose(world.profiles, profile, world.search_path), world.search_path)
        return models_of(world, found)

    def successors(self, view: AgentView) -> list[ProfileChoice]:
        """The installed profiles that could go on with the agent: not its own, nor the one that is at work."""
        return [
            each for each in self.profiles() if each.installed and each.name not in (view.agent.profile, view.profile)
        ]

    def tiers(self) -> list[str]:
        """Every tier that can be asked for, configured or not."""
        from agentdeck.core.providers.tiers import FALLBACK, HOME_TIERS, LOCAL

        return sorted({*self._current.world.safe_settings.config.tiers, *HOME_TIERS, LOCAL, FALLBACK})

    def is_commit(self, name: str) -> bool:
        """Whether there is a branch, tag or commit of that name to start from."""
        repo = self._current.world.repo
        return repo.commit(name) is not None or bool(repo.run("ls-remote", "--exit-code", ".", name))

    def issue(self, reference: str) -> str:
        """Title and body of the issue `#123` of the remote, or of the one at an address, through gh or glab."""
        from agentdeck.system.git.pulls import read_issue

        issue = read_issue(self._current.world.repo, reference)
        return f"{issue.title}\n\n{issue.body}".strip()

    def remembered(self) -> dict[str, Any]:
        """What a person chose last for a new agent of this deck."""
        with suppress(OSError, ValueError):
            found = read_json(self._current.store.folder / _LAST)
            return found if isinstance(found, dict) else {}
        return {}

    def remember(self, chosen: dict[str, Any]) -> None:
        with suppress(OSError):
            write_json(self._current.store.folder / _LAST, chosen, durable=False)

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
