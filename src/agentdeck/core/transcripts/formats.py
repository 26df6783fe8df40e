"""The formats of transcripts that are known, and where a CLI keeps the one of a run. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from agentdeck.core.transcripts.reading import Reader


@dataclass(frozen=True, slots=True)
class Place:
    """Where a CLI keeps its transcripts: patterns of files, in which `{session}` is the session's id and `{slug}` the
    agent's folder with `-` for all but letters and digits. The first root whose variable is set is meant."""

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
    prints: bool = False
    """Whether a headless run prints the same format."""


def reader_of(name: str, agent: str = "") -> Reader:
    """A reader of that format; `agent` is the sub-agent whose transcript it is."""
    if name == "claude":
        from agentdeck.core.transcripts.claude import ClaudeReader

        return ClaudeReader(agent)
    if name == "codex":
        from agentdeck.core.transcripts.codex import CodexReader

        return CodexReader(agent)
    raise ValueError(f"there is no format {name} of transcripts")
