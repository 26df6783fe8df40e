"""`deck.terminals`: what agents' terminals show and showed, as long as one looks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.engine.api.current import Current
from agentdeck.engine.views import AgentView
from agentdeck.errors import NotFoundError
from agentdeck.system.state.store import MIRROR

if TYPE_CHECKING:
    from agentdeck.engine.views.terminal import LogTail, Recording, ReplayStage, ScreenReader
    from agentdeck.system.terminal.tiles import Tiles


class DeckTerminals:
    def __init__(self, current: Current) -> None:
        self._current = current

    def screens(self) -> ScreenReader:
        """Captures agents' windows by their names, over one connection; it is to be closed."""
        from agentdeck.system.terminal.control import ScreenReader

        return ScreenReader(self._current.world.tmux, self._current.name, self._elsewhere)

    def _elsewhere(self, name: str) -> Callable[[], list[str]] | None:
        """What asks for the screen of an agent on another host; None for one of this machine."""
        if not (self._current.store.agent_folder(name) / MIRROR).exists():
            return None
        from agentdeck.engine.fleet.acts import screen_lines

        return lambda: screen_lines(self._current.world, name)

    def log(self, view: AgentView) -> LogTail | None:
        """A window on the log of the agent's last run; it is to be closed. None where it has none."""
        from agentdeck.system.state.logtail import LogTail

        return LogTail(view.log) if view.log is not None else None

    def recording(self, name: str) -> Recording:
        """What the agent's terminal got, with its times; it is to be closed. Raise NotFoundError where it never ran,
        OSError where it can't be read."""
        from agentdeck.system.terminal.replay import Recording

        try:
            return Recording(self._current.store.agent_folder(name) / "session.cast")
        except FileNotFoundError:
            raise NotFoundError("There is no recording: it never ran.") from None

    def stage(self, recording: Recording) -> ReplayStage:
        """A hidden window to play it in; it is to be closed."""
        from agentdeck.system.terminal.replay import ReplayStage

        return ReplayStage(self._current.world.tmux, recording.size)

    def stage_screens(self, stage: ReplayStage) -> ScreenReader:
        """Captures the window of a stage, which is called STAGE_WINDOW."""
        from agentdeck.system.terminal.control import ScreenReader

        return ScreenReader(self._current.world.tmux, stage.session)

    def tiles(self, title: str) -> Tiles:
        """Agents' screens side by side in a terminal of their own."""
        from agentdeck.system.terminal.tiles import Tiles

        return Tiles(self._current.world.tmux, self._current.name, title)

    def shell_argv(self, view: AgentView, folder: Path, shell: str) -> list[str]:
        """What to run to be in a shell in `folder`, below the agent's screen."""
        from agentdeck.system.terminal.tiles import ShellBelow

        return ShellBelow(self._current.world.tmux, self._current.name, view.name).argv(folder, shell)
