"""The process of the tools: `python -m agentdeck.mcp [--as AGENT] [--root DIR] [--http [--port N]]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agentdeck.errors import DeckError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m agentdeck.mcp")
    parser.add_argument("--as", dest="caller", default="", metavar="AGENT")
    parser.add_argument("--root", type=Path, default=Path())
    parser.add_argument("--http", action="store_true")
    parser.add_argument("--port", type=int, default=0)
    args = parser.parse_args()
    from agentdeck.engine.deck import Deck
    from agentdeck.mcp.tracing import start_tracing

    try:
        deck = Deck.find(args.root)
        start_tracing()
        caller = args.caller or deck.delegation.caller()
        if args.http:
            from agentdeck.mcp.http import serve

            serve(deck.root, args.port)
            return 0
        from agentdeck.mcp.server import make_server

        make_server(deck.root, caller).run(transport="stdio", show_banner=False)
    except (DeckError, OSError) as error:
        sys.stderr.write(f"agentdeck: {error}\n")
        return int(error.exit_code) if isinstance(error, DeckError) else 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
