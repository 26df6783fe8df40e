"""The one place that names both faces: no verb opens the dashboard, a verb is the CLI's."""

from __future__ import annotations

import sys


def main() -> int:
    from agentdeck.cli import main as cli

    return cli.main(sys.argv[1:], _dashboard)


def _dashboard() -> int:
    from agentdeck.engine.deck import Deck

    # Before Textual is loaded: outside of a repository a sentence is all that is wanted.
    deck = Deck.find()
    from agentdeck.tui.app import run_dashboard

    return run_dashboard(deck)


if __name__ == "__main__":
    sys.exit(main())
