"""`agentdeck --home ssh://HOST/FOLDER …`: the command line in a repository of another machine, in this terminal."""

from __future__ import annotations

from collections.abc import Sequence

from agentdeck.cli.output import flush, is_terminal, somebody_answers
from agentdeck.errors import ExitCode, UnreachableError, UsageError

_FAILED = 255
"""What ssh exits with where it can't connect."""


def split_home(argv: Sequence[str]) -> tuple[str, list[str]]:
    """The value of `--home`, which stands before the verb, and the other words; empty without one."""
    for at, word in enumerate(argv):
        if word == "--home":
            if at + 1 == len(argv):
                break
            return argv[at + 1], [*argv[:at], *argv[at + 2 :]]
        if word.startswith("--home="):
            return word.removeprefix("--home="), [*argv[:at], *argv[at + 1 :]]
        if not word.startswith("-"):
            return "", list(argv)
    if "--home" in argv:
        raise UsageError("--home needs a place.", hint="agentdeck --home ssh://HOST/FOLDER")
    return "", list(argv)


def run_at(home: str, words: Sequence[str]) -> int:
    """Run `agentdeck WORDS` there; return what it exits with."""
    from agentdeck.engine.deck import Deck
    from agentdeck.system.machine.host import run_in_terminal

    if "-C" in words:
        raise UsageError("Give either --home or -C.")
    argv = Deck.hosts().home_argv(home, words, tty=somebody_answers() and is_terminal())
    flush()
    code = run_in_terminal(argv)
    if code == _FAILED:
        raise UnreachableError(f"{home} can't be reached.", hint="ssh has said above why.")
    return code if code >= 0 else ExitCode.INTERRUPTED
