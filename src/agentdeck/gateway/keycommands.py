"""Keys that a command of the user's prints, for providers whose keys live an hour."""

from __future__ import annotations

import asyncio
import time

KEY_SECONDS = 300.0
"""How long a printed key is used before the command is asked again."""
NO_KEY = "its key_command prints no key"
"""Why a provider can't be asked whose command fails or prints nothing."""
_PATIENCE = 20.0


class KeyCommands:
    """What the commands printed, in memory only; each runs once at a time."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, asyncio.Task[str]]] = {}

    async def fetch(self, command: str) -> str:
        """The key; empty where the command fails or prints none."""
        known = self._found.get(command)
        if known is None or time.monotonic() > known[0] + KEY_SECONDS:
            known = self._found[command] = time.monotonic(), asyncio.create_task(_printed(command))
        key = await asyncio.shield(known[1])
        if not key:
            self.forget(command)
        return key

    def forget(self, command: str) -> None:
        """Run it again when its key is wanted next: a provider refused the last one."""
        self._found.pop(command, None)


async def _printed(command: str) -> str:
    process = await asyncio.create_subprocess_shell(
        command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return ""
    text = out.decode("utf-8", "replace").strip()
    return text if process.returncode == 0 and text.isprintable() else ""
