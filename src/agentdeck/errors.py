"""What can go wrong, and what the program then exits with.

DeckError
├── UsageError         the request makes no sense as written
├── NotFoundError      no such agent, branch, profile, repository
├── RefusedError       the request is clear but would harm or collide
│   └── BusyError      another process is at work on the same thing
├── MissingToolError   a program is not on this machine
├── ConfigError        agentdeck.toml, or a profile, is wrong
├── UntrustedError     agentdeck.toml says what nobody has approved yet
├── StoreError         the deck's own state cannot be read or written
├── FileError          the machine does not let a file be written; an OSError, too
├── CancelledError     a person did not want it any more
├── GitError · TmuxError · PortError · DatabaseError
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What `agentdeck` exits with. Scripts rely on these; they do not change meaning."""

    OK = 0
    FAILED = 1
    """The agent failed, or the machine did not do what was asked."""
    USAGE = 2
    """The command line makes no sense."""
    NOT_FOUND = 3
    """No such agent, branch, profile or repository."""
    REFUSED = 4
    """Clear, but it would harm or collide: nothing was changed."""
    MISSING_TOOL = 5
    """git, tmux, a database client or the agent's own program is not installed."""
    UNCHANGED = 6
    """The agent is done, and has changed nothing."""
    UNCOMMITTED = 7
    """The agent is done, and not all that it changed is committed."""
    DENIED = 8
    """The agent was not allowed to use a tool that it needed."""
    ASKED = 9
    """The agent ended with a question, and has changed nothing."""
    INTERNAL = 70
    """A bug in AgentDeck (EX_SOFTWARE)."""
    TRY_LATER = 75
    """No provider served, a limit was reached, or a budget is spent; the same call may work later (EX_TEMPFAIL)."""
    UNTRUSTED = 77
    """The repository's configuration runs, reaches or loosens something that was not approved (EX_NOPERM)."""
    CONFIG = 78
    """agentdeck.toml or a profile is wrong (EX_CONFIG)."""
    TIMED_OUT = 124
    """The agent reached its time-out, as timeout(1)."""
    INTERRUPTED = 130
    """Stopped by a person or by SIGINT."""
    BROKEN_PIPE = 141
    """What read our output went away, as of SIGPIPE; agents are left running."""


class DeckError(Exception):
    """An error a person can act on.

    `title` is one sentence: what failed, on what. `detail` is what the machine said, `hint` what to do next.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, title: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail.strip("\n").rstrip()  # a line of git's status may begin with a space
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join(part for part in (self.title, self.detail, self.hint) if part)


class UsageError(DeckError):
    exit_code = ExitCode.USAGE


class NotFoundError(DeckError):
    exit_code = ExitCode.NOT_FOUND


class RefusedError(DeckError):
    exit_code = ExitCode.REFUSED


class BusyError(RefusedError):
    pass


class UnreachableError(DeckError):
    """A host does not answer; what its agents do is not known."""

    exit_code = ExitCode.TRY_LATER


class MissingToolError(DeckError):
    exit_code = ExitCode.MISSING_TOOL


class ConfigError(DeckError):
    exit_code = ExitCode.CONFIG


class UntrustedError(DeckError):
    exit_code = ExitCode.UNTRUSTED


class StoreError(DeckError):
    pass


class FileError(DeckError, OSError):
    pass


class CancelledError(DeckError):
    exit_code = ExitCode.INTERRUPTED


class GitError(DeckError):
    pass


class TmuxError(DeckError):
    pass


class PortError(DeckError):
    pass


class DatabaseError(DeckError):
    pass
