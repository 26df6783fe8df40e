"""What an agent's terminal shows, and what it printed."""

from __future__ import annotations

from agentdeck.system.state.logs import LogLine
from agentdeck.system.state.logtail import MOST_LINES, LogChange, LogTail
from agentdeck.system.state.recording import NOTE
from agentdeck.system.terminal.control import PaneCapture, ScreenReader
from agentdeck.system.terminal.replay import WINDOW as STAGE_WINDOW
from agentdeck.system.terminal.replay import Recording, ReplayStage

__all__ = [
    "MOST_LINES",
    "NOTE",
    "STAGE_WINDOW",
    "LogChange",
    "LogLine",
    "LogTail",
    "PaneCapture",
    "Recording",
    "ReplayStage",
    "ScreenReader",
]
