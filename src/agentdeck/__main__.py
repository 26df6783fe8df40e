"""The one place that names both faces: no verb opens the dashboard, a verb is the CLI's."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # what a type checker takes for true; nothing is loaded before an interrupt can be heeded
if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck


def main() -> int:
    _mend_streams()
    _know_every_path()
    try:
        from agentdeck.cli import main as cli

        code = cli.main(sys.argv[1:], _dashboard)
        if "temporalio" in sys.modules:
            _leave(code)
        return code
    except KeyboardInterrupt:  # while that is being loaded, or at its very end
        return 130


def _leave(code: int) -> None:
    """Exit without taking the interpreter down: temporalio's threads can't be ended, and crash one that goes away
    beneath them (its issue 300)."""
    import atexit

    from agentdeck.cli.output import give_up

    atexit._run_exitfuncs()
    give_up()
    os._exit(code)


def _mend_streams() -> None:
    """Give the program streams to nowhere in place of those that its caller has closed, so that no file becomes one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest free number is the stream's own, for those before it are open by now.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def _know_every_path() -> None:
    """Start again in Python's UTF-8 mode where the locale's encoding does not know every path. The state has paths as
    UTF-8, whatever the locale of the shell that wrote them."""
    if sys.getfilesystemencoding() != "utf-8":
        terminal = f"{sys.stdout.encoding}:replace"  # noqa: TID251 - nothing is written
        os.environ.setdefault("PYTHONIOENCODING", terminal)
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606


def _dashboard(everywhere: bool) -> int:
    import gc

    # Nothing of what is loaded now becomes garbage; the dashboard lets it be collected again after its first paint.
    gc.disable()
    from agentdeck.engine.deck import Deck

    # Before Textual is loaded: outside of a repository a sentence is all that is wanted.
    deck = _any_deck(Deck) if everywhere else Deck.find()
    from agentdeck.tui.app import run_dashboard

    return run_dashboard(deck, everywhere=everywhere)


def _any_deck(kind: type[Deck]) -> Deck:
    """The deck of this repository; outside of one the first that is known."""
    from agentdeck.errors import NotFoundError

    try:
        return kind.find()
    except NotFoundError:
        if not (known := kind.everywhere()):
            raise
        return known[0]


if __name__ == "__main__":
    sys.exit(main())
