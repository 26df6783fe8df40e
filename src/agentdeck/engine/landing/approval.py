"""What a landing changes of the repository's configuration that a person has to approve."""

from __future__ import annotations

from agentdeck.core.config.trust import Change, canonical, changes
from agentdeck.engine.world import World
from agentdeck.errors import ConfigError
from agentdeck.system.config import settings
from agentdeck.system.git.treediff import changed


def config_changes(world: World, old: str, new: str) -> tuple[Change, ...]:
    """What would wait for approval if the base went from the commit `old` to `new`. Raise ConfigError where nothing of
    the configuration could be read then."""
    names = [settings.DECK_FILE, settings.INCLUDE_FILE, world.sources.env_name]
    paths = {change.path for change in changed(world.repo, old, new)}
    if not paths.intersection(names) and not any((world.root / name).is_symlink() for name in names if name):
        return ()
    after = settings.read_commit(world.sources, world.repo, new).sensitive
    approved = world.approvals.read() if world.approvals is not None else []
    if canonical(after) in map(canonical, approved):
        return ()
    try:
        before = settings.read_commit(world.sources, world.repo, old).sensitive
    except ConfigError:
        before = {}
    return changes(before, after)
