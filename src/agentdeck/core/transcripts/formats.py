"""The formats of transcripts that are known, and where a CLI keeps the one of a run. Standard library only."""

from __future__ import annotations

from agentdeck.core.frozen import dataclass
from agentdeck.core.transcripts.reading import Reader


@dataclass(frozen=True, slots=True)
class Place:
    """Where a CLI keeps its transcripts: patterns of files below the first root whose variable is set. In them
    `{session}` is the session's id, `{session8}` its beginning, and `{slug}` the agent's folder with `-` for all but
    letters and digits."""

    format: str = ""
    """Empty: the CLI has no transcript that is known."""
    roots: tuple[str, ...] = ()
    """Folders, such as `$CODEX_HOME` and `~/.codex`."""
    files: str = ""
    """The transcript of a session that is known."""
    newest: str = ""
    """Transcripts of which the newest that names the agent's folder is meant, while its session is not known."""
    subagents: str = ""
    """The transcripts of the sub-agents of a session."""
    folder_in: str = ""
    """The file beside the transcript that names the agent's folder, where the transcript does not."""
    prints: str = ""
    """The format of what a headless run prints; empty: text."""


_READERS = {
    "claude": "ClaudeReader",
    "codex": "CodexReader",
    "copilot": "CopilotReader",
    "gemini": "GeminiReader",
    "opencode": "OpencodeReader",
    "qwen": "QwenReader",
}


def reader_of(name: str, agent: str = "") -> Reader:
    """A reader of that format; `agent` is the sub-agent whose transcript it is. Only its own module is loaded."""
    from importlib import import_module

    reader: Reader = getattr(import_module(f"agentdeck.core.transcripts.{name}"), _READERS[name])(agent)
    return reader
