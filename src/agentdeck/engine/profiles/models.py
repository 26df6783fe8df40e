"""Which models an agent CLI has, as far as it or its provider tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from agentdeck.core.agents.agent import is_model
from agentdeck.errors import DeckError
from agentdeck.system.machine.host import scratch_folder

if TYPE_CHECKING:
    from agentdeck.core.config.profile import ModelChoice, Profile
    from agentdeck.engine.world import World

_PATIENCE = 30.0
"""Seconds that a CLI has to list them; some take a while to start."""
_PROVIDER_PATIENCE = 8.0


def models_of(world: World, profile: Profile) -> tuple[str, ...]:
    """The names that the profile knows, then what its CLI lists, or else what its provider does. Takes seconds; what
    doesn't answer lists none."""
    told = profile.model
    variables = world.environment() | profile.env
    more = _of_program(told, variables) or _of_provider(world, told, variables)
    return tuple(dict.fromkeys(name for name in (*told.names, *more) if is_model(name)))


def _of_program(told: ModelChoice, variables: Mapping[str, str]) -> tuple[str, ...]:
    if not told.lists:
        return ()
    from agentdeck.system.machine.process import run

    try:
        # Not in the repository, whose files may tell the CLI what to run.
        with scratch_folder() as folder:
            done = run(told.lists, cwd=folder, env=variables, timeout=_PATIENCE, group=True)
    except DeckError:
        return ()
    return tuple(match["model"] for match in re.finditer(told.listed, done.text, re.MULTILINE))


def _of_provider(world: World, told: ModelChoice, variables: Mapping[str, str]) -> tuple[str, ...]:
    from agentdeck.system.gateway.modelservers import models

    provider = world.safe_settings.config.providers.get(told.provider)
    key = next((variables[name] for name in provider.key_variables if variables.get(name)), "") if provider else ""
    if provider is None or not key:
        return ()
    url = variables.get(told.address, "").rstrip("/")
    if url and not url.endswith("/v1"):
        url += "/v1"
    if provider.key_header == "x-api-key":
        headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    else:
        headers = {"Authorization": f"Bearer {key}"}
    found = models(url or provider.url("chat"), _PROVIDER_PATIENCE, headers)
    return tuple(name.removeprefix("models/") for name in found)
