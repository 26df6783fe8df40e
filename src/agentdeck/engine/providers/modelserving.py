"""Serve a model of the user's own in a tmux window, so that the tier `local` needs no other program."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

from agentdeck.engine.providers import gateways
from agentdeck.engine.views.providers import Served
from agentdeck.engine.world import World
from agentdeck.errors import DeckError, MissingToolError, NotFoundError, RefusedError, TmuxError
from agentdeck.system.gateway import modelservers

_LOADING = 300.0
"""Seconds that a model may take to load."""


def serve(world: World, file: Path, *, port: int, context: int) -> Served:
    """Serve `file` until its window is closed; return once the model is loaded."""
    from agentdeck.engine.environment import clean_environment

    if not file.is_file():
        raise NotFoundError(f"There is no file {file}.", hint="Name a GGUF model file.")
    with file.open("rb") as head:
        if head.read(4) != b"GGUF":
            raise RefusedError(f"{file} is not a model in the GGUF format.")
    if importlib.util.find_spec("xllamacpp") is None:
        raise MissingToolError("llama.cpp is not installed.", hint=f"{sys.executable} -m pip install xllamacpp")
    url, window = f"http://127.0.0.1:{port}/v1", f"model-{port}"
    if modelservers.models(url):
        raise RefusedError(
            f"A model is already served at {url}.", hint="“agentdeck models stop” stops it; or use --port N"
        )
    argv = [sys.executable, "-I", "-m", "agentdeck.gateway.llama", str(file.resolve())]
    argv += ["--port", str(port), "--context", str(context)]
    world.tmux.open_window(gateways.SESSION, window, argv, cwd=file.resolve().parent, env=clean_environment())
    deadline = time.monotonic() + _LOADING
    while not (found := modelservers.models(url)):
        there = world.tmux.window(gateways.SESSION, window)
        if there is None or there.command_dead or time.monotonic() > deadline:
            screen = world.tmux.screen(gateways.SESSION, window, history=20).strip() if there else ""
            world.tmux.close_window(gateways.SESSION, window)
            raise TmuxError(f"{file.name} could not be served.", detail=screen[-2000:])
        time.sleep(0.2)
    return Served(window, url, found[0])


def stop(world: World) -> list[str]:
    """End every model that `serve` serves; return their windows' names."""
    windows = [each for each in world.tmux.windows() if each.session == gateways.SESSION]
    names = [each.name for each in windows if each.name.startswith("model-")]
    for name in names:
        world.tmux.close_window(gateways.SESSION, name)
    if not names:
        raise DeckError("No model is being served.", hint="agentdeck models serve FILE.gguf")
    return names
