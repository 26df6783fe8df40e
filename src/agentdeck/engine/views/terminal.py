"""What an agent's terminal shows, and what it printed."""

from __future__ import annotations

from agentdeck.system.state.logs import LogLine
from agentdeck.system.state.logtail import MOST_LINES, Change, LogTail
from agentdeck.system.state.recording import NOTE
from agentdeck.system.terminal.control import Capture, ScreenReader
from agentdeck.system.terminal.replay import WINDOW as STAGE_WINDOW
from agentdeck.system.terminal.replay import Recording, Stage

__all__ = [
    "MOST_LINES",
    "NOTE",
    "STAGE_WINDOW",
    "Capture",
    "Change",
    "LogLine",
    "LogTail",
    "Recording",
    "ScreenReader",
    "Stage",
]
