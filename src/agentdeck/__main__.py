"""The one place that names both faces: no verb opens the dashboard, a verb is the CLI's."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # what a type checker takes for true; nothing is loaded before an interrupt can be heeded
if TYPE_CHECKING:
    from agentdeck.engine.deck import Deck


def main() -> int:
    gc.disable()  # nothing of what is loaded becomes garbage; what runs longer lets it be collected again
    _mend_streams()
    _know_every_path()
    try:
        from agentdeck.cli import main as cli

        code = cli.main(sys.argv[1:], _dashboard)
        _leave(code)
        return code
    except KeyboardInterrupt:  # while that is being loaded, or at its very end
        return 130


def _leave(code: int) -> None:
    """Exit as Python does, but without taking all objects down, a tenth of a short verb's time. Beneath temporalio's
    threads, which can't be ended, that crashes too (its issue 300)."""
    import atexit

    from agentdeck.cli.output import give_up

    if (threading := sys.modules.get("threading")) and "temporalio" not in sys.modules:
        threading._shutdown()  # waits for threads that are no daemons
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
